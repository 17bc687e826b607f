namespace OnnxTransformers.Generation;

/// <summary>Which tokens a <see cref="GreenListWatermark"/> favours after a context. Reference: WatermarkLogitsProcessor. Not thread-safe.</summary>
internal sealed class GreenList
{
    private const int TableSize = 1_000_003;
    private readonly GreenListWatermark _mark;
    private readonly MersenneTwister _generator;
    private readonly int[] _table;
    private readonly int[] _permutation;
    private readonly int _green;

    internal GreenList(GreenListWatermark mark, int vocabulary)
    {
        _mark = mark;
        _generator = new((ulong)mark.HashingKey);
        _permutation = new int[vocabulary];
        _green = (int)(vocabulary * mark.GreenListRatio);
        _table = mark.SelfHash ? new int[TableSize] : [];
        if (mark.SelfHash) _generator.Permute(_table, TableSize);
    }

    /// <summary>The favoured tokens; valid until the next call.</summary>
    /// <param name="context">The tokens before; with self-hashing the token itself is the last.</param>
    internal ReadOnlySpan<int> After(ReadOnlySpan<int> context)
    {
        _generator.Seed(SeedOf(context[Math.Max(0, context.Length - _mark.ContextWidth)..]));
        _generator.Permute(_permutation, _green);
        return _permutation.AsSpan(0, _green);
    }

    private ulong SeedOf(ReadOnlySpan<int> context)
    {
        if (!_mark.SelfHash) return Wrap(unchecked(_mark.HashingKey * context[^1]));
        var own = _table[context[^1] % TableSize] + 1L;
        var least = long.MaxValue;
        foreach (var id in context) least = Math.Min(least, unchecked(_mark.HashingKey * (_table[id % TableSize] + 1L) * own));
        return Wrap(least);
    }

    /// <summary>The remainder by 2^64 - 1, never negative.</summary>
    private static ulong Wrap(long seed) => seed >= 0 ? (ulong)seed : unchecked((ulong)seed - 1);
}

/// <summary>Raises the scores of the favoured tokens.</summary>
internal sealed class GreenListProcessor(GreenListWatermark mark, int vocabulary) : RowProcessor
{
    /// <summary>With self-hashing every token has a list of its own; so many of the best are tried.</summary>
    private const int Tried = 40;
    private readonly GreenList _list = new(mark, vocabulary);

    protected override void Process(ReadOnlySpan<int> ids, Span<float> scores, int number)
    {
        if (ids.Length < mark.ContextWidth) return;
        if (!mark.SelfHash)
        {
            foreach (var token in _list.After(ids)) scores[token] += (float)mark.Bias;
            return;
        }
        Span<Scored> best = stackalloc Scored[Tried];
        best = best[..Distribution.Top(scores, best)];
        Span<int> context = new int[mark.ContextWidth];
        ids[(ids.Length + 1 - context.Length)..].CopyTo(context);
        foreach (var candidate in best)
        {
            context[^1] = candidate.Token;
            if (_list.After(context).Contains(candidate.Token)) scores[candidate.Token] += (float)mark.Bias;
        }
    }
}
