using System.Collections.Immutable;
using System.Diagnostics;

namespace OnnxTransformers.Generation;

/// <summary>Says when a sequence has ended. One object serves one request and may keep a state.</summary>
public interface IStoppingCriterion
{
    /// <summary>Whether a sequence has ended with its last token.</summary>
    /// <param name="ids">The tokens of the sequence, prompt and padding included.</param>
    /// <param name="number">Its number in the request, as <see cref="ScoreBatch.Number"/>.</param>
    bool IsDone(ReadOnlySpan<int> ids, int number);
}

/// <summary>Why a sequence ended.</summary>
public enum StopReason
{
    /// <summary>It has the greatest length.</summary>
    Length,
    /// <summary>A token ended it.</summary>
    EndToken,
    /// <summary>A text ended it.</summary>
    StopString,
    /// <summary>The time was over.</summary>
    Time,
    /// <summary>The caller's own criterion ended it.</summary>
    Criterion,
}

/// <summary>Ends sequences at a length.</summary>
internal sealed class MaxLengthCriterion(int length) : IStoppingCriterion
{
    public bool IsDone(ReadOnlySpan<int> ids, int number) => ids.Length >= length;
}

/// <summary>Ends sequences after a token.</summary>
internal sealed class EndTokenCriterion(ImmutableArray<int> tokens) : IStoppingCriterion
{
    public bool IsDone(ReadOnlySpan<int> ids, int number) => tokens.Contains(ids[^1]);
}

/// <summary>Ends all sequences when a time is over.</summary>
internal sealed class MaxTimeCriterion(double seconds) : IStoppingCriterion
{
    private readonly long _begun = Stopwatch.GetTimestamp();

    public bool IsDone(ReadOnlySpan<int> ids, int number) => Stopwatch.GetElapsedTime(_begun).TotalSeconds > seconds;
}

/// <summary>Ends an assistant's guesses with the first of which it is not sure.</summary>
internal static class Confidence
{
    /// <summary>Whether the probability of the token that these scores chose is below the threshold.</summary>
    internal static bool IsLow(ReadOnlySpan<float> scores, int token, double threshold) => MathF.Exp(scores[token] - Distribution.LogSumExp(scores)) < threshold;
}

/// <summary>The table of what ends sequences, in the reference's order.</summary>
internal static class StoppingTable
{
    private static readonly ImmutableArray<Row> Rows =
    [
        new("MaxLengthCriteria", StopReason.Length, _ => true, (p, _) => new MaxLengthCriterion(p.MaxLength)),
        new("MaxTimeCriteria", StopReason.Time, p => p.Config.MaxTime is not null, (p, _) => new MaxTimeCriterion(p.Config.MaxTime!.Value)),
        new("StopStringCriteria", StopReason.StopString, p => p.Config.StopStrings is { IsEmpty: false }, (p, texts) => StopStrings.Create(p.Config.StopStrings!.Value, texts)),
        new("EosTokenCriteria", StopReason.EndToken, p => !p.Eos.IsEmpty, (p, _) => new EndTokenCriterion(p.Eos)),
    ];

    /// <summary>The criteria of a request; of several that end a sequence at once the later is its reason.</summary>
    /// <param name="plan">The resolved configuration.</param>
    /// <param name="texts">The texts of tokens, for stop strings; null where there is no tokenizer.</param>
    /// <param name="own">The caller's.</param>
    internal static ImmutableArray<(StopReason Reason, IStoppingCriterion Criterion)> Create(GenerationPlan plan, TokenTexts? texts, IEnumerable<IStoppingCriterion> own) =>
        [.. Rows.Where(r => r.IsWanted(plan)).Select(r => (r.Reason, r.Create(plan, texts))), .. own.Select(o => (StopReason.Criterion, o))];

    /// <summary>The reference's names of the criteria of a request.</summary>
    internal static ImmutableArray<string> Names(GenerationPlan plan) => [.. Rows.Where(r => r.IsWanted(plan)).Select(r => r.Name)];

    private sealed record Row(string Name, StopReason Reason, Func<GenerationPlan, bool> IsWanted, Func<GenerationPlan, TokenTexts?, IStoppingCriterion> Create);
}
