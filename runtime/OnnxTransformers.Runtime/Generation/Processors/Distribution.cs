using System.Numerics;
using System.Numerics.Tensors;

namespace OnnxTransformers.Generation;

/// <summary>What processors and samplers compute of scores. Entries of minus infinity are tokens that are out.</summary>
internal static class Distribution
{
    /// <summary>Probabilities of scores; <paramref name="target"/> may be <paramref name="scores"/>, or longer.</summary>
    internal static void SoftMax(ReadOnlySpan<float> scores, Span<float> target)
    {
        target = target[..scores.Length];
        var best = Best(scores);
        TensorPrimitives.Subtract(scores, best, target);
        TensorPrimitives.Exp(target, target);
        TensorPrimitives.Divide(target, TensorPrimitives.Sum(target), target);
    }

    /// <summary>Makes scores log probabilities.</summary>
    internal static void LogSoftMax(Span<float> scores) => TensorPrimitives.Subtract(scores, LogSumExp(scores), scores);

    internal static float LogSumExp(ReadOnlySpan<float> scores)
    {
        var best = Best(scores);
        return float.IsNegativeInfinity(best) ? best : (float)(best + Math.Log(SumOfExp(scores, best)));
    }

    /// <summary>The entropy of scores, in nats; <paramref name="total"/> is their <see cref="LogSumExp"/>.</summary>
    internal static double Entropy(ReadOnlySpan<float> scores, float total)
    {
        var entropy = 0.0;
        foreach (var score in scores)
            if (float.IsFinite(score)) entropy -= (score - total) * Math.Exp(score - total);
        return entropy;
    }

    /// <summary>The sum of e to the scores less the best of them.</summary>
    internal static double SumOfExp(ReadOnlySpan<float> scores, float best)
    {
        Span<float> part = stackalloc float[1024];
        var sum = 0.0;
        for (var at = 0; at < scores.Length; at += part.Length)
        {
            var piece = scores[at..Math.Min(scores.Length, at + part.Length)];
            TensorPrimitives.Subtract(piece, best, part);
            TensorPrimitives.Exp(part[..piece.Length], part);
            sum += TensorPrimitives.Sum(part[..piece.Length]);
        }
        return sum;
    }

    /// <summary>The highest score.</summary>
    internal static float Best(ReadOnlySpan<float> scores) => TensorPrimitives.Max(scores);

    /// <summary>The first of the tokens with the highest score.</summary>
    internal static int BestIndex(ReadOnlySpan<float> scores) => TensorPrimitives.IndexOfMax(scores);

    /// <summary>The k-th highest score, counted from 1.</summary>
    internal static float Kth(ReadOnlySpan<float> scores, int k)
    {
        Span<Scored> best = k <= 256 ? stackalloc Scored[k] : new Scored[k];
        return best[Top(scores, best) - 1].Score;
    }

    /// <summary>The best tokens, the best first, of equal ones the first.</summary>
    /// <returns>How many: as many as asked for, or all.</returns>
    internal static int Top(ReadOnlySpan<float> scores, Span<Scored> best)
    {
        var count = 0;
        if (best.IsEmpty) return 0;
        var bound = new Vector<float>(float.NegativeInfinity);
        for (var i = 0; i < scores.Length; i++)
        {
            if (count == best.Length)
            {
                // Most blocks hold nothing better than what is kept.
                while (i + Vector<float>.Count <= scores.Length && !Vector.GreaterThanAny(new Vector<float>(scores[i..]), bound)) i += Vector<float>.Count;
                if (i >= scores.Length) break;
                if (!(scores[i] > best[count - 1].Score)) continue;
                count--;
            }
            var at = count++;
            for (; at > 0 && scores[i] > best[at - 1].Score; at--) best[at] = best[at - 1];
            best[at] = new(scores[i], i);
            if (count == best.Length) bound = new Vector<float>(best[count - 1].Score);
        }
        return count;
    }

    /// <summary>All tokens, the best first, of equal ones the first.</summary>
    internal static Scored[] Sorted(ReadOnlySpan<float> scores)
    {
        var all = new Scored[scores.Length];
        for (var i = 0; i < all.Length; i++) all[i] = new(scores[i], i);
        Array.Sort(all, static (a, b) => a.Score != b.Score ? b.Score.CompareTo(a.Score) : a.Token.CompareTo(b.Token));
        return all;
    }

    /// <summary>Takes out all tokens of a lower score, but leaves so many of the best.</summary>
    internal static void CutBelow(Span<float> scores, float bound, int least) => CutBelow(scores, Math.Min(bound, Kth(scores, Math.Min(least, scores.Length))));

    /// <summary>Takes out all tokens of a lower score.</summary>
    internal static void CutBelow(Span<float> scores, float least)
    {
        var at = 0;
        var bound = new Vector<float>(least);
        var cut = new Vector<float>(float.NegativeInfinity);
        for (; at + Vector<float>.Count <= scores.Length; at += Vector<float>.Count)
        {
            var v = new Vector<float>(scores[at..]);
            Vector.ConditionalSelect(Vector.LessThan(v, bound), cut, v).CopyTo(scores[at..]);
        }
        for (; at < scores.Length; at++)
            if (scores[at] < least) scores[at] = float.NegativeInfinity;
    }
}

/// <summary>A token and its score.</summary>
/// <param name="Score">The score.</param>
/// <param name="Token">The token's id.</param>
internal readonly record struct Scored(float Score, int Token);
