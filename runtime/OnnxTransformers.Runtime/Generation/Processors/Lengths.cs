using System.Collections.Immutable;

namespace OnnxTransformers.Generation;

/// <summary>Keeps sequences from ending before they have a length.</summary>
internal sealed class MinLength(int least, ImmutableArray<int> eos) : RowProcessor
{
    protected override void Process(ReadOnlySpan<int> ids, Span<float> scores, int number)
    {
        if (ids.Length < least) Suppress.Cut(scores, eos);
    }
}

/// <summary>Makes a token the second one, of sequences that have only their first.</summary>
internal sealed class ForcedBos(int token) : RowProcessor
{
    protected override void Process(ReadOnlySpan<int> ids, Span<float> scores, int number)
    {
        if (ids.Length == 1) ForcedEos.Force(scores, [token]);
    }
}

/// <summary>Lets only some tokens be the last one of the greatest length.</summary>
internal sealed class ForcedEos(int maxLength, ImmutableArray<int> eos) : RowProcessor
{
    protected override void Process(ReadOnlySpan<int> ids, Span<float> scores, int number)
    {
        if (ids.Length == maxLength - 1) Force(scores, eos.AsSpan());
    }

    internal static void Force(Span<float> scores, ReadOnlySpan<int> tokens)
    {
        scores.Fill(float.NegativeInfinity);
        foreach (var token in tokens) scores[token] = 0;
    }
}

/// <summary>Favours the end more with every token after a length.</summary>
internal sealed class ExponentialDecayPenalty(ExponentialDecay decay, ImmutableArray<int> eos, int promptLength) : RowProcessor
{
    protected override void Process(ReadOnlySpan<int> ids, Span<float> scores, int number)
    {
        var beyond = ids.Length - decay.Start - promptLength;
        if (beyond <= 0) return;
        var growth = (float)(Math.Pow(decay.Factor, beyond) - 1);
        foreach (var token in eos) scores[token] += Math.Abs(scores[token]) * growth;
    }
}
