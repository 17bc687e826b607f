using System.Collections.Immutable;

namespace OnnxTransformers.Processors;

/// <summary>An object that was found.</summary>
/// <param name="Label">The class.</param>
/// <param name="Score">Between 0 and 1.</param>
/// <param name="Left">Left edge, in pixels of the target size (or as a share of the picture).</param>
/// <param name="Top">Upper edge.</param>
/// <param name="Right">Right edge.</param>
/// <param name="Bottom">Lower edge.</param>
public sealed record Detection(int Label, float Score, float Left, float Top, float Right, float Bottom);

/// <summary>How a detector's logits become scores.</summary>
public enum DetectionScores
{
    /// <summary>A softmax over the classes, of which the last means "nothing": one answer a query, in the order of queries (DETR, Table Transformer,
    /// YOLOS).</summary>
    Softmax,
    /// <summary>A sigmoid for each class: the best pairs of query and class, best first (Deformable DETR, Conditional DETR, RT-DETR).</summary>
    Sigmoid,
}

/// <summary>Turns a detector's logits and boxes into objects. Source: post_process_object_detection of models/detr, models/deformable_detr and
/// models/rt_detr.</summary>
public static class DetectionDecoder
{
    /// <summary>The objects of one picture.</summary>
    /// <param name="logits">[queries, classes], with the class "nothing" last where scores are a softmax.</param>
    /// <param name="boxes">[queries, 4]: centre x and y, width, height, as shares of the picture.</param>
    /// <param name="scores">How logits become scores.</param>
    /// <param name="width">The picture's width, or 1 for shares.</param>
    /// <param name="height">The picture's height, or 1 for shares.</param>
    /// <param name="threshold">Scores have to be above it.</param>
    /// <param name="most">With a sigmoid, pairs looked at; for RT-DETR the number of queries. 100 is the reference's default.</param>
    /// <exception cref="InvalidInputException">Logits and boxes are not of the same number of queries.</exception>
    public static ImmutableArray<Detection> Decode(ReadOnlySpan<float> logits, ReadOnlySpan<float> boxes, DetectionScores scores, int width = 1, int height = 1, float threshold = 0.5f, int most = 100)
    {
        var queries = boxes.Length / 4;
        if (queries == 0 || boxes.Length % 4 != 0 || logits.Length % queries != 0 || logits.Length == 0)
            throw new InvalidInputException("reading detections",
                new Problem("", $"{logits.Length} logits and {boxes.Length} numbers of boxes", "[queries, classes] and [queries, 4]"));
        var classes = logits.Length / queries;
        var found = ImmutableArray.CreateBuilder<Detection>();
        foreach (var (query, label, score) in scores == DetectionScores.Softmax ? Best(logits, queries, classes) : Top(logits, classes, most))
        {
            if (!(score > threshold)) continue;
            float x = boxes[4 * query], y = boxes[4 * query + 1], w = boxes[4 * query + 2], h = boxes[4 * query + 3];
            found.Add(new(label, score, (x - 0.5f * w) * width, (y - 0.5f * h) * height, (x + 0.5f * w) * width, (y + 0.5f * h) * height));
        }
        return found.ToImmutable();
    }

    private static List<(int Query, int Label, float Score)> Best(ReadOnlySpan<float> logits, int queries, int classes)
    {
        var result = new List<(int, int, float)>(queries);
        var scores = new float[classes];
        for (var q = 0; q < queries; q++)
        {
            Probabilities.Softmax(logits.Slice(q * classes, classes), scores);
            var label = Probabilities.Largest(scores.AsSpan(0, classes - 1));
            result.Add((q, label, scores[label]));
        }
        return result;
    }

    private static List<(int Query, int Label, float Score)> Top(ReadOnlySpan<float> logits, int classes, int most)
    {
        var scores = new float[logits.Length];
        for (var i = 0; i < scores.Length; i++) scores[i] = Probabilities.Sigmoid(logits[i]);
        return [.. Enumerable.Range(0, scores.Length).OrderByDescending(i => scores[i]).Take(most).Select(i => (i / classes, i % classes, scores[i]))];
    }
}
