using System.Collections.Immutable;
using OnnxTransformers.Processors.Processing;

namespace OnnxTransformers.Processors;

/// <summary>A part of a picture.</summary>
/// <param name="Id">Its number in the map; several may share one that was fused.</param>
/// <param name="Label">The class.</param>
/// <param name="WasFused">All parts of this class are one.</param>
/// <param name="Score">Between 0 and 1.</param>
public sealed record Segment(int Id, int Label, bool WasFused, float Score);

/// <summary>The parts of a picture: a number for each pixel (0, or -1 where nothing was found at all) and what the numbers mean.</summary>
/// <param name="Map">[height, width].</param>
/// <param name="Segments">In the order in which they were found.</param>
public sealed record Segmentation(LabelMap Map, ImmutableArray<Segment> Segments);

/// <summary>Turns queries with a mask each into parts of a picture that don't overlap. Source: post_process_instance_segmentation and
/// post_process_panoptic_segmentation of models/detr.</summary>
public static class InstanceDecoder
{
    /// <summary>The parts of one picture, instances and, where classes are fused, panoptic.</summary>
    /// <param name="classLogits">[queries, classes + 1], "nothing" last.</param>
    /// <param name="maskLogits">[queries, height, width].</param>
    /// <param name="queries">How many.</param>
    /// <param name="height">Rows of the masks.</param>
    /// <param name="width">Columns of the masks.</param>
    /// <param name="targetHeight">Rows of the result; those of the masks without it.</param>
    /// <param name="targetWidth">Columns of the result.</param>
    /// <param name="threshold">Queries have to score above it.</param>
    /// <param name="maskThreshold">From where on a pixel belongs to a query's own mask.</param>
    /// <param name="overlapThreshold">The share of its mask that has to be left to a query.</param>
    /// <param name="fused">Classes whose parts are one (sky, grass).</param>
    /// <param name="maskHeight">Rows to which the mask logits are resized before anything else, where the class does that (Mask2Former: 384).</param>
    /// <param name="maskWidth">Columns likewise.</param>
    /// <exception cref="InvalidInputException">The logits are not as many as they should be.</exception>
    public static Segmentation Decode(ReadOnlySpan<float> classLogits, ReadOnlySpan<float> maskLogits, int queries, int height, int width, int? targetHeight = null, int? targetWidth = null,
        float threshold = 0.5f, float maskThreshold = 0.5f, double overlapThreshold = 0.8, IReadOnlyCollection<int>? fused = null, int? maskHeight = null, int? maskWidth = null)
    {
        var classes = ModelPlanes.Rows(classLogits, queries);
        var planes = ModelPlanes.Of(maskLogits, queries, height, width).To(maskHeight, maskWidth, new PlaneFilter());
        var (kept, scores) = (new List<(int Query, int Label, float Score)>(), new float[classes]);
        for (var q = 0; q < queries; q++)
        {
            Probabilities.Softmax(classLogits.Slice(q * classes, classes), scores);
            var label = Probabilities.Largest(scores);
            if (label != classes - 1 && scores[label] > threshold) kept.Add((q, label, scores[label]));
        }
        if (kept.Count == 0) return Nothing(targetHeight ?? planes.Height, targetWidth ?? planes.Width);
        var plane = planes.Height * planes.Width;
        var probabilities = new float[kept.Count * plane];
        for (var k = 0; k < kept.Count; k++)
            for (var i = 0; i < plane; i++) probabilities[k * plane + i] = Probabilities.Sigmoid(planes.Values[kept[k].Query * plane + i]);
        var masks = new Planes(kept.Count, planes.Height, planes.Width, probabilities).To(targetHeight, targetWidth, new PlaneFilter()).Map((v, k) => v * kept[k].Score);
        return Assign(masks, kept, maskThreshold, overlapThreshold, fused ?? []);
    }

    /// <summary>The instances of one picture as OneFormer gives them: the best pairs of query and class above the threshold, each pixel to the pair with the
    /// largest mask logit times score.</summary>
    /// <param name="classLogits">[queries, classes + 1], "nothing" last.</param>
    /// <param name="maskLogits">[queries, height, width].</param>
    /// <param name="queries">How many; as many pairs are looked at.</param>
    /// <param name="height">Rows of the masks.</param>
    /// <param name="width">Columns of the masks.</param>
    /// <param name="targetHeight">Rows of the result; those of the masks without it.</param>
    /// <param name="targetWidth">Columns of the result.</param>
    /// <param name="threshold">Pairs have to score above it.</param>
    /// <param name="maskThreshold">From where on a pixel belongs to a pair's own mask.</param>
    /// <param name="overlapThreshold">The share of its mask that has to be left to a pair.</param>
    /// <exception cref="InvalidInputException">The logits are not as many as they should be.</exception>
    /// <remarks>Source: post_process_instance_segmentation of models/oneformer. Pairs come in torch's order, see <see cref="UnsortedTop"/>.</remarks>
    public static Segmentation DecodeOneFormer(ReadOnlySpan<float> classLogits, ReadOnlySpan<float> maskLogits, int queries, int height, int width, int? targetHeight = null, int? targetWidth = null,
        float threshold = 0.5f, float maskThreshold = 0.5f, double overlapThreshold = 0.8)
    {
        var masks = ModelPlanes.Of(maskLogits, queries, height, width);
        var pairs = Pairs(classLogits, queries).Where(p => p.Score > threshold).ToList();
        if (pairs.Count == 0) return Nothing(targetHeight ?? height, targetWidth ?? width);
        float[] values = [.. pairs.SelectMany(p => masks.Values.AsSpan(p.Query * height * width, height * width).ToArray())];
        var scaled = new Planes(pairs.Count, height, width, values).To(targetHeight, targetWidth, new PlaneFilter()).Map((v, k) => v * pairs[k].Score);
        return Assign(scaled, pairs, maskThreshold, overlapThreshold, []);
    }

