using System.Buffers;

namespace OnnxTransformers.Generation;

/// <summary>Takes the best token, of equal ones the first.</summary>
internal sealed class BestToken : ISampler
{
    internal static BestToken Instance { get; } = new();

    public int Choose(ReadOnlySpan<float> scores, int number) => Distribution.BestIndex(scores);
}

/// <summary>Draws tokens by their probabilities. With a seed the draws of a request are the same each time; they are not the reference's, whose generator is another.</summary>
internal sealed class DrawnToken(int? seed) : ISampler
{
    private readonly Random _random = seed is { } s ? new Random(s) : new Random();

    public int Choose(ReadOnlySpan<float> scores, int number)
    {
        var weights = ArrayPool<float>.Shared.Rent(scores.Length);
        var all = weights.AsSpan(0, scores.Length);
        Distribution.SoftMax(scores, all);
        var token = Draw(all);
        ArrayPool<float>.Shared.Return(weights);
        return token;
    }

    /// <summary>Draws several different tokens, one after the other.</summary>
    internal int[] ChooseDistinct(Span<float> weights, int count)
    {
        var drawn = new int[count];
        for (var i = 0; i < count; i++)
        {
            drawn[i] = Draw(weights);
            weights[drawn[i]] = 0;
        }
        return drawn;
    }

    private int Draw(ReadOnlySpan<float> weights)
    {
        var sum = 0.0;
        foreach (var weight in weights) sum += weight;
        if (!(sum > 0) || double.IsInfinity(sum)) throw new InvalidInputException("drawing a token", new Problem("scores", "none that a token could be drawn by", "finite scores", "loosen what takes tokens out, or set remove_invalid_values"));
        var left = _random.NextDouble() * sum;
        var last = 0;
        for (var i = 0; i < weights.Length; i++)
        {
            if (!(weights[i] > 0)) continue;
            last = i;
            left -= weights[i];
            if (left < 0) return i;
        }
        return last;
    }
}
