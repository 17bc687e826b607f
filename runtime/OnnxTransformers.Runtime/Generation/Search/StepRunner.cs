using System.Buffers;

namespace OnnxTransformers.Generation;

/// <summary>Runs a model on sequences that grow, and remembers how often.</summary>
internal sealed class StepRunner(ICausalModel model, IModelCache cache, int? chunk = null, bool countsPadding = false)
{
    private readonly ModelStep _step = new() { CountsPadding = countsPadding };

    internal ICausalModel Model => model;

    internal IModelCache Cache => cache;

    internal int Steps { get; private set; }

    /// <summary>Reads what sequences have and the cache has not.</summary>
    /// <param name="rows">The sequences, in the order of the cache's rows.</param>
    /// <param name="scoresKept">Last tokens whose scores are wanted.</param>
    /// <param name="states">Whether hidden states of all new tokens are wanted.</param>
    /// <param name="cancellation">Stops between two operators.</param>
    internal IModelOutput Run(IReadOnlyList<Sequence> rows, int scoresKept, bool states, CancellationToken cancellation)
    {
        var total = rows[0].Ids.Count;
        while (chunk is { } most && model.Remembers && total - cache.Length > most && !states)
        {
            Fill(rows, cache.Length + most);
            _step.ScoresKept = 1;
            model.Run(_step, cache, cancellation).Dispose();
            Steps++;
        }
        Fill(rows, total);
        (_step.ScoresKept, _step.States) = (scoresKept, states);
        Steps++;
        return model.Run(_step, cache, cancellation);
    }

    private void Fill(IReadOnlyList<Sequence> rows, int total)
    {
        // What was read of a short text does not serve a long one where the network reads that differently.
        if (model.SwitchesAt is { } most && total > most && cache.Length <= most) cache.Crop(0);
        var past = cache.Length;
        var tokens = total - past;
        _step.Resize(rows.Count, tokens, total);
        var ids = _step.Ids;
        var mask = _step.Mask;
        for (var r = 0; r < rows.Count; r++)
        {
            for (var t = 0; t < tokens; t++) ids[(r * tokens) + t] = rows[r].Ids[past + t];
            var line = mask.Slice(r * total, total);
            line.Fill(1);
            var prompt = rows[r].PromptMask;
            for (var t = 0; t < Math.Min(prompt.Length, total); t++) line[t] = prompt[t];
        }
    }
}

/// <summary>A buffer from the pool for the scores of all sequences of a step.</summary>
internal sealed class ScoreBuffer : IDisposable
{
    private float[] _data = [];

    /// <summary>A place for <paramref name="count"/> numbers; what stands there is undefined.</summary>
    internal Memory<float> Take(int count)
    {
        if (_data.Length < count)
        {
            Dispose();
            _data = ArrayPool<float>.Shared.Rent(count);
        }
        return _data.AsMemory(0, count);
    }

    public void Dispose()
    {
        if (_data.Length > 0) ArrayPool<float>.Shared.Return(_data);
        _data = [];
    }
}
