using System.Buffers;
using System.Runtime.InteropServices;

namespace OnnxTransformers.Generation;

/// <summary>Takes the best token, of equal ones the first.</summary>
internal sealed class BestToken : ISampler
{
    internal static BestToken Instance { get; } = new();

    public int Choose(ReadOnlySpan<float> scores, int number) => Distribution.BestIndex(scores);
}

/// <summary>Draws tokens by their probabilities. With a seed the draws of a prompt are the same each time, whatever is drawn beside it; they are not the reference's, whose generator is another and one for all.</summary>
/// <param name="seed">The seed; null for other draws each time.</param>
/// <param name="ofPrompt">Sequences of each prompt, which differ in their draws.</param>
internal sealed class DrawnToken(int? seed, int ofPrompt = 1) : ISampler
{
    private readonly Dictionary<int, Random> _randoms = [];

    public int Choose(ReadOnlySpan<float> scores, int number)
    {
        var weights = ArrayPool<float>.Shared.Rent(scores.Length);
        var all = weights.AsSpan(0, scores.Length);
        Distribution.SoftMax(scores, all);
        var token = Draw(all, RandomOf(number));
        ArrayPool<float>.Shared.Return(weights);
        return token;
    }

    /// <summary>Draws several different tokens, one after the other.</summary>
    internal int[] ChooseDistinct(Span<float> weights, int count, int number)
    {
        var (drawn, random) = (new int[count], RandomOf(number));
        for (var i = 0; i < count; i++)
        {
            drawn[i] = Draw(weights, random);
            weights[drawn[i]] = 0;
        }
        return drawn;
    }

    private Random RandomOf(int number)
    {
        if (seed is not { } s) return Random.Shared;
        ref var random = ref CollectionsMarshal.GetValueRefOrAddDefault(_randoms, number, out _);
        return random ??= new Random(unchecked(s + (int)(number % ofPrompt * 0x9E3779B9L)));
    }

    private static int Draw(ReadOnlySpan<float> weights, Random random)
    {
        var sum = 0.0;
        foreach (var weight in weights) sum += weight;
        if (!(sum > 0) || double.IsInfinity(sum)) throw new InvalidInputException("drawing a token", new Problem("scores", "none that a token could be drawn by", "finite scores", "loosen what takes tokens out, or set remove_invalid_values"));
        var left = random.NextDouble() * sum;
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
