using System.Runtime.InteropServices;

namespace OnnxTransformers.Generation;

/// <summary>What a model has read of one text, kept between calls so that the same beginning is not read again. Not thread-safe: one call at a time.</summary>
/// <param name="model">The model that reads.</param>
/// <param name="room">Tokens that a shared buffer has room for at least; where more are needed all is read again. Growing caches have no limit.</param>
public sealed class PromptCache(ICausalModel model, int room = 1024) : IDisposable
{
    private readonly List<int> _tokens = [];
    private IModelCache? _cache;
    private bool _disposed;

    /// <summary>The tokens that were read.</summary>
    public IReadOnlyList<int> Tokens => _tokens;

    /// <summary>Number of tokens that were read.</summary>
    public int Length => _tokens.Count;

    /// <summary>Forgets all tokens from a length on.</summary>
    /// <exception cref="NotSupportedException">The model's state can't be taken back.</exception>
    public void Crop(int length)
    {
        if (length >= Length) return;
        length = Kept(length, length);
        _cache!.Crop(length);
        CollectionsMarshal.SetCount(_tokens, length);
    }

    /// <summary>How many of the first tokens that were read serve for a text: none where it is short and what was read is long, or the other way round, and the network reads these differently.</summary>
    private int Kept(int length, int total) => model.SwitchesAt is { } most && length <= most && (_cache!.Length > most || total > most) ? 0 : length;

    /// <summary>Reads tokens behind those that were read, without continuing them, so that a later call finds them read.</summary>
    public void Read(IReadOnlyList<int> tokens, CancellationToken cancellation = default)
    {
        if (tokens.Count == 0) return;
        int[] all = [.. _tokens, .. tokens];
        var known = Fit(all, all.Length);
        var step = new ModelStep();
        step.Resize(1, all.Length - known, all.Length);
        for (var i = known; i < all.Length; i++) step.Ids[i - known] = all[i];
        step.Mask.Fill(1);
        model.Run(step, _cache!, cancellation).Dispose();
        Add(all.Skip(known));
    }

    /// <summary>Frees the cache.</summary>
    public void Dispose()
    {
        _disposed = true;
        _cache?.Dispose();
    }

    internal ICausalModel Model => model;

    /// <summary>The cache behind it, once something was read.</summary>
    internal IModelCache Cache => _cache!;

    /// <summary>Forgets what does not fit a prompt, and all of it where nothing can be taken back or there is no room.</summary>
    /// <param name="prompt">The prompt.</param>
    /// <param name="most">Tokens that there must be room for.</param>
    /// <returns>Tokens of the prompt that need not be read; at least one is left to read.</returns>
    internal int Fit(IReadOnlyList<int> prompt, int most)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        var common = 0;
        while (common < Length && common < prompt.Count - 1 && _tokens[common] == prompt[common]) common++;
        // A run that was broken off may have read more than is noted.
        var beyond = _cache is not null && _cache.Length > common;
        if (_cache is null || most > _cache.Capacity || (beyond && !_cache.CanCrop))
        {
            // A conversation that has outgrown its buffer goes on growing.
            var wanted = most > _cache?.Capacity ? (int)Math.Min(int.MaxValue, 2L * most) : room;
            _cache?.Dispose();
            _cache = model.CreateCache(Math.Max(most, Math.Min(wanted, model.MaxPositions ?? wanted)));
            _tokens.Clear();
            return 0;
        }
        common = Kept(common, prompt.Count);
        _cache.Crop(common);
        CollectionsMarshal.SetCount(_tokens, common);
        return common;
    }

    /// <summary>Notes tokens that the model has read.</summary>
    internal void Add(IEnumerable<int> tokens) => _tokens.AddRange(tokens);
}
