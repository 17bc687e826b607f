using OnnxTransformers.Generation;

namespace OnnxTransformers;

/// <summary>A model that says what it was told to, token after token, and notes what it reads.</summary>
internal sealed class ScriptedModel(int vocabulary, IReadOnlyList<int> script) : ICausalModel
{
    public int Vocabulary => vocabulary;

    public int? MaxPositions => null;

    public bool GivesStates => false;

    public bool Remembers { get; init; } = true;

    /// <summary>Tokens of each run.</summary>
    internal List<int> Read { get; } = [];

    /// <summary>Length of the prompt, after which the script begins.</summary>
    internal int PromptLength { get; set; }

    /// <summary>Caches that nobody has disposed.</summary>
    internal int OpenCaches { get; private set; }

    public IModelCache CreateCache(int capacity)
    {
        OpenCaches++;
        return new Cache(this);
    }

    public IModelOutput Run(ModelStep step, IModelCache cache, CancellationToken cancellation = default)
    {
        cancellation.ThrowIfCancellationRequested();
        if (step.Tokens > 1) PromptLength = step.Total;
        Read.Add(step.Tokens);
        ((Cache)cache).Length = step.Total;
        var at = step.Total - PromptLength;
        return new Output(vocabulary, at < script.Count ? script[at] : script[^1]);
    }

    public void Dispose()
    {
        // It holds nothing.
    }

    private sealed class Output(int vocabulary, int token) : IModelOutput
    {
        public void CopyScores(int row, int back, Span<float> target)
        {
            target[..vocabulary].Fill(-100);
            target[token] = 100;
        }

        public ReadOnlySpan<float> State(int row, int back) => [];

        public void Dispose()
        {
            // It holds nothing.
        }
    }

    private sealed class Cache(ScriptedModel model) : IModelCache
    {
        private bool _disposed;

        public int Rows => 1;

        public int Length { get; set; }

        public int Capacity => int.MaxValue;

        public bool CanCrop => true;

        public long HostBytes => 0;

        public void Select(ReadOnlySpan<int> rows)
        {
            // One row stays one.
        }

        public void Crop(int length) => Length = Math.Min(length, Length);

        public void Dispose()
        {
            if (!_disposed) model.OpenCaches--;
            _disposed = true;
        }
    }
}
