namespace OnnxTransformers.Generation;

/// <summary>A token that a step added.</summary>
/// <param name="Sequence">The sequence's number in the request.</param>
/// <param name="Token">The token.</param>
/// <param name="Ended">Why the sequence ended with it; null while it goes on.</param>
public readonly record struct TokenStep(int Sequence, int Token, StopReason? Ended);

/// <summary>A search that adds tokens which stay, step by step.</summary>
internal interface ITokenSearch : IDisposable
{
    /// <summary>Adds tokens: at least one to each sequence that goes on.</summary>
    /// <returns>What was added, in order; nothing when all sequences have ended. Valid until the next step.</returns>
    IReadOnlyList<TokenStep> Step(CancellationToken cancellation);

    /// <summary>What there is so far.</summary>
    GenerationResult Result { get; }
}

/// <summary>Greedy search and sampling. Sequences that have ended are taken out of the cache, so that they cost nothing more.</summary>
internal sealed class TokenLoop : ITokenSearch
{
    private readonly GenerationRun _run;
    private readonly ISampler _sampler;
    private readonly IModelCache _cache;
    private readonly StepRunner _runner;
    private readonly Sequence[] _all;
    private readonly ScoreBuffer _scores = new();
    private readonly List<TokenStep> _added = [];
    private List<Sequence> _going;
    private bool _begun;

    internal TokenLoop(GenerationRun run)
    {
        _run = run;
        _sampler = run.Request.Sampler ?? (run.Plan.Samples ? new DrawnToken(run.Plan.Config.Seed, run.Plan.Returned) : BestToken.Instance);
        _all = run.Begin(run.Plan.Returned);
        _going = [.. _all];
        run.Request.Cache?.Fit(run.Prompts.Ids[0], run.Plan.MaxLength);
        _cache = run.Request.Cache?.Cache ?? run.Model.CreateCache(run.Plan.MaxLength);
        _runner = new StepRunner(run.Model, _cache, run.Plan.Config.PrefillChunkSize);
    }

    public GenerationResult Result => Results.Of(_run, _all, _runner, run => run.Plan.Pad ?? 0);

    public IReadOnlyList<TokenStep> Step(CancellationToken cancellation)
    {
        _added.Clear();
        if (_going.Count == 0) return _added;
        var vocabulary = _run.Model.Vocabulary;
        var memory = _scores.Take(_going.Count * vocabulary);
        Score(memory.Span, vocabulary, cancellation);
        var batch = new ScoreBatch([.. _going.Select(s => s.Ids)], [.. _going.Select(s => s.Number)], memory, vocabulary);
        _run.Process(batch);
        for (var row = 0; row < batch.Rows; row++)
        {
            var sequence = _going[row];
            var token = _sampler.Choose(batch.Scores(row), sequence.Number);
            sequence.Ids.Add(token);
            if (sequence.Ended is not null) continue;
            sequence.End(_run.Ended(batch.Ids(row), sequence.Number));
            _added.Add(new(sequence.Number, token, sequence.Ended));
        }
        Drop();
        return _added;
    }

    public void Dispose()
    {
        if (_run.Request.Cache is null) _cache.Dispose();
        foreach (var owned in _run.Disposables) owned.Dispose();
        _scores.Dispose();
    }

    /// <summary>The scores of the next token of each sequence. A prompt is read once, however many sequences it begins.</summary>
    private void Score(Span<float> scores, int vocabulary, CancellationToken cancellation)
    {
        var each = _begun ? 1 : _run.Plan.Returned;
        var read = _cache.Length;
        var rows = each == 1 ? (IReadOnlyList<Sequence>)_going : [.. _going.Where((_, i) => i % each == 0)];
        using var output = _runner.Run(rows, 1, states: false, cancellation);
        _begun = true;
        _run.Request.Cache?.Add(_going[0].Ids.Skip(read));
        for (var row = 0; row < _going.Count; row++) output.CopyScores(row / each, 0, scores.Slice(row * vocabulary, vocabulary));
        if (each > 1) _cache.Select([.. Enumerable.Range(0, _going.Count).Select(i => i / each)]);
    }

    private void Drop()
    {
        if (_going.TrueForAll(s => s.Ended is null)) return;
        // Without ending tokens the reference fills nothing: what has ended goes on until all have.
        if (_run.Plan.Eos.IsEmpty && _going.Exists(s => s.Ended is null)) return;
        int[] kept = [.. Enumerable.Range(0, _going.Count).Where(i => _going[i].Ended is null)];
        _going = [.. kept.Select(k => _going[k])];
        if (kept.Length > 0) _cache.Select(kept);
    }
}

/// <summary>Puts results together.</summary>
internal static class Results
{
    /// <summary>The sequences filled to the length of the longest.</summary>
    internal static GenerationResult Of(GenerationRun run, IReadOnlyList<Sequence> sequences, StepRunner runner, Func<GenerationRun, int> fill)
    {
        var width = sequences.Max(s => s.Ids.Count);
        var filling = fill(run);
        return new([.. sequences.Select(s => (int[])[.. s.Ids, .. Enumerable.Repeat(filling, width - s.Ids.Count)])], run.Prompts.Length, [.. sequences.Select(s => s.Ended ?? StopReason.Length)])
        {
            NewTokens = [.. sequences.Select(s => s.Length - run.Prompts.Length)],
            HostBytes = runner.Cache.HostBytes,
            RunTime = runner.Cache.RunTime,
            Steps = runner.Steps,
        };
    }
}
