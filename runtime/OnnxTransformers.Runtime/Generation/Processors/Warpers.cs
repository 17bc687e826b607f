using System.Buffers;
using System.Numerics.Tensors;

namespace OnnxTransformers.Generation;

/// <summary>Divides the scores: below 1 the best tokens gain, above 1 the others.</summary>
internal sealed class Temperature(double temperature) : RowProcessor
{
    protected override void Process(ReadOnlySpan<int> ids, Span<float> scores, int number) => TensorPrimitives.Divide(scores, (float)temperature, scores);
}

/// <summary>Leaves the best tokens, and those as good as the last of them (Fan et al., 2018).</summary>
internal sealed class TopK(int k, int least = 1) : RowProcessor
{
    protected override void Process(ReadOnlySpan<int> ids, Span<float> scores, int number)
    {
        var kept = Math.Min(Math.Max(k, least), scores.Length);
        if (kept < scores.Length) Distribution.CutBelow(scores, Distribution.Kth(scores, kept));
    }
}

/// <summary>Leaves the best tokens that have a probability together (Holtzman et al., 2020).</summary>
internal sealed class TopP(double p, int least = 1) : RowProcessor
{
    private const int FirstLook = 64;

    protected override void Process(ReadOnlySpan<int> ids, Span<float> scores, int number)
    {
        var top = Distribution.Best(scores);
        var wanted = p * Distribution.SumOfExp(scores, top);
        // The nucleus is small as a rule; only where it isn't everything is sorted.
        for (var look = FirstLook; ; look *= 4)
        {
            var all = look >= scores.Length / 4;
            var best = all ? Distribution.Sorted(scores) : new Scored[look];
            if (!all) Distribution.Top(scores, best);
            var kept = Kept(best, top, wanted);
            if (kept == best.Length && !all) continue;
            foreach (var out_ in best.AsSpan(kept)) scores[out_.Token] = float.NegativeInfinity;
            if (!all) Distribution.CutBelow(scores, best[kept - 1].Score);
            return;
        }
    }

    /// <summary>A token stays while the better ones have less than the probability.</summary>
    private int Kept(ReadOnlySpan<Scored> best, float top, double wanted)
    {
        var sum = 0.0;
        for (var i = 0; i < best.Length; i++)
        {
            if (i >= least && !(sum < wanted)) return i;
            sum += Math.Exp(best[i].Score - top);
        }
        return best.Length;
    }
}

/// <summary>Leaves tokens with a share of the best one's probability (Nguyen et al., 2024).</summary>
internal sealed class MinP(double share, int least = 1) : RowProcessor
{
    protected override void Process(ReadOnlySpan<int> ids, Span<float> scores, int number)
    {
        var bound = Distribution.Best(scores) + (float)Math.Log(share);
        Distribution.CutBelow(scores, bound, least);
    }
}

/// <summary>Leaves the tokens whose surprise is nearest to the expected one (Meister et al., 2022).</summary>
internal sealed class TypicalP(double mass, int least = 1) : RowProcessor
{
    protected override void Process(ReadOnlySpan<int> ids, Span<float> scores, int number)
    {
        var total = Distribution.LogSumExp(scores);
        var entropy = Distribution.Entropy(scores, total);
        var shifted = ArrayPool<float>.Shared.Rent(scores.Length);
        // Negative, so that the most typical token is the best.
        for (var i = 0; i < scores.Length; i++) shifted[i] = -MathF.Abs(total - scores[i] - (float)entropy);
        var sorted = Distribution.Sorted(shifted.AsSpan(0, scores.Length));
        ArrayPool<float>.Shared.Return(shifted);
        var (last, sum) = (0, 0.0);
        for (; last < sorted.Length - 1; last++)
        {
            sum += Math.Exp(scores[sorted[last].Token] - total);
            if (!(sum < mass)) break;
        }
        for (var i = least; i < sorted.Length; i++)
            if (sorted[i].Score < sorted[last].Score) scores[sorted[i].Token] = float.NegativeInfinity;
    }
}

/// <summary>Leaves tokens of a probability (Hewitt et al., 2022).</summary>
internal sealed class EpsilonCutoff(double epsilon, int least = 1) : RowProcessor
{
    protected override void Process(ReadOnlySpan<int> ids, Span<float> scores, int number) => Cut(scores, epsilon, least);

    internal static void Cut(Span<float> scores, double probability, int least)
    {
        var bound = Distribution.LogSumExp(scores) + (float)Math.Log(probability);
        Distribution.CutBelow(scores, bound, least);
    }
}

/// <summary>Leaves tokens of a probability that falls with the entropy (Hewitt et al., 2022).</summary>
internal sealed class EtaCutoff(double epsilon, int least = 1) : RowProcessor
{
    protected override void Process(ReadOnlySpan<int> ids, Span<float> scores, int number)
    {
        var total = Distribution.LogSumExp(scores);
        var entropy = Distribution.Entropy(scores, total);
        EpsilonCutoff.Cut(scores, Math.Min(epsilon, Math.Sqrt(epsilon) * Math.Exp(-entropy)), least);
    }
}

/// <summary>Makes scores log probabilities again.</summary>
internal sealed class Renormalize : RowProcessor
{
    protected override void Process(ReadOnlySpan<int> ids, Span<float> scores, int number) => Distribution.LogSoftMax(scores);
}

/// <summary>Replaces what is no number by 0 and what is infinite by the largest finite number of its sign.</summary>
internal sealed class RemoveInvalid : RowProcessor
{
    protected override void Process(ReadOnlySpan<int> ids, Span<float> scores, int number)
    {
        foreach (ref var score in scores)
        {
            if (float.IsNaN(score)) score = 0;
            else if (float.IsInfinity(score)) score = score > 0 ? float.MaxValue : float.MinValue;
        }
    }
}
