using System.Buffers;
using System.Runtime.InteropServices;

namespace OnnxTransformers.Generation;

/// <summary>Beam search, also with drawn continuations. Reference: generation/utils.py, _beam_search of 4.57. Prompts whose result is certain are taken out of the cache.</summary>
internal sealed class BeamSearch : IDisposable
{
    private const float Out = -1e9f;
    private readonly GenerationRun _run;
    private readonly StepRunner _runner;
    private readonly BeamScores _scores;
    private readonly DrawnToken? _drawn;
    private readonly int _beams;
    private readonly int _candidates;

    internal BeamSearch(GenerationRun run)
    {
        _run = run;
        (_beams, _candidates) = (run.Plan.Beams, Math.Max(2, 1 + run.Plan.Eos.Length) * run.Plan.Beams);
        _runner = new StepRunner(run.Model, run.Model.CreateCache(run.Plan.MaxLength), run.Plan.Config.PrefillChunkSize);
        _scores = new BeamScores(run, _runner);
        _drawn = run.Plan.Samples ? new DrawnToken(run.Plan.Config.Seed) : null;
    }

    internal GenerationResult Run(CancellationToken cancellation)
    {
        var all = _run.Begin(_beams).Chunk(_beams).Select((beams, prompt) => new Prompt(prompt, beams)).ToList();
        var open = all.ToList();
        while (open.Count > 0)
        {
            _run.Process(_scores.Read([.. open.SelectMany(p => p.Running)], cancellation));
            var rows = new List<int>();
            for (var i = 0; i < open.Count; i++)
            {
                var sources = Advance(open[i], _scores.Of(i * _beams, _beams));
                if (!open[i].IsDone) rows.AddRange(sources.Select(s => (i * _beams) + s));
            }
            open.RemoveAll(p => p.IsDone);
            if (open.Count > 0) _runner.Cache.Select(CollectionsMarshal.AsSpan(rows));
        }
        return Result(all);
    }

    public void Dispose()
    {
        _runner.Cache.Dispose();
        _scores.Dispose();
        foreach (var owned in _run.Disposables) owned.Dispose();
    }

    /// <summary>Continues a prompt's beams.</summary>
    /// <returns>Which beam each new one continues.</returns>
    private int[] Advance(Prompt prompt, Span<float> scores)
    {
        var vocabulary = _run.Model.Vocabulary;
        BeamScores.Add(prompt.Scores, scores);
        var candidates = _drawn is null ? Continuation.Best(scores, vocabulary, _candidates) : Draw(scores, vocabulary, prompt.Number);
        var ends = new StopReason?[candidates.Length];
        for (var c = 0; c < ends.Length; c++)
        {
            var beam = prompt.Running[candidates[c].Beam];
            beam.Ids.Add(candidates[c].Token);
            ends[c] = _run.Ended(CollectionsMarshal.AsSpan(beam.Ids), beam.Number);
            if (ends[c] is not null && c < _beams) prompt.Finish(candidates[c].Score, beam.Ids, ends[c]!.Value, _run.Plan);
            beam.Ids.RemoveAt(beam.Ids.Count - 1);
        }
        // Those that go on, the best first; ended ones only where there is nothing else, and then the prompt is done.
        int[] next = [.. Enumerable.Range(0, candidates.Length).OrderByDescending(c => candidates[c].Score + (ends[c] is null ? 0 : Out)).Take(_beams)];
        prompt.Continue([.. next.Select(c => candidates[c])], [.. next.Select(c => ends[c] is not null)]);
        prompt.Judge(_run.Plan, ends.All(e => e is not null));
        return [.. next.Select(c => candidates[c].Beam)];
    }

