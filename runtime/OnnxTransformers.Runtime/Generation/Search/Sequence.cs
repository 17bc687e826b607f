namespace OnnxTransformers.Generation;

/// <summary>A sequence on its way.</summary>
/// <param name="number">Its number in the request.</param>
/// <param name="prompt">The prompt's tokens.</param>
/// <param name="mask">1 for each that counts.</param>
internal sealed class Sequence(int number, IEnumerable<int> prompt, int[] mask)
{
    private int? _endedAt;

    internal int Number => number;

    /// <summary>The tokens so far, prompt and padding included.</summary>
    internal List<int> Ids { get; } = [.. prompt];

    /// <summary>1 for each token of the prompt that counts; those after it all do.</summary>
    internal int[] PromptMask => mask;

    /// <summary>Why it ended; null while it goes on.</summary>
    internal StopReason? Ended { get; private set; }

    /// <summary>Its length when it ended; so far while it goes on.</summary>
    internal int Length => _endedAt ?? Ids.Count;

    /// <summary>Notes that it has ended with its last token; what follows is filling.</summary>
    internal void End(StopReason? reason)
    {
        if (reason is null || Ended is not null) return;
        (Ended, _endedAt) = (reason, Ids.Count);
    }

    /// <summary>A copy with another number.</summary>
    internal Sequence Copy(int newNumber) => new(newNumber, Ids, mask);
}
