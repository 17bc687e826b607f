using System.Collections.Immutable;

namespace OnnxTransformers;

/// <summary>Pooling outside the graph, for packages whose graph ends at the token vectors. Several modes are concatenated in the order of the enumeration. Reference: sentence-transformers, models/Pooling.py.</summary>
internal static class TokenPooling
{
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
