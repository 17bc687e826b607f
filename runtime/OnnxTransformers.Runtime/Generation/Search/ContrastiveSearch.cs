using System.Numerics.Tensors;

namespace OnnxTransformers.Generation;

/// <summary>Takes, of the likely tokens, one whose hidden state differs from those of all tokens before (Su et al., 2022). Reference: generation/utils.py of 4.46, _contrastive_search.</summary>
internal sealed class ContrastiveSearch : ITokenSearch
{
    private readonly GenerationRun _run;
    private readonly StepRunner _runner;
    private readonly Sequence[] _all;
    private readonly ScoreBuffer _buffer = new();
    private readonly List<TokenStep> _added = [];
    private readonly int _k;
    private List<Row> _going;
    private bool _begun;

    internal ContrastiveSearch(GenerationRun run)
    {
        if (!run.Model.GivesStates)
            throw new InvalidInputException("searching contrastively", new Problem("penalty_alpha", "the graph gives no last_hidden_state", "graphs with that output", "export the model again"));
        (_run, _k) = (run, Math.Min(run.Plan.Config.TopK!.Value, run.Model.Vocabulary));
        _all = run.Begin(1);
        _going = [.. _all.Select(s => new Row(s))];
        _runner = new StepRunner(run.Model, run.Model.CreateCache(run.Plan.MaxLength + 1));
    }

    public GenerationResult Result => Results.Of(_run, _all, _runner, run => run.Plan.Pad ?? 0);

    public IReadOnlyList<TokenStep> Step(CancellationToken cancellation)
    {
        _added.Clear();
        if (_going.Count == 0) return _added;
        var vocabulary = _run.Model.Vocabulary;
        if (!_begun) Begin(vocabulary, cancellation);
        var memory = _buffer.Take(_going.Count * vocabulary);
        for (var r = 0; r < _going.Count; r++) _going[r].Next.CopyTo(memory.Span[(r * vocabulary)..]);
        _run.Process(new ScoreBatch([.. _going.Select(r => r.Sequence.Ids)], [.. _going.Select(r => r.Sequence.Number)], memory, vocabulary));
        var candidates = new Scored[_going.Count * _k];
        for (var r = 0; r < _going.Count; r++)
        {
            var scores = memory.Span.Slice(r * vocabulary, vocabulary);
            Distribution.SoftMax(scores, scores);
            Distribution.Top(scores, candidates.AsSpan(r * _k, _k));
        }
        Choose(candidates, cancellation);
        return _added;
    }

    public void Dispose()
    {
        _runner.Cache.Dispose();
        _buffer.Dispose();
        foreach (var owned in _run.Disposables) owned.Dispose();
    }

    private void Begin(int vocabulary, CancellationToken cancellation)
    {
        using var output = _runner.Run([.. _going.Select(r => r.Sequence)], 1, states: true, cancellation);
        for (var r = 0; r < _going.Count; r++)
        {
            for (var back = _run.Prompts.Length - 1; back >= 0; back--) _going[r].States.Add(Unit(output.State(r, back)));
            output.CopyScores(r, 0, _going[r].Next = new float[vocabulary]);
        }
        _begun = true;
    }

    /// <summary>Reads all candidates, and keeps the best of each sequence.</summary>
    private void Choose(Scored[] candidates, CancellationToken cancellation)
    {
        var tried = new List<Sequence>(candidates.Length);
        for (var i = 0; i < candidates.Length; i++)
        {
            var copy = _going[i / _k].Sequence.Copy(i);
            copy.Ids.Add(candidates[i].Token);
            tried.Add(copy);
        }
        _runner.Cache.Select([.. Enumerable.Range(0, candidates.Length).Select(i => i / _k)]);
        using var output = _runner.Run(tried, 1, states: true, cancellation);
        var kept = new List<int>(_going.Count);
        for (var r = 0; r < _going.Count; r++)
        {
            var best = Enumerable.Range(r * _k, _k).MaxBy(i => Merit(_going[r], candidates[i].Score, Unit(output.State(i, 0))));
            var sequence = _going[r].Sequence;
            sequence.Ids.Add(candidates[best].Token);
            sequence.End(_run.Ended(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(sequence.Ids), sequence.Number));
            _added.Add(new(sequence.Number, candidates[best].Token, sequence.Ended));
            if (sequence.Ended is not null) continue;
            kept.Add(best);
            _going[r].States.Add(Unit(output.State(best, 0)));
            output.CopyScores(best, 0, _going[r].Next);
        }
        _going = [.. _going.Where(r => r.Sequence.Ended is null)];
        if (kept.Count > 0) _runner.Cache.Select([.. kept]);
    }

    private float Merit(Row row, float probability, float[] state)
    {
        var alpha = (float)_run.Plan.Config.PenaltyAlpha!.Value;
        return ((1 - alpha) * probability) - (alpha * row.States.Max(s => TensorPrimitives.Dot(s, state)));
    }

    private static float[] Unit(ReadOnlySpan<float> state)
    {
        var unit = new float[state.Length];
        TensorPrimitives.Divide(state, TensorPrimitives.Norm(state), unit);
        return unit;
    }

    private sealed class Row(Sequence sequence)
    {
        internal Sequence Sequence => sequence;

        /// <summary>The states of all tokens, padding included, of length one.</summary>
        internal List<float[]> States { get; } = [];

        /// <summary>The scores of the next token.</summary>
        internal float[] Next { get; set; } = [];
    }
}
