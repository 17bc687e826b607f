namespace OnnxTransformers.Generation;

/// <summary>Beam search for sequences that bring in words (Post and Vilar, 2018; Hu et al., 2019). Reference: generation/utils.py and beam_search.py of 4.46, _constrained_beam_search and ConstrainedBeamSearchScorer.</summary>
internal sealed class ConstrainedBeamSearch : IDisposable
{
    private readonly GenerationRun _run;
    private readonly StepRunner _runner;
    private readonly BeamScores _scores;
    private readonly int _beams;

    internal ConstrainedBeamSearch(GenerationRun run)
    {
        (_run, _beams) = (run, run.Plan.Beams);
        _runner = new StepRunner(run.Model, run.Model.CreateCache(run.Plan.MaxLength), run.Plan.Config.PrefillChunkSize);
        _scores = new BeamScores(run, _runner);
    }

    internal GenerationResult Run(CancellationToken cancellation)
    {
        var prompts = _run.Begin(_beams).Chunk(_beams).Select((beams, p) => new BeamGroup(p, beams, new Hypotheses(_beams, _run.Plan))).ToList();
        var open = prompts.ToList();
        for (var length = _run.Plan.PromptLength; length < _run.Plan.MaxLength && open.Count > 0; length++)
        {
            _run.Process(_scores.Read([.. open.SelectMany(p => p.Running)], cancellation));
            var rows = new List<int>();
            for (var i = 0; i < open.Count; i++)
            {
                var sources = Advance(open[i], _scores.Of(i * _beams, _beams));
                if (!open[i].IsDone) rows.AddRange(sources.Select(s => (i * _beams) + s));
            }
            open.RemoveAll(p => p.IsDone);
            if (open.Count > 0) _runner.Cache.Select([.. rows]);
        }
        foreach (var prompt in open) Finish(prompt);
        return Hypotheses.Result(_run, prompts.Select(p => p.Ended.All), _runner);
    }

    public void Dispose()
    {
        _runner.Cache.Dispose();
        _scores.Dispose();
        foreach (var owned in _run.Disposables) owned.Dispose();
    }

    private int[] Advance(BeamGroup prompt, Span<float> scores)
    {
        var vocabulary = _run.Model.Vocabulary;
        BeamScores.Add(prompt.Scores, scores);
        var candidates = Continuation.Best(scores, vocabulary, Math.Max(2, 1 + _run.Plan.Eos.Length) * _beams);
        var generated = prompt.Running[0].Ids.Count + 1 - _run.Plan.PromptLength;
        var next = GroupBeamSearch.Next(candidates, _beams, _run.Plan, c =>
        {
            if (Progress(prompt.Running[c.Beam].Ids).IsComplete) prompt.Ended.Add(prompt.Running[c.Beam].Ids, c.Score, generated, StopReason.EndToken);
        });
        next = Spread(prompt, next, scores, vocabulary);
        prompt.Continue(next);
        prompt.IsDone = prompt.Ended.IsDone(candidates[0].Score, generated);
        return [.. next.Select(c => c.Beam)];
    }

    /// <summary>Adds continuations that bring words forward, and chooses in turn from those that have come equally far.</summary>
    private Continuation[] Spread(BeamGroup prompt, Continuation[] next, ReadOnlySpan<float> scores, int vocabulary)
    {
        var all = next.Select(c => (Continuation: c, Progress([.. prompt.Running[c.Beam].Ids, c.Token]).Bank)).ToList();
        var known = all.Select(c => Key(prompt, c.Continuation)).ToHashSet(StringComparer.Ordinal);
        for (var b = 0; b < _beams; b++)
        {
            var before = Progress(prompt.Running[b].Ids);
            if (before.IsComplete) continue;
            foreach (var token in before.Advances())
            {
                var forward = new Continuation(scores[(b * vocabulary) + token], b, token);
                if (!known.Add(Key(prompt, forward))) continue;
                var after = before.Copy();
                after.Add(token);
                all.Add((forward, after.Bank));
            }
        }
        if (all.Count == next.Length) return next;
        var ranks = new Dictionary<int, int>();
        var sorted = all.OrderByDescending(c => (c.Bank * 100) + c.Continuation.Score).Select(c => (c.Continuation, Rank: ranks[c.Bank] = ranks.GetValueOrDefault(c.Bank, -1) + 1)).ToList();
        return [.. sorted.OrderBy(c => c.Rank).Take(_beams).Select(c => c.Continuation)];
    }

    /// <summary>At the greatest length complete sequences count, and where they are too few the others as well.</summary>
    private void Finish(BeamGroup prompt)
    {
        var generated = prompt.Running[0].Ids.Count - _run.Plan.PromptLength;
        bool[] complete = [.. prompt.Running.Select(b => Progress(b.Ids).IsComplete)];
        for (var b = 0; b < _beams; b++)
            if (complete[b]) prompt.Ended.Add(prompt.Running[b].Ids, prompt.Scores[b], generated, StopReason.Length);
        if (complete.Count(c => c) >= _run.Plan.Returned) return;
        for (var b = 0; b < _beams; b++)
            if (!complete[b]) prompt.Ended.Add(prompt.Running[b].Ids, prompt.Scores[b], generated, StopReason.Length);
    }

    private WordProgress Progress(IEnumerable<int> ids) => WordProgress.Of(_run.Plan.Config.ForceWordsIds!.Value, ids);

    private static string Key(BeamGroup prompt, Continuation c) => $"{string.Join(' ', prompt.Running[c.Beam].Ids)} {c.Token}";
}
