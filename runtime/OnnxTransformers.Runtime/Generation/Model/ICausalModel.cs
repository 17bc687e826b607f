namespace OnnxTransformers.Generation;

/// <summary>A network that scores the next token of sequences, remembering what it has read in a cache. Thread-safe; a cache is not.</summary>
public interface ICausalModel : IDisposable
{
    /// <summary>Number of tokens that it scores.</summary>
    int Vocabulary { get; }

    /// <summary>Positions that it has; null where nothing limits them.</summary>
    int? MaxPositions { get; }

    /// <summary>Whether it gives the last hidden state of each position.</summary>
    bool GivesStates { get; }

    /// <summary>Whether it remembers what it has read; where it doesn't, each step reads the whole text again.</summary>
    bool Remembers => true;

    /// <summary>Length in tokens beyond which it reads all tokens differently, so that a text which grows past it is read again from its start; null where nothing switches.</summary>
    int? SwitchesAt => null;

    /// <summary>Makes an empty cache.</summary>
    /// <param name="capacity">Tokens that it will hold at most.</param>
    IModelCache CreateCache(int capacity);

    /// <summary>Reads tokens, adds them to the cache and scores what follows.</summary>
    /// <param name="step">The tokens.</param>
    /// <param name="cache">A cache of this model; its rows are those of the step, unless it is empty.</param>
    /// <param name="cancellation">Stops between two operators.</param>
    /// <returns>The scores, which the caller disposes.</returns>
    IModelOutput Run(ModelStep step, IModelCache cache, CancellationToken cancellation = default);
}

/// <summary>What a model remembers of the sequences that it reads. Not thread-safe.</summary>
public interface IModelCache : IDisposable
{
    /// <summary>Number of sequences; 0 while it is empty.</summary>
    int Rows { get; }

    /// <summary>Tokens of each sequence, padding included.</summary>
    int Length { get; }

    /// <summary>Tokens that it has room for.</summary>
    int Capacity { get; }

    /// <summary>Whether tokens can be taken back: not where a state is a sum over all of them.</summary>
    bool CanCrop { get; }

    /// <summary>Bytes that have gone between the host and the place where the model computes.</summary>
    long HostBytes { get; }

    /// <summary>Time that was spent in the model's graph; zero where it isn't known.</summary>
    TimeSpan RunTime => TimeSpan.Zero;

    /// <summary>Replaces the sequences by some of them, in the order given; one may be there several times.</summary>
    void Select(ReadOnlySpan<int> rows);

    /// <summary>Forgets all tokens from a length on.</summary>
    /// <exception cref="NotSupportedException">The model's state can't be taken back.</exception>
    void Crop(int length);
}

/// <summary>What a model gave for one step.</summary>
public interface IModelOutput : IDisposable
{
    /// <summary>Copies the scores that follow a token: <paramref name="back"/> 0 is the last token of the step, 1 the one before.</summary>
    void CopyScores(int row, int back, Span<float> target);

    /// <summary>The last hidden state of a token, counted as in <see cref="CopyScores"/>; it must have been asked for.</summary>
    ReadOnlySpan<float> State(int row, int back);
}

/// <summary>Tokens for a model to read. One object may be filled again for every step.</summary>
public sealed class ModelStep
{
    private long[] _ids = [];
    private long[] _mask = [];

    /// <summary>Number of sequences.</summary>
    public int Rows { get; private set; }

    /// <summary>Tokens of each that are new.</summary>
    public int Tokens { get; private set; }

    /// <summary>Tokens of each, those in the cache included.</summary>
    public int Total { get; private set; }

    /// <summary>Last tokens whose scores are wanted, 1 or more.</summary>
    public int ScoresKept { get; set; } = 1;

    /// <summary>Whether hidden states are wanted.</summary>
    public bool States { get; set; }

    /// <summary>Whether padding counts for the positions of tokens; as a rule it does not.</summary>
    public bool CountsPadding { get; set; }

    /// <summary>The new tokens: [rows, tokens], row-major.</summary>
    public Span<long> Ids => _ids.AsSpan(0, Rows * Tokens);

    /// <summary>1 for each token that counts, 0 for padding: [rows, total], row-major.</summary>
    public Span<long> Mask => _mask.AsSpan(0, Rows * Total);

    /// <summary>Sets the size; what stands in the spans is undefined then.</summary>
    public void Resize(int rows, int tokens, int total)
    {
        (Rows, Tokens, Total) = (rows, tokens, total);
        if (_ids.Length < rows * tokens) _ids = new long[rows * tokens];
        // Masks grow by a token each step.
        if (_mask.Length < rows * total) _mask = new long[Math.Max(rows * total, 2 * _mask.Length)];
    }
}
