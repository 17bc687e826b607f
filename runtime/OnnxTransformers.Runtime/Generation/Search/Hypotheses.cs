namespace OnnxTransformers.Generation;

/// <summary>The best sequences of a prompt or group that have ended, without the token that ended them. Reference: beam_search.py of 4.46, BeamHypotheses.</summary>
/// <param name="size">How many are kept.</param>
/// <param name="plan">The resolved configuration.</param>
internal sealed class Hypotheses(int size, GenerationPlan plan)
{
    private readonly List<Hypothesis> _all = [];
    private double _worst = 1e9;

    internal IReadOnlyList<Hypothesis> All => _all;

    private double Penalty => plan.Config.LengthPenalty ?? 1;

    /// <summary>Takes a sequence in, if it is good enough.</summary>
    /// <param name="ids">The tokens.</param>
    /// <param name="sum">The sum of its log probabilities.</param>
    /// <param name="generated">New tokens, the one that ended it included.</param>
    /// <param name="reason">Why it ended.</param>
    internal void Add(IEnumerable<int> ids, double sum, int generated, StopReason reason)
    {
        var score = sum / Math.Pow(generated, Penalty);
        if (_all.Count >= size && !(score > _worst)) return;
        _all.Add(new(score, [.. ids], reason));
        if (_all.Count <= size)
        {
            _worst = Math.Min(score, _worst);
            return;
        }
        var least = _all.Min(h => h.Score);
        _all.RemoveAt(_all.FindIndex(h => h.Score == least));
        _worst = _all.Min(h => h.Score);
    }

    /// <summary>Whether no better sequence is to be expected.</summary>
    /// <param name="best">The best sum of log probabilities of the continuations.</param>
    /// <param name="generated">New tokens of each.</param>
    internal bool IsDone(double best, int generated)
    {
        if (_all.Count < size) return false;
        return plan.Config.EarlyStopping switch
        {
            EarlyStopping.WhenFull => true,
            EarlyStopping.Never when Penalty > 0 => _worst >= best / Math.Pow(plan.MaxLength - plan.PromptLength, Penalty),
            _ => _worst >= best / Math.Pow(generated, Penalty),
        };
    }

    /// <summary>The result of the best ones of all prompts: the first ending token follows each where there is room, then padding.</summary>
    internal static GenerationResult Result(GenerationRun run, IEnumerable<IEnumerable<Hypothesis>> prompts, StepRunner runner)
    {
        var plan = run.Plan;
        // Of equal scores the later one is the better, as in the reference's stable sort.
        Hypothesis[] best = [.. prompts.SelectMany(p => p.OrderBy(h => h.Score).Reverse().Take(plan.Returned))];
        var width = Math.Min(best.Max(h => h.Ids.Length) + 1, plan.MaxLength);
        int[] Filled(Hypothesis h) => [.. h.Ids, .. Enumerable.Range(0, width - h.Ids.Length).Select(i => i == 0 && !plan.Eos.IsEmpty ? plan.Eos[0] : plan.Pad ?? 0)];
        return new([.. best.Select(Filled)], plan.PromptLength, [.. best.Select(h => h.Reason)])
        {
            SequencesScores = [.. best.Select(h => (float)h.Score)],
            NewTokens = [.. best.Select(h => Math.Min(width, h.Ids.Length + (h.Reason == StopReason.EndToken ? 1 : 0)) - plan.PromptLength)],
            HostBytes = runner.Cache.HostBytes,
            RunTime = runner.Cache.RunTime,
            Steps = runner.Steps,
        };
    }
}

/// <summary>A sequence that has ended.</summary>
/// <param name="Score">The penalised sum of its log probabilities.</param>
/// <param name="Ids">Its tokens, without the one that ended it.</param>
/// <param name="Reason">Why it ended.</param>
internal sealed record Hypothesis(double Score, int[] Ids, StopReason Reason);
