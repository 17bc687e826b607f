namespace OnnxTransformers.Generation;

/// <summary>Keeps the rules of Whisper's time marks: they come in pairs, never fall, the first is not late, and where they are likely together one is taken. Reference: WhisperTimeStampLogitsProcessor.</summary>
/// <param name="begin">Tokens before the first of the answer.</param>
/// <param name="eos">The token that ends the answer; all below it are text.</param>
/// <param name="noTimes">The token that asks for no marks; the marks are those above it.</param>
/// <param name="latestFirst">The last mark that may be the first, counted from 0; null for any.</param>
internal sealed class WhisperTimes(int begin, int eos, int noTimes, int? latestFirst) : RowProcessor
{
    protected override void Process(ReadOnlySpan<int> ids, Span<float> scores, int number)
    {
        var first = noTimes + 1;
        scores[noTimes] = float.NegativeInfinity;
        var answer = ids[Math.Min(begin, ids.Length)..];
        var last = answer.Length >= 1 && answer[^1] >= first;
        var before = answer.Length < 2 || answer[^2] >= first;
        if (last) (before ? scores[first..] : scores[..eos]).Fill(float.NegativeInfinity);
        var at = answer.LastIndexOfAnyInRange(first, int.MaxValue);
        // The end of a pair may repeat its beginning, a new pair not.
        if (at >= 0) scores[first..Math.Min(scores.Length, answer[at] + (last && !before ? 0 : 1))].Fill(float.NegativeInfinity);
        if (ids.Length == begin)
        {
            scores[..first].Fill(float.NegativeInfinity);
            if (latestFirst is { } latest && first + latest + 1 < scores.Length) scores[(first + latest + 1)..].Fill(float.NegativeInfinity);
        }
        if (Distribution.LogSumExp(scores[first..]) > Distribution.Best(scores[..first])) scores[..first].Fill(float.NegativeInfinity);
    }
}

/// <summary>Notes how likely silence is when the answer begins. Reference: WhisperNoSpeechDetection.</summary>
internal sealed class WhisperSilence(int silence, int begin) : RowProcessor
{
    private readonly Dictionary<int, float> _probabilities = [];

    /// <summary>The probability of silence of a sequence; 0 before its answer begins.</summary>
    internal float Probability(int number) => _probabilities.GetValueOrDefault(number);

    protected override void Process(ReadOnlySpan<int> ids, Span<float> scores, int number)
    {
        if (ids.Length == begin) _probabilities[number] = MathF.Exp(scores[silence] - Distribution.LogSumExp(scores));
    }
}

/// <summary>Lets only the first channel of each frame end, and makes it end when that is its best token. Reference: DiaEOSChannelFilterLogitsProcessor.</summary>
internal sealed class DiaEndChannel(int channels, int eos) : RowProcessor
{
    protected override void Process(ReadOnlySpan<int> ids, Span<float> scores, int number)
    {
        scores[(number % channels == 0 ? eos + 1 : eos)..].Fill(float.NegativeInfinity);
        if (Distribution.BestIndex(scores) == eos) scores[..eos].Fill(float.NegativeInfinity);
        else scores[eos] = float.NegativeInfinity;
    }
}

/// <summary>Ends the channels of a frame one after the other, as their delays say, once the first has ended. Reference: DiaEOSDelayPatternLogitsProcessor.</summary>
internal sealed class DiaEndDelays(int[] delays, int eos, int maxLength) : ILogitsProcessor
{
    private readonly Dictionary<int, int> _stepsSinceEnd = [];

    public void Process(ScoreBatch batch)
    {
        var last = maxLength - delays.Max() - 1;
        for (var row = 0; row < batch.Rows; row += delays.Length)
        {
            var frame = batch.Number(row) / delays.Length;
            if (_stepsSinceEnd.TryGetValue(frame, out var steps)) _stepsSinceEnd[frame] = ++steps;
            else if (Distribution.BestIndex(batch.Scores(row)) == eos || batch.Ids(row).Length == last) _stepsSinceEnd.Add(frame, steps = 0);
            else continue;
            for (var channel = 0; channel < delays.Length; channel++)
                if (delays[channel] == steps) ForcedEos.Force(batch.Scores(row + channel), [eos]);
        }
    }
}

/// <summary>Combines the scores with and without a condition. Reference: ClassifierFreeGuidanceLogitsProcessor, DiaClassifierFreeGuidanceLogitsProcessor.</summary>
internal static class Guidance
{
    /// <summary>Moves the scores away from those without the condition.</summary>
    internal static void Apply(Span<float> with, ReadOnlySpan<float> without, double scale)
    {
        for (var i = 0; i < with.Length; i++) with[i] = without[i] + ((with[i] - without[i]) * (float)scale);
    }

    /// <summary>Moves them on from where they are and, with <paramref name="topK"/>, takes only from that which tokens stay.</summary>
    internal static void ApplyFromConditional(Span<float> with, ReadOnlySpan<float> without, double scale, int? topK)
    {
        var moved = new float[with.Length];
        for (var i = 0; i < moved.Length; i++) moved[i] = with[i] + ((with[i] - without[i]) * (float)scale);
        if (topK is not { } k)
        {
            moved.CopyTo(with);
            return;
        }
        var best = new Scored[Math.Min(k, moved.Length)];
        Distribution.Top(moved, best);
        var kept = best.Select(b => b.Token).ToHashSet();
        for (var i = 0; i < with.Length; i++)
            if (!kept.Contains(i)) with[i] = float.NegativeInfinity;
    }
}
