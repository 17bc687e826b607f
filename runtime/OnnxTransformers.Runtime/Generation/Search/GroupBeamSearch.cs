namespace OnnxTransformers.Generation;

/// <summary>Beam search in groups that avoid each other's tokens (Vijayakumar et al., 2016). Reference: generation/utils.py of 4.46, _group_beam_search.</summary>
internal sealed class GroupBeamSearch : IDisposable
{
    private readonly GenerationRun _run;
    private readonly StepRunner _runner;
    private readonly BeamScores _scores;
    private readonly int _beams;
    private readonly int _size;

    internal GroupBeamSearch(GenerationRun run)
    {
        _run = run;
        (_beams, _size) = (run.Plan.Beams, run.Plan.Beams / run.Plan.Config.NumBeamGroups!.Value);
        _runner = new StepRunner(run.Model, run.Model.CreateCache(run.Plan.MaxLength), run.Plan.Config.PrefillChunkSize);
        _scores = new BeamScores(run, _runner);
    }

    internal GenerationResult Run(CancellationToken cancellation)
    {
        var prompts = _run.Begin(_beams).Chunk(_beams).Select((beams, p) => beams.Chunk(_size).Select(g => new BeamGroup(p, g, new Hypotheses(_size, _run.Plan))).ToArray()).ToList();
        var open = prompts.ToList();
        for (var length = _run.Plan.PromptLength; length < _run.Plan.MaxLength && open.Count > 0; length++)
        {
            var batch = _scores.Read([.. open.SelectMany(p => p.SelectMany(g => g.Running))], cancellation);
            _run.Diversity!.Clear();
            var sources = new int[batch.Rows];
            for (var group = 0; group < _beams / _size; group++)
            {
                Process(batch, group, open.Count);
                for (var p = 0; p < open.Count; p++)
                {
                    var first = (p * _beams) + (group * _size);
                    Advance(open[p][group], _scores.Of(first, _size)).CopyTo(sources, first);
                    for (var b = 0; b < _size; b++) sources[first + b] += first;
                }
            }
            int[] kept = [.. Enumerable.Range(0, open.Count).Where(p => open[p].Any(g => !g.IsDone))];
            if (kept.Length > 0) _runner.Cache.Select([.. kept.SelectMany(p => sources[(p * _beams)..((p + 1) * _beams)])]);
            open = [.. kept.Select(p => open[p])];
        }
        foreach (var group in prompts.SelectMany(p => p).Where(g => !g.IsDone))
            for (var b = 0; b < _size; b++) group.Ended.Add(group.Running[b].Ids, group.Scores[b], group.Running[b].Ids.Count - _run.Plan.PromptLength, StopReason.Length);
        return Hypotheses.Result(_run, prompts.Select(p => p.SelectMany(g => g.Ended.All)), _runner);
    }

    public void Dispose()
    {
        _runner.Cache.Dispose();
        _scores.Dispose();
        foreach (var owned in _run.Disposables) owned.Dispose();
    }

    /// <summary>Applies the processors to one group of all prompts.</summary>
    private void Process(ScoreBatch all, int group, int prompts)
    {
        var vocabulary = all.Vocabulary;
        int[] rows = [.. Enumerable.Range(0, prompts).SelectMany(p => Enumerable.Range((p * _beams) + (group * _size), _size))];
        var scores = new float[rows.Length * vocabulary];
        for (var i = 0; i < rows.Length; i++) all.Scores(rows[i]).CopyTo(scores.AsSpan(i * vocabulary));
        _run.Process(new ScoreBatch([.. rows.Select(r => new List<int>(all.Ids(r).ToArray()))], [.. rows.Select(all.Number)], scores, vocabulary));
        for (var i = 0; i < rows.Length; i++) scores.AsSpan(i * vocabulary, vocabulary).CopyTo(all.Scores(rows[i]));
    }

    private int[] Advance(BeamGroup group, Span<float> scores)
    {
        if (group.IsDone)
        {
            // A group that is done goes on with padding, which counts for the diversity of later ones.
            foreach (var beam in group.Running) beam.Ids.Add(_run.Plan.Pad ?? 0);
            _run.Diversity!.Choose(group.Prompt, group.Running.Select(b => b.Ids[^1]));
            return [.. Enumerable.Range(0, _size)];
        }
        var vocabulary = _run.Model.Vocabulary;
        BeamScores.Add(group.Scores, scores);
        var candidates = Continuation.Best(scores, vocabulary, Math.Max(2, 1 + _run.Plan.Eos.Length) * _size);
        var generated = group.Running[0].Ids.Count + 1 - _run.Plan.PromptLength;
        var next = Next(candidates, _size, _run.Plan, c => group.Ended.Add(group.Running[c.Beam].Ids, c.Score, generated, StopReason.EndToken));
        group.Continue(next);
        group.IsDone = group.Ended.IsDone(candidates[0].Score, generated);
        _run.Diversity!.Choose(group.Prompt, next.Select(c => c.Token));
        return [.. next.Select(c => c.Beam)];
    }

    /// <summary>The continuations that go on; ended ones among the first are told.</summary>
    internal static Continuation[] Next(Continuation[] candidates, int beams, GenerationPlan plan, Action<Continuation> ended)
    {
        var next = new List<Continuation>(beams);
        for (var rank = 0; rank < candidates.Length && next.Count < beams; rank++)
        {
            if (!plan.Eos.Contains(candidates[rank].Token)) next.Add(candidates[rank]);
            else if (rank < beams) ended(candidates[rank]);
        }
        return next.Count == beams ? [.. next] : throw new InvalidInputException("searching with beams", new Problem("scores", $"only {next.Count} of {beams} beams can go on", "a token for each beam that does not end it", "loosen what takes tokens out"));
    }
}