    /// <summary>The instances of one picture as MaskFormer and Mask2Former give them: the best pairs of query and class, later ones over earlier ones; pixels
    /// without any are -1.</summary>
    /// <param name="classLogits">[queries, classes + 1], "nothing" last.</param>
    /// <param name="maskLogits">[queries, height, width].</param>
    /// <param name="queries">How many; as many pairs are looked at.</param>
    /// <param name="height">Rows of the masks.</param>
    /// <param name="width">Columns of the masks.</param>
    /// <param name="targetHeight">Rows of the result; those of the masks without it.</param>
    /// <param name="targetWidth">Columns of the result.</param>
    /// <param name="threshold">Pairs have to score at least that, their class's score times the mean of their mask.</param>
    /// <param name="maskHeight">Rows to which the mask logits are resized before anything else, where the class does that (Mask2Former: 384).</param>
    /// <param name="maskWidth">Columns likewise.</param>
    /// <exception cref="InvalidInputException">The logits are not as many as they should be.</exception>
    /// <remarks>Source: post_process_instance_segmentation of models/mask2former. Pairs come in torch's order, see <see cref="UnsortedTop"/>.</remarks>
    public static Segmentation DecodePairs(ReadOnlySpan<float> classLogits, ReadOnlySpan<float> maskLogits, int queries, int height, int width, int? targetHeight = null, int? targetWidth = null,
        float threshold = 0.5f, int? maskHeight = null, int? maskWidth = null)
    {
        var masks = ModelPlanes.Of(maskLogits, queries, height, width).To(maskHeight, maskWidth, new PlaneFilter());
        var plane = masks.Height * masks.Width;
        var (rows, columns) = (targetHeight ?? masks.Height, targetWidth ?? masks.Width);
        var (map, segments) = (new int[rows * columns], ImmutableArray.CreateBuilder<Segment>());
        Array.Fill(map, -1);
        foreach (var (query, label, classScore) in Pairs(classLogits, queries))
        {
            var mask = masks.Values.AsMemory(query * plane, plane);
            var (sum, area) = (0.0, 0);
            foreach (var v in mask.Span)
                if (v > 0) (sum, area) = (sum + Probabilities.Sigmoid(v), area + 1);
            var score = (float)(classScore * (sum / (area + 1e-6)));
            if (score < threshold) continue;
            var (before, taken) = (segments.Count, false);
            for (var i = 0; i < map.Length; i++)
            {
                // The nearest pixel, as torch picks it.
                var (y, x) = ((int)((float)masks.Height / rows * (i / columns)), (int)((float)masks.Width / columns * (i % columns)));
                if (!(mask.Span[Math.Min(y, masks.Height - 1) * masks.Width + Math.Min(x, masks.Width - 1)] > 0)) continue;
                (map[i], taken) = (before, true);
            }
            if (taken) segments.Add(new(before, label, false, (float)Math.Round(score, 6)));
        }
        return new(new(columns, rows, [.. map]), segments.ToImmutable());
    }

    // The best pairs of query and class, as many as there are queries.
    private static IEnumerable<(int Query, int Label, float Score)> Pairs(ReadOnlySpan<float> classLogits, int queries)
    {
        var classes = ModelPlanes.Rows(classLogits, queries) - 1;
        var (scores, row) = (new float[queries * classes], new float[classes + 1]);
        for (var q = 0; q < queries; q++)
        {
            Probabilities.Softmax(classLogits.Slice(q * (classes + 1), classes + 1), row);
            row.AsSpan(0, classes).CopyTo(scores.AsSpan(q * classes));
        }
        return UnsortedTop.Of(scores, queries).Select(i => (i / classes, i % classes, scores[i]));
    }

    private static Segmentation Nothing(int height, int width)
    {
        var map = new int[height * width];
        Array.Fill(map, -1);
        return new(new(width, height, [.. map]), []);
    }

    private static Segmentation Assign(Planes masks, List<(int Query, int Label, float Score)> kept, float maskThreshold, double overlapThreshold, IReadOnlyCollection<int> fused)
    {
        var plane = masks.Height * masks.Width;
        var owner = new int[plane];
        for (var i = 0; i < plane; i++)
            for (var k = 1; k < kept.Count; k++)
                if (masks.Values[k * plane + i] > masks.Values[owner[i] * plane + i]) owner[i] = k;
        var (map, segments, ids, current) = (new int[plane], ImmutableArray.CreateBuilder<Segment>(), new Dictionary<int, int>(), 0);
        for (var k = 0; k < kept.Count; k++)
        {
            var area = owner.Count(o => o == k);
            var own = masks.Values.AsSpan(k * plane, plane).ToArray().Count(v => v >= maskThreshold);
            if (area == 0 || own == 0 || !((float)area / own > overlapThreshold)) continue;
            var (_, label, score) = kept[k];
            var fuse = fused.Contains(label);
            // After a fused class, counting goes on from its number, as in the reference.
            current = ids.TryGetValue(label, out var known) ? known : current + 1;
            for (var i = 0; i < plane; i++)
                if (owner[i] == k) map[i] = current;
            segments.Add(new(current, label, fuse, (float)Math.Round(score, 6)));
            if (fuse) ids[label] = current;
        }
        return new(new(masks.Width, masks.Height, [.. map]), segments.ToImmutable());
    }
}
