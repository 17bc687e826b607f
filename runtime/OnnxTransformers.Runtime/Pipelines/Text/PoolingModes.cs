using System.Collections.Immutable;

namespace OnnxTransformers;

/// <summary>Ways to make one vector of a text's token vectors.</summary>
internal enum PoolingMode
{
    /// <summary>The first token's.</summary>
    Cls,
    /// <summary>The largest of each place.</summary>
    Max,
    /// <summary>The mean.</summary>
    Mean,
    /// <summary>The sum over the square root of their number.</summary>
    MeanSqrtLength,
    /// <summary>The mean weighted by position, counted from 1.</summary>
    WeightedMean,
    /// <summary>The last token's.</summary>
    LastToken,
}

/// <summary>Pooling outside the graph, for packages whose graph ends at the token vectors. Several modes are concatenated in the order of the enumeration. Reference: sentence-transformers, models/Pooling.py.</summary>
internal static class PoolingModes
{
    // The key of each mode as it was written until version 5.6, and its name as pooling_mode since.
    private static readonly ImmutableArray<(PoolingMode Mode, string Key, string Name)> Table =
    [
        (PoolingMode.Cls, "pooling_mode_cls_token", "cls"), (PoolingMode.Max, "pooling_mode_max_tokens", "max"), (PoolingMode.Mean, "pooling_mode_mean_tokens", "mean"),
        (PoolingMode.MeanSqrtLength, "pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens"), (PoolingMode.WeightedMean, "pooling_mode_weightedmean_tokens", "weightedmean"),
        (PoolingMode.LastToken, "pooling_mode_lasttoken", "lasttoken"),
    ];

    /// <summary>Reads a pooling module's configuration; mean where there is none.</summary>
    internal static (ImmutableArray<PoolingMode> Modes, bool IncludePrompt) Read(ConfigReader? json, string task)
    {
        if (json is null) return ([PoolingMode.Mean], true);
        var include = json.Bool("include_prompt", true);
        var modes = Modes(json);
        if (modes.Length == 0) json.Problem("pooling_mode", "none", string.Join(", ", Table.Select(t => t.Name)));
        if (json.Problems.Count > 0) throw new UnsupportedCheckpointException($"opening {json.File} for {task}", json.Problems);
        return (modes, include);
    }

    /// <summary>Pools the vectors of one text.</summary>
    /// <param name="modes">The modes.</param>
    /// <param name="tokens">Row-major [length, width], without padding.</param>
    /// <param name="width">Numbers in a vector.</param>
    /// <param name="before">Padding before the first token, which counts as positions.</param>
    /// <param name="skip">Tokens at the beginning, padding included, that are left out.</param>
    internal static float[] Pool(ImmutableArray<PoolingMode> modes, ReadOnlySpan<float> tokens, int width, int before, int skip)
    {
        var result = new float[modes.Length * width];
        var from = Math.Clamp(skip - before, 0, tokens.Length / width);
        for (var m = 0; m < modes.Length; m++) Pool(modes[m], tokens, width, before, from, result.AsSpan(m * width, width));
        return result;
    }

    private static ImmutableArray<PoolingMode> Modes(ConfigReader json)
    {
        if (json.String("pooling_mode") is { } named)
        {
            var parts = named.Split('+');
            foreach (var part in parts)
                if (Table.All(t => t.Name != part)) json.Problem("pooling_mode", $"\"{part}\"", string.Join(", ", Table.Select(t => t.Name)));
            return [.. Table.Where(t => parts.Contains(t.Name)).Select(t => t.Mode)];
        }
        // Mean is the constructor's default, so it holds where its key is absent.
        return [.. Table.Where(t => json.Bool(t.Key, t.Mode == PoolingMode.Mean)).Select(t => t.Mode)];
    }

    private static void Pool(PoolingMode mode, ReadOnlySpan<float> tokens, int width, int before, int from, Span<float> result)
    {
        var length = tokens.Length / width;
        switch (mode)
        {
            case PoolingMode.Cls:
                tokens[..width].CopyTo(result);
                return;
            case PoolingMode.LastToken:
                if (length > from) tokens[((length - 1) * width)..].CopyTo(result);
                return;
            case PoolingMode.Max:
                result.Fill(-1e9f);
                for (var t = from; t < length; t++)
                    for (var i = 0; i < width; i++) result[i] = MathF.Max(result[i], tokens[t * width + i]);
                return;
            default:
                var total = 0f;
                for (var t = from; t < length; t++)
                {
                    float weight = mode == PoolingMode.WeightedMean ? before + t + 1 : 1;
                    total += weight;
                    for (var i = 0; i < width; i++) result[i] += weight * tokens[t * width + i];
                }
                total = MathF.Max(total, 1e-9f);
                if (mode == PoolingMode.MeanSqrtLength) total = MathF.Sqrt(total);
                foreach (ref var value in result) value /= total;
                return;
        }
    }
}
