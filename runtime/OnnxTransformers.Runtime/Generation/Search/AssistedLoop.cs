namespace OnnxTransformers.Generation;

/// <summary>Lets a guesser say several tokens, and the model check them in one run. Tokens, or their distribution when sampling, are those of the model alone.</summary>
internal sealed class AssistedLoop : ITokenSearch
{
    private readonly GenerationRun _run;
    private readonly IGuesser _guesser;
    private readonly ISampler _sampler;
    private readonly StepRunner _runner;
    private readonly Sequence _sequence;
    private readonly ScoreBuffer _scores = new();
    private readonly List<TokenStep> _added = [];

    internal AssistedLoop(GenerationRun run)
    {
        if (run.Prompts.Count > 1) throw new InvalidInputException("guessing tokens", new Problem("input_ids", $"{run.Prompts.Count} prompts", "one prompt"));
        _run = run;
        _sampler = run.Request.Sampler ?? (run.Plan.Samples ? new DrawnToken(run.Plan.Config.Seed) : BestToken.Instance);
        _sequence = run.Begin(1)[0];
        _guesser = run.Request.Assistant is { } assistant ? new Assistant(assistant, run.Plan, run.Model.Vocabulary) : new PromptLookup(run.Plan);
        _runner = new StepRunner(run.Model, run.Model.CreateCache(run.Plan.MaxLength));
        if (!_runner.Cache.CanCrop) throw new InvalidInputException("guessing tokens", new Problem("model", "a state that sums up all tokens or keeps the last ones only", "models whose tokens can be taken back"));
    }

    public GenerationResult Result => Results.Of(_run, [_sequence], _runner, run => run.Plan.Pad ?? 0);

    public IReadOnlyList<TokenStep> Step(CancellationToken cancellation)
    {
        _added.Clear();
        if (_sequence.Ended is not null) return _added;
        var length = _sequence.Ids.Count;
        var most = _run.Model.SwitchesAt is { } switches && length <= switches ? switches : _run.Plan.MaxLength - 1;
        var guesses = _guesser.Guess(_sequence.Ids, Math.Min(most, _run.Plan.MaxLength - 1) - length, cancellation);
        var right = Check(guesses, cancellation);
        _guesser.Learn(guesses.Count, right);
        // The last token has not been read: it is the model's own.
        _runner.Cache.Crop(length + right);
        return _added;
    }

    public void Dispose()
    {
        _runner.Cache.Dispose();
        _guesser.Dispose();
        _scores.Dispose();
        foreach (var owned in _run.Disposables) owned.Dispose();
    }

    /// <summary>Chooses token after token for as long as the guesses are what the model chooses.</summary>
    /// <returns>How many guesses were right.</returns>
    private int Check(IReadOnlyList<int> guesses, CancellationToken cancellation)
    {
        var guessed = _sequence.Copy(_sequence.Number);
        guessed.Ids.AddRange(guesses);
        using var output = _runner.Run([guessed], guesses.Count + 1, states: false, cancellation);
        var memory = _scores.Take(_run.Model.Vocabulary);
        for (var i = 0; ; i++)
        {
            output.CopyScores(0, guesses.Count - i, memory.Span);
            var batch = new ScoreBatch([_sequence.Ids], [_sequence.Number], memory, _run.Model.Vocabulary);
            _run.Process(batch);
            var token = _sampler.Choose(batch.Scores(0), _sequence.Number);
            _sequence.Ids.Add(token);
            _sequence.End(_run.Ended(batch.Ids(0), _sequence.Number));
            _added.Add(new(_sequence.Number, token, _sequence.Ended));
            if (i == guesses.Count || token != guesses[i] || _sequence.Ended is not null) return i;
        }
    }
}
