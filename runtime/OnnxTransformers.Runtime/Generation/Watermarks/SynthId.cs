using System.Buffers;
using System.Collections.Immutable;
using System.Numerics.Tensors;

namespace OnnxTransformers.Generation;

/// <summary>The hashes and draws of a <see cref="SynthIdWatermark"/>. Reference: SynthIDTextWatermarkLogitsProcessor.</summary>
internal sealed class SynthIdTable
{
    private readonly SynthIdWatermark _mark;
    private readonly byte[] _draws;

    internal SynthIdTable(SynthIdWatermark mark)
    {
        _mark = mark;
        _draws = new byte[mark.SamplingTableSize];
        var generator = new MersenneTwister((ulong)mark.SamplingTableSeed);
        for (var i = 0; i < _draws.Length; i++) _draws[i] = (byte)(generator.Next() % 2);
    }

    /// <summary>The draws that the table holds.</summary>
    internal ReadOnlySpan<byte> Draws => _draws;

    /// <summary>The hash of a context.</summary>
    internal static long Hash(ReadOnlySpan<int> context)
    {
        var hash = 1L;
        foreach (var id in context) hash = Add(hash, id);
        return hash;
    }

    /// <summary>The draw of a token in a round.</summary>
    /// <param name="hash">The hash of the context with the token.</param>
    /// <param name="round">Which key.</param>
    internal byte Draw(long hash, int round)
    {
        var at = Add(hash, _mark.Keys[round]) % _draws.Length;
        return _draws[at < 0 ? at + _draws.Length : at];
    }

    internal static long Add(long hash, long value) => unchecked(((hash + value) * 6364136223846793005) + 1);

    /// <summary>For every token from the context's length on, what each round draws: [tokens - n + 1, rounds].</summary>
    internal byte[][] Values(ReadOnlySpan<int> ids)
    {
        var rows = new byte[Math.Max(0, ids.Length - _mark.NgramLength + 1)][];
        for (var i = 0; i < rows.Length; i++)
        {
            var hash = Hash(ids.Slice(i, _mark.NgramLength));
            rows[i] = [.. Enumerable.Range(0, _mark.Keys.Length).Select(round => Draw(hash, round))];
        }
        return rows;
    }

    /// <summary>For every token as in <see cref="Values"/>, whether its context was not among the last ones.</summary>
    internal ImmutableArray<bool> FreshContexts(ReadOnlySpan<int> ids)
    {
        var history = new ContextHistory(_mark.ContextHistorySize);
        var fresh = ImmutableArray.CreateBuilder<bool>();
        for (var i = 0; i + _mark.NgramLength <= ids.Length; i++) fresh.Add(!history.Remember(Hash(ids.Slice(i, _mark.NgramLength - 1))));
        return fresh.ToImmutable();
    }
}

/// <summary>The last contexts of a sequence.</summary>
internal sealed class ContextHistory(int size)
{
    // As in the reference the history begins full of zeros.
    private readonly long[] _hashes = new long[size];
    private int _at;

    /// <summary>Takes a context in; true where it was there before.</summary>
    internal bool Remember(long hash)
    {
        var known = Array.IndexOf(_hashes, hash) >= 0;
        _hashes[_at] = hash;
        _at = (_at + 1) % size;
        return known;
    }
}

/// <summary>Moves probability to the tokens that win their rounds. It sees the tokens from its first call on; the prompt doesn't count.</summary>
internal sealed class SynthIdProcessor(SynthIdWatermark mark) : RowProcessor
{
    private readonly SynthIdTable _table = new(mark);
    private readonly Dictionary<int, State> _states = [];

    protected override void Process(ReadOnlySpan<int> ids, Span<float> scores, int number)
    {
        if (_states.TryGetValue(number, out var state)) state.Add(ids[^1]);
        else _states.Add(number, state = new(new int[mark.NgramLength - 1], new ContextHistory(mark.ContextHistorySize)));
        state.Calls++;
        if (mark.SkipFirstNgramCalls && state.Calls < mark.NgramLength) return;
        var context = SynthIdTable.Hash(state.Context);
        if (state.History.Remember(context)) return;
        var probabilities = ArrayPool<float>.Shared.Rent(scores.Length);
        Distribution.SoftMax(scores, probabilities);
        Tournament(context, probabilities.AsSpan(0, scores.Length));
        TensorPrimitives.Log(probabilities.AsSpan(0, scores.Length), scores);
        foreach (ref var score in scores)
            if (!float.IsFinite(score)) score = float.MinValue;
        ArrayPool<float>.Shared.Return(probabilities);
    }

    private void Tournament(long context, Span<float> probabilities)
    {
        var hashes = new long[probabilities.Length];
        for (var token = 0; token < hashes.Length; token++) hashes[token] = SynthIdTable.Add(context, token);
        var draws = new float[probabilities.Length];
        for (var round = 0; round < mark.Keys.Length; round++)
        {
            for (var token = 0; token < draws.Length; token++) draws[token] = _table.Draw(hashes[token], round);
            var mass = TensorPrimitives.Dot(draws, probabilities);
            TensorPrimitives.Add(draws, 1 - mass, draws);
            TensorPrimitives.Multiply(probabilities, draws, probabilities);
        }
    }

    private sealed class State(int[] context, ContextHistory history)
    {
        internal ReadOnlySpan<int> Context => context;

        internal ContextHistory History => history;

        internal int Calls { get; set; }

        internal void Add(int id)
        {
            if (context.Length == 0) return;
            context.AsSpan(1).CopyTo(context);
            context[^1] = id;
        }
    }
}
