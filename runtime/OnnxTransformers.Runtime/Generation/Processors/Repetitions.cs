namespace OnnxTransformers.Generation;

/// <summary>Lowers the scores of tokens that occur already, or raises them where the penalty is below 1. A token counts once, however often it occurs.</summary>
internal sealed class RepetitionPenalty(double penalty, int ignoredPrompt = 0) : RowProcessor
{
    protected override void Process(ReadOnlySpan<int> ids, Span<float> scores, int number) => Apply(ids[Math.Min(ids.Length, ignoredPrompt)..], scores, (float)penalty);

    internal static void Apply(ReadOnlySpan<int> ids, Span<float> scores, float penalty)
    {
        var seen = new HashSet<int>(ids.Length);
        foreach (var id in ids)
            if (seen.Add(id)) scores[id] = scores[id] < 0 ? scores[id] * penalty : scores[id] / penalty;
    }
}

/// <summary>Raises the scores of tokens of the prompt; the factor applied is the penalty's inverse.</summary>
internal sealed class EncoderRepetitionPenalty(double penalty, int[][] prompts, int rowsOfPrompt = 1) : RowProcessor
{
    protected override void Process(ReadOnlySpan<int> ids, Span<float> scores, int number) => RepetitionPenalty.Apply(prompts[number / rowsOfPrompt], scores, (float)(1 / penalty));
}

/// <summary>Takes out tokens that would repeat a sequence of tokens. The whole row counts, prompt and padding included.</summary>
internal sealed class NoRepeatNGram(int size) : RowProcessor
{
    protected override void Process(ReadOnlySpan<int> ids, Span<float> scores, int number) => Cut(ids, ids, scores, size);

    /// <summary>Takes out what follows the last tokens of <paramref name="ids"/> anywhere in <paramref name="text"/>.</summary>
    internal static void Cut(ReadOnlySpan<int> text, ReadOnlySpan<int> ids, Span<float> scores, int size)
    {
        if (ids.Length + 1 < size) return;
        var last = ids[(ids.Length + 1 - size)..];
        for (var at = 0; at + size <= text.Length; at++)
            if (text.Slice(at, size - 1).SequenceEqual(last)) scores[text[at + size - 1]] = float.NegativeInfinity;
    }
}

/// <summary>Takes out tokens that would repeat a sequence of tokens of the prompt. With one prompt for all rows it is every row's.</summary>
internal sealed class EncoderNoRepeatNGram(int size, int[][] prompts, int rowsOfPrompt = 1) : RowProcessor
{
    protected override void Process(ReadOnlySpan<int> ids, Span<float> scores, int number) => NoRepeatNGram.Cut(prompts[prompts.Length == 1 ? 0 : number / rowsOfPrompt], ids, scores, size);
}
