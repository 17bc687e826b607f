namespace OnnxTransformers.Generation;

/// <summary>Guesses how a sequence goes on; a model checks it.</summary>
internal interface IGuesser : IDisposable
{
    /// <summary>Guesses tokens.</summary>
    /// <param name="ids">The sequence so far.</param>
    /// <param name="most">How many at most.</param>
    /// <param name="cancellation">Stops between two operators.</param>
    IReadOnlyList<int> Guess(IReadOnlyList<int> ids, int most, CancellationToken cancellation);

    /// <summary>Hears how many of its guesses were right.</summary>
    void Learn(int guessed, int right);
}

/// <summary>Guesses what followed the last tokens where they stood before (Saxena, 2023). Reference: PromptLookupCandidateGenerator.</summary>
internal sealed class PromptLookup(GenerationPlan plan) : IGuesser
{
    private readonly int _longest = plan.Config.MaxMatchingNgramSize ?? 2;

    public IReadOnlyList<int> Guess(IReadOnlyList<int> ids, int most, CancellationToken cancellation)
    {
        int[] all = [.. ids];
        for (var size = Math.Min(_longest, all.Length - 1); size > 0; size--)
        {
            var last = all.AsSpan(all.Length - size);
            var at = all.AsSpan(0, all.Length - 1).IndexOf(last);
            if (at < 0) continue;
            var start = at + size;
            return all[start..Math.Min(all.Length, start + Math.Min(most, plan.Config.PromptLookupNumTokens ?? 10))];
        }
        return [];
    }

    public void Learn(int guessed, int right)
    {
        // How many are guessed is the caller's to say.
    }

    public void Dispose()
    {
        // It holds nothing.
    }
}

/// <summary>Lets a smaller model guess its best tokens (Leviathan et al., 2022). Reference: AssistedCandidateGenerator.</summary>
internal sealed class Assistant : IGuesser
{
    private readonly GenerationPlan _plan;
    private readonly StepRunner _runner;
    private readonly float[] _scores;
    private int _count;

    internal Assistant(ICausalModel model, GenerationPlan plan, int vocabulary)
    {
        if (model.Vocabulary != vocabulary) throw new InvalidInputException("guessing with an assistant", new Problem("assistant_model", $"a vocabulary of {model.Vocabulary} tokens", $"{vocabulary}, as the model that checks"));
        (_plan, _count) = (plan, plan.Config.NumAssistantTokens ?? 20);
        _runner = new StepRunner(model, model.CreateCache(plan.MaxLength));
        _scores = new float[vocabulary];
        if (!_runner.Cache.CanCrop) throw new InvalidInputException("guessing with an assistant", new Problem("assistant_model", "a state that sums up all tokens or keeps the last ones only", "models whose tokens can be taken back"));
    }

    public IReadOnlyList<int> Guess(IReadOnlyList<int> ids, int most, CancellationToken cancellation)
    {
        _runner.Cache.Crop(ids.Count - 1);
        var guessed = new Sequence(0, ids, []);
        for (var i = 0; i < Math.Min(most, _count); i++)
        {
            using (var output = _runner.Run([guessed], 1, states: false, cancellation)) output.CopyScores(0, 0, _scores);
            var token = Distribution.BestIndex(_scores);
            guessed.Ids.Add(token);
            if (_plan.Eos.Contains(token) || Confidence.IsLow(_scores, token, _plan.Config.AssistantConfidenceThreshold ?? 0)) break;
        }
        return guessed.Ids[ids.Count..];
    }

    public void Learn(int guessed, int right)
    {
        if (_plan.Config.NumAssistantTokensSchedule is null or "constant") return;
        _count = right == guessed ? _count + 2 : Math.Max(1, _count - 1);
    }

    public void Dispose() => _runner.Cache.Dispose();
}
