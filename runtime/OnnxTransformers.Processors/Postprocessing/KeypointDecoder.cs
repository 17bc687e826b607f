using System.Collections.Immutable;

namespace OnnxTransformers.Processors;

/// <summary>A point in a picture.</summary>
/// <param name="X">Column, in pixels of the target.</param>
/// <param name="Y">Row.</param>
/// <param name="Score">Between 0 and 1.</param>
/// <param name="Descriptor">What it looks like, to find it in another picture; empty where it wasn't given.</param>
public sealed record Keypoint(int X, int Y, float Score, ImmutableArray<float> Descriptor);

/// <summary>A point that two pictures share.</summary>
/// <param name="X0">Column in the first picture, in its pixels.</param>
/// <param name="Y0">Row in the first picture.</param>
/// <param name="X1">Column in the second picture, in its pixels.</param>
/// <param name="Y1">Row in the second picture.</param>
/// <param name="Score">Between 0 and 1.</param>
public sealed record KeypointMatch(int X0, int Y0, int X1, int Y1, float Score);

/// <summary>Turns keypoint models' outputs into points in pixels. Source: post_process_keypoint_detection of models/superpoint, post_process_keypoint_matching of models/superglue, models/lightglue and
/// models/efficientloftr.</summary>
public static class KeypointDecoder
{
    /// <summary>The points of one picture (SuperPoint).</summary>
    /// <param name="keypoints">[points, 2]: x and y as shares of the picture.</param>
    /// <param name="scores">[points].</param>
    /// <param name="descriptors">[points, width], or empty.</param>
    /// <param name="mask">[points]: 0 where there is none.</param>
    /// <param name="width">The picture's width.</param>
    /// <param name="height">The picture's height.</param>
    /// <exception cref="InvalidInputException">They are not of the same number of points.</exception>
    public static ImmutableArray<Keypoint> Decode(ReadOnlySpan<float> keypoints, ReadOnlySpan<float> scores, ReadOnlySpan<float> descriptors, ReadOnlySpan<long> mask, int width, int height)
    {
        var count = mask.Length;
        Check(keypoints.Length == 2 * count && scores.Length == count && (count == 0 || descriptors.Length % count == 0), $"{keypoints.Length} coordinates, {scores.Length} scores and {descriptors.Length} numbers of descriptors for {count} points");
        var (each, points) = (count == 0 ? 0 : descriptors.Length / count, ImmutableArray.CreateBuilder<Keypoint>());
        for (var i = 0; i < count; i++)
            if (mask[i] != 0) points.Add(new((int)(keypoints[2 * i] * width), (int)(keypoints[2 * i + 1] * height), scores[i], [.. descriptors.Slice(i * each, each)]));
        return points.ToImmutable();
    }

    /// <summary>What two pictures share (SuperGlue, LightGlue): each point of the first names its partner.</summary>
    /// <param name="keypoints">[2, points, 2]: x and y as shares of each picture.</param>
    /// <param name="mask">[2, points]: 0 where there is none; empty where all are there.</param>
    /// <param name="matches">[2, points]: the partner's number among the points that are there, or -1.</param>
    /// <param name="scores">[2, points].</param>
    /// <param name="first">Width and height of the first picture.</param>
    /// <param name="second">Width and height of the second picture.</param>
    /// <param name="threshold">Scores have to be above it.</param>
    /// <exception cref="InvalidInputException">They are not of the same number of points.</exception>
    public static ImmutableArray<KeypointMatch> Match(ReadOnlySpan<float> keypoints, ReadOnlySpan<long> mask, ReadOnlySpan<long> matches, ReadOnlySpan<float> scores, (int Width, int Height) first, (int Width, int Height) second, float threshold = 0)
    {
        var count = Points(keypoints, matches, scores);
        Check(mask.IsEmpty || mask.Length == 2 * count, $"a mask of {mask.Length} for 2 x {count} points");
        int[] there = [.. Enumerable.Range(0, count)], partners = there;
        if (!mask.IsEmpty) (there, partners) = (Set(mask[..count]), Set(mask[count..]));
        var found = ImmutableArray.CreateBuilder<KeypointMatch>();
        foreach (var i in there)
        {
            // Padding that was matched counts for nothing, as in the reference.
            if (scores[i] > threshold && matches[i] >= 0 && matches[i] < partners.Length) found.Add(Pair(keypoints, i, count + partners[matches[i]], scores[i], first, second));
        }
        return found.ToImmutable();
    }

    /// <summary>What two pictures share (EfficientLoFTR): points of the same place in both lists are partners.</summary>
    /// <inheritdoc cref="Match"/>
    public static ImmutableArray<KeypointMatch> MatchInOrder(ReadOnlySpan<float> keypoints, ReadOnlySpan<long> matches, ReadOnlySpan<float> scores, (int Width, int Height) first, (int Width, int Height) second, float threshold = 0)
    {
        var count = Points(keypoints, matches, scores);
        var (left, right) = (Valid(matches[..count], scores[..count], threshold), Valid(matches[count..], scores[count..], threshold));
        var found = ImmutableArray.CreateBuilder<KeypointMatch>();
        for (var i = 0; i < Math.Min(left.Length, right.Length); i++) found.Add(Pair(keypoints, left[i], count + right[i], scores[left[i]], first, second));
        return found.ToImmutable();
    }

    private static int Points(ReadOnlySpan<float> keypoints, ReadOnlySpan<long> matches, ReadOnlySpan<float> scores)
    {
        Check(matches.Length % 2 == 0 && keypoints.Length == 2 * matches.Length && scores.Length == matches.Length, $"{keypoints.Length} coordinates and {scores.Length} scores for {matches.Length} matches");
        return matches.Length / 2;
    }

    private static KeypointMatch Pair(ReadOnlySpan<float> keypoints, int i, int j, float score, (int Width, int Height) first, (int Width, int Height) second) =>
        new((int)(keypoints[2 * i] * first.Width), (int)(keypoints[2 * i + 1] * first.Height), (int)(keypoints[2 * j] * second.Width), (int)(keypoints[2 * j + 1] * second.Height), score);

    private static int[] Valid(ReadOnlySpan<long> matches, ReadOnlySpan<float> scores, float threshold)
    {
        var valid = new List<int>();
        for (var i = 0; i < matches.Length; i++)
            if (scores[i] > threshold && matches[i] > -1) valid.Add(i);
        return [.. valid];
    }

    private static int[] Set(ReadOnlySpan<long> mask)
    {
        var set = new List<int>();
        for (var i = 0; i < mask.Length; i++)
            if (mask[i] != 0) set.Add(i);
        return [.. set];
    }

    private static void Check(bool fits, string found)
    {
        if (!fits) throw new InvalidInputException("reading keypoints", new Problem("", found, "outputs of one picture or pair, of the same number of points"));
    }
}
