using System.Collections.Immutable;

namespace OnnxTransformers.Generation;

/// <summary>Takes tokens out.</summary>
internal sealed class Suppress(ImmutableArray<int> tokens) : RowProcessor
{
    protected override void Process(ReadOnlySpan<int> ids, Span<float> scores, int number) => Cut(scores, tokens);

    internal static void Cut(Span<float> scores, ImmutableArray<int> tokens)
    {
        // As in the reference, an id that the vocabulary lacks takes nothing out.
        foreach (var token in tokens)
            if (token < scores.Length) scores[token] = float.NegativeInfinity;
    }
}

/// <summary>Takes tokens out at one length only.</summary>
internal sealed class SuppressAtBegin(ImmutableArray<int> tokens, int length) : RowProcessor
{
    protected override void Process(ReadOnlySpan<int> ids, Span<float> scores, int number)
    {
        if (ids.Length == length) Suppress.Cut(scores, tokens);
    }
}

/// <summary>Adds to the score of the last id of a sequence where the rest of it stands before; biases of one token add up.</summary>
internal sealed class SequenceBias : RowProcessor
{
    private readonly ImmutableArray<BiasedSequence> _sequences;

    /// <summary>Of equal sequences the last counts.</summary>
    internal SequenceBias(IEnumerable<BiasedSequence> sequences)
    {
        var distinct = new Dictionary<string, BiasedSequence>(StringComparer.Ordinal);
        foreach (var sequence in sequences) distinct[string.Join(' ', sequence.Ids)] = sequence;
        _sequences = [.. distinct.Values];
    }

    /// <summary>Biases of minus infinity for words; one that is the end alone is left out, or nothing could end.</summary>
    internal static SequenceBias Ban(ImmutableArray<ImmutableArray<int>> words, ImmutableArray<int> eos) =>
        new(words.Where(w => w.Length != 1 || !eos.Contains(w[0])).Select(w => new BiasedSequence(w, double.NegativeInfinity)));

    protected override void Process(ReadOnlySpan<int> ids, Span<float> scores, int number)
    {
        foreach (var (sequence, bias) in _sequences)
        {
            if (sequence.Length > 1 && (sequence.Length > ids.Length || !ids.EndsWith(sequence.AsSpan()[..^1]))) continue;
            if (sequence[^1] >= scores.Length)
                throw new InvalidInputException("biasing scores", new Problem("sequence_bias or bad_words_ids", $"id {sequence[^1]}", $"ids below {scores.Length}, the size of the vocabulary"));
            scores[sequence[^1]] += (float)bias;
        }
    }
}
