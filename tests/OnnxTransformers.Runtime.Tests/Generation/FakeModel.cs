namespace OnnxTransformers.Generation;

/// <summary>A model whose scores depend on every token that counts and on its position, so that a wrong mask, position, row or cache shows. It checks what it is given.</summary>
internal sealed class FakeModel(int vocabulary = 50, bool canCrop = true, int? end = null) : ICausalModel
{
    private const int StateSize = 4;

    public int Vocabulary => vocabulary;

    public int? MaxPositions => 512;

    public bool GivesStates => true;

    public int? SwitchesAt { get; init; }

    /// <summary>Tokens that were read, padding included, in all runs.</summary>
    internal int TokensRead { get; private set; }

    /// <summary>Rows of each run.</summary>
    internal List<int> RowsOfRuns { get; } = [];

    /// <summary>Caches that are open.</summary>
    internal int OpenCaches { get; private set; }

    public IModelCache CreateCache(int capacity) => new Cache(this, capacity, canCrop);

    public IModelOutput Run(ModelStep step, IModelCache cache, CancellationToken cancellation = default)
    {
        cancellation.ThrowIfCancellationRequested();
        var own = (Cache)cache;
        if (own.Sequences.Count == 0)
            for (var r = 0; r < step.Rows; r++) own.Sequences.Add([]);
        if (own.Sequences.Count != step.Rows) throw new InvalidOperationException($"{step.Rows} rows, and the cache has {own.Sequences.Count}");
        if (own.Length + step.Tokens != step.Total) throw new InvalidOperationException($"{step.Total} in all, and {own.Length} + {step.Tokens}");
        if (step.Total > own.Capacity) throw new InvalidOperationException("beyond the capacity");
        TokensRead += step.Rows * step.Tokens;
        RowsOfRuns.Add(step.Rows);
        var scores = new float[step.Rows, step.Tokens][];
        for (var r = 0; r < step.Rows; r++)
            for (var t = 0; t < step.Tokens; t++)
            {
                var place = step.Total - step.Tokens + t;
                // What is read of a long text stands for other tokens than in a short one.
                own.Sequences[r].Add(((int)step.Ids[(r * step.Tokens) + t] + (step.Total > SwitchesAt ? 1000 : 0), (int)step.Mask[(r * step.Total) + place]));
                for (var p = 0; p <= place; p++)
                    if (own.Sequences[r][p].Mask != step.Mask[(r * step.Total) + p]) throw new InvalidOperationException("the mask of a token has changed");
                scores[r, t] = Scores(own.Sequences[r]);
            }
        return new Output(scores, step.ScoresKept);
    }

    /// <summary>The scores after tokens, from scratch.</summary>
    internal float[] Scores(IEnumerable<(int Id, int Mask)> tokens)
    {
        var (hash, position) = (17UL, 0UL);
        foreach (var (id, mask) in tokens)
            if (mask != 0) hash = unchecked((hash ^ ((ulong)id + (++position << 32))) * 0x9E3779B97F4A7C15);
        var scores = new float[vocabulary];
        for (var v = 0; v < vocabulary; v++)
        {
            var x = unchecked((hash ^ (ulong)(v + 1)) * 0xC2B2AE3D27D4EB4F);
            scores[v] = (float)((x >> 40) / (double)(1 << 24) * 8);
        }
        if (end is { } e) scores[e] += 2;
        return scores;
    }

    public void Dispose()
    {
        // It holds nothing.
    }

    private sealed class Output(float[,][] scores, int kept) : IModelOutput
    {
        public void CopyScores(int row, int back, Span<float> target)
        {
            if (back >= kept) throw new InvalidOperationException($"{kept} scores were asked for");
            scores[row, scores.GetLength(1) - 1 - back].CopyTo(target);
        }

        public ReadOnlySpan<float> State(int row, int back) => scores[row, scores.GetLength(1) - 1 - back].AsSpan(0, StateSize);

        public void Dispose()
        {
            // It holds nothing.
        }
    }

    private sealed class Cache : IModelCache
    {
        private readonly FakeModel _model;
        private bool _disposed;

        internal Cache(FakeModel model, int capacity, bool canCrop)
        {
            (_model, Capacity, CanCrop) = (model, capacity, canCrop);
            model.OpenCaches++;
        }

        internal List<List<(int Id, int Mask)>> Sequences { get; private set; } = [];

        public int Rows => Sequences.Count;

        public int Length => Sequences.Count == 0 ? 0 : Sequences[0].Count;

        public int Capacity { get; }

        public bool CanCrop { get; }

        public long HostBytes => 0;

        public void Select(ReadOnlySpan<int> rows)
        {
            if (Sequences.Count == 0) return;
            var selected = new List<List<(int, int)>>();
            foreach (var row in rows) selected.Add([.. Sequences[row]]);
            Sequences = selected;
        }

        public void Crop(int length)
        {
            if (length >= Length) return;
            if (!CanCrop) throw new NotSupportedException();
            foreach (var sequence in Sequences) sequence.RemoveRange(length, sequence.Count - length);
        }

        public void Dispose()
        {
            if (!_disposed) _model.OpenCaches--;
            _disposed = true;
        }
    }
}
