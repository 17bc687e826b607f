namespace OnnxTransformers.Generation;

/// <summary>Classifier-free guidance by a second run of the model, on a negative prompt or on the prompt's last token alone, and the new tokens. Reference: UnbatchedClassifierFreeGuidanceLogitsProcessor.</summary>
internal sealed class ModelGuidance : ILogitsProcessor, IDisposable
{
    private readonly GenerationRun _run;
    private readonly double _scale;
    private readonly StepRunner _runner;
    private readonly ScoreBuffer _buffer = new();
    private List<Sequence> _rows = [];

    internal ModelGuidance(GenerationRun run, double scale)
    {
        (_run, _scale) = (run, scale);
        // The reference gives this branch no positions, so that the model counts padding as well.
        _runner = new StepRunner(run.Model, run.Model.CreateCache(Capacity(run)), countsPadding: true);
    }

    public void Process(ScoreBatch batch)
    {
        Follow(batch);
        var without = _buffer.Take(batch.Vocabulary).Span;
        using var output = _runner.Run(_rows, 1, states: false, CancellationToken.None);
        for (var row = 0; row < batch.Rows; row++)
        {
            output.CopyScores(row, 0, without);
            Distribution.LogSoftMax(without);
            var with = batch.Scores(row);
            Distribution.LogSoftMax(with);
            Guidance.Apply(with, without, _scale);
        }
    }

    public void Dispose()
    {
        _runner.Cache.Dispose();
        _buffer.Dispose();
    }

    /// <summary>Keeps the rows of the batch and gives each its last token.</summary>
    private void Follow(ScoreBatch batch)
    {
        if (_rows.Count == 0)
        {
            for (var row = 0; row < batch.Rows; row++) _rows.Add(Begin(batch, row));
            return;
        }
        var kept = new int[batch.Rows];
        for (var row = 0; row < kept.Length; row++) kept[row] = _rows.FindIndex(r => r.Number == batch.Number(row));
        _runner.Cache.Select(kept);
        _rows = [.. kept.Select(k => _rows[k])];
        for (var row = 0; row < kept.Length; row++) _rows[row].Ids.Add(batch.Ids(row)[^1]);
    }

    private Sequence Begin(ScoreBatch batch, int row)
    {
        var number = batch.Number(row);
        if (_run.Request.NegativePromptIds is not { } prompts) return new(number, [batch.Ids(row)[^1]], [1]);
        var negative = Prompts.Of(prompts, _run.Request.NegativePromptAttentionMask ?? [.. prompts.Select(p => Enumerable.Repeat(1, p.Count).ToArray())], GenerationConfig.Default, _run.Model.Vocabulary, "negative_prompt_ids");
        if (negative.Count != _run.Prompts.Count) throw new InvalidInputException("reading the prompts", new Problem("negative_prompt_ids", $"{negative.Count} prompts", $"{_run.Prompts.Count}, one for each prompt"));
        return new(number, negative.Ids[number / _run.RowsOfPrompt], negative.Masks[number / _run.RowsOfPrompt]);
    }

    private static int Capacity(GenerationRun run) => (run.Request.NegativePromptIds is { Count: > 0 } prompts ? prompts[0].Count : 1) + run.Plan.MaxLength - run.Plan.PromptLength;
}