    /// <summary>Draws different continuations; where fewer than wanted have a probability, the best of the others follow.</summary>
    private Continuation[] Draw(Span<float> scores, int vocabulary, int prompt)
    {
        var weights = ArrayPool<float>.Shared.Rent(scores.Length);
        var all = weights.AsSpan(0, scores.Length);
        Distribution.SoftMax(scores, all);
        var positive = 0;
        foreach (var weight in all)
            if (weight > 0) positive++;
        var drawn = new List<Continuation>(_candidates);
        foreach (var at in _drawn!.ChooseDistinct(all, Math.Min(positive, _candidates), prompt)) drawn.Add(Continuation.Of(new(scores[at], at), vocabulary));
        ArrayPool<float>.Shared.Return(weights);
        if (drawn.Count < _candidates) drawn.AddRange(Continuation.Best(scores, vocabulary, 2 * _candidates).Except(drawn).Take(_candidates - drawn.Count));
        return [.. drawn];
    }

    private GenerationResult Result(List<Prompt> all)
    {
        var plan = _run.Plan;
        Finished[] best = [.. all.SelectMany(p => p.Best.Take(plan.Returned))];
        var width = best.Max(f => f.Ids.Length);
        // As in the reference a padding id of 0 does not fill, and without an end there is none.
        var fill = plan.Eos.IsEmpty ? -1 : plan.Pad is { } pad && pad != 0 ? pad : plan.Eos[0];
        return new([.. best.Select(f => (int[])[.. f.Ids, .. Enumerable.Repeat(fill, width - f.Ids.Length)])], plan.PromptLength, [.. best.Select(f => f.Reason)])
        {
            SequencesScores = [.. best.Select(f => f.Score)],
            NewTokens = [.. best.Select(f => f.Ids.Length - plan.PromptLength)],
            HostBytes = _runner.Cache.HostBytes,
            RunTime = _runner.Cache.RunTime,
            Steps = _runner.Steps,
        };
    }

    private sealed record Finished(float Score, int[] Ids, StopReason Reason);

    /// <summary>A prompt's beams, and its sequences that have ended.</summary>
    private sealed class Prompt
    {
        private readonly int _first;
        private bool _takesMore = true;

        internal Prompt(int number, Sequence[] beams)
        {
            (Number, Running, _first) = (number, beams, number * beams.Length);
            // Beams are all the same at first, so only one counts.
            Scores = [0, .. Enumerable.Repeat(Out, beams.Length - 1)];
        }

        internal int Number { get; }

        internal Sequence[] Running { get; private set; }

        internal float[] Scores { get; private set; }

        /// <summary>Ended sequences, the best first, at most as many as beams.</summary>
        internal List<Finished> Best { get; } = [];

        internal bool IsDone { get; private set; }

        private bool IsFull => Best.Count == Running.Length;

        /// <summary>Takes an ended sequence in, if it is good enough.</summary>
        internal void Finish(float sum, List<int> ids, StopReason reason, GenerationPlan plan)
        {
            if (!_takesMore) return;
            var score = sum / (float)Math.Pow(ids.Count - plan.PromptLength, plan.Config.LengthPenalty ?? 1);
            var at = Best.FindIndex(f => score > f.Score);
            Best.Insert(at < 0 ? Best.Count : at, new(score, [.. ids], reason));
            if (Best.Count > Running.Length) Best.RemoveAt(Running.Length);
        }

        internal void Continue(Continuation[] next, bool[] ended)
        {
            Running = [.. next.Select((c, i) =>
            {
                var beam = Running[c.Beam].Copy(_first + i);
                beam.Ids.Add(c.Token);
                return beam;
            })];
            Scores = [.. next.Select((c, i) => c.Score + (ended[i] ? Out : 0))];
        }

        /// <summary>Whether a better sequence may still come.</summary>
        internal void Judge(GenerationPlan plan, bool allEnded)
        {
            var early = plan.Config.EarlyStopping ?? EarlyStopping.Heuristic;
            var penalty = plan.Config.LengthPenalty ?? 1;
            var length = (early == EarlyStopping.Never && penalty > 0 ? plan.MaxLength : Running[0].Ids.Count) - plan.PromptLength;
            var hope = Scores[0] / (float)Math.Pow(length, penalty);
            if (IsFull && early == EarlyStopping.WhenFull || !(hope > (IsFull ? Best[^1].Score : Out))) _takesMore = false;
            IsDone = !_takesMore || allEnded;
        }
    }
}
