namespace OnnxTransformers.Generation;

/// <summary>What a detector finds in a sequence.</summary>
/// <param name="Scored">Tokens that count.</param>
/// <param name="Green">Favoured ones among them.</param>
/// <param name="ZScore">How many standard deviations that is from chance.</param>
/// <param name="PValue">The probability of as many by chance.</param>
/// <param name="IsMarked">Whether the z score is above the threshold.</param>
public sealed record WatermarkFinding(int Scored, int Green, double ZScore, double PValue, bool IsMarked)
{
    /// <summary>The favoured share.</summary>
    public double GreenFraction => (double)Green / Scored;

    /// <summary>One minus the p value.</summary>
    public double Confidence => 1 - PValue;
}

/// <summary>Finds the mark of a <see cref="GreenListWatermark"/> in tokens. Reference: generation/watermarking.py, whose ignore_repeated_ngrams recognises no repetition and so has no counterpart. Not thread-safe.</summary>
/// <param name="mark">The mark, with the secret that the text was generated with.</param>
/// <param name="vocabulary">The model's number of tokens.</param>
public sealed class WatermarkDetector(GreenListWatermark mark, int vocabulary)
{
    private readonly GreenList _list = new(mark, vocabulary);

    /// <summary>The token that begins texts; where the first sequence begins with it, the first token of each is left out.</summary>
    public int? BosTokenId { get; init; }

    /// <summary>Looks at sequences of new tokens, without their prompts.</summary>
    /// <param name="sequences">The sequences.</param>
    /// <param name="threshold">The z score above which a sequence counts as marked.</param>
    /// <exception cref="InvalidInputException">A sequence is too short.</exception>
    public IReadOnlyList<WatermarkFinding> Detect(IReadOnlyList<IReadOnlyList<int>> sequences, double threshold = 3)
    {
        var skipped = sequences.Count > 0 && sequences[0].Count > 0 && sequences[0][0] == BosTokenId ? 1 : 0;
        return [.. sequences.Select(s => Detect([.. s.Skip(skipped)], threshold))];
    }

    private WatermarkFinding Detect(int[] ids, double threshold)
    {
        if (ids.Length <= mark.ContextWidth)
            throw new InvalidInputException("detecting a watermark", new Problem("sequence", $"{ids.Length} tokens", $"more than {mark.ContextWidth}, the width of the context"));
        var width = mark.ContextWidth + (mark.SelfHash ? 0 : 1);
        var (scored, green) = (0, 0);
        for (var at = 0; at + width <= ids.Length; at++)
        {
            var ngram = ids.AsSpan(at, width);
            scored++;
            if (_list.After(mark.SelfHash ? ngram : ngram[..^1]).Contains(ngram[^1])) green++;
        }
        var z = (green - (mark.GreenListRatio * scored)) / Math.Sqrt(scored * mark.GreenListRatio * (1 - mark.GreenListRatio));
        var p = 1 - (0.5 * (1 + (Math.Sign(z) * (1 - Math.Exp(-2 * z * z / Math.PI)))));
        return new(scored, green, z, p, z > threshold);
    }
}
