using System.Buffers;
using Microsoft.ML.Tokenizers;

namespace OnnxTransformers.Tokenizers.MachineLearning;

/// <summary>A tokenizer of Hugging Face as <see cref="Microsoft.ML.Tokenizers.Tokenizer"/>, for libraries that take one of those. Offsets refer to the original text; no normalized text is handed out.
/// Safe to use from several threads at once.</summary>
public sealed class MachineLearningTokenizer : Microsoft.ML.Tokenizers.Tokenizer
{
    /// <summary>Wraps a tokenizer.</summary>
    /// <param name="inner">The tokenizer.</param>
    /// <param name="addSpecialTokens">Whether encoding adds the special tokens that the model was trained with; they count among the most tokens that are wanted.</param>
    public MachineLearningTokenizer(Tokenizer inner, bool addSpecialTokens = true)
    {
        ArgumentNullException.ThrowIfNull(inner);
        (Inner, AddSpecialTokens) = (inner, addSpecialTokens);
    }

    /// <summary>The tokenizer behind it.</summary>
    public Tokenizer Inner { get; }

    /// <summary>Whether encoding adds special tokens.</summary>
    public bool AddSpecialTokens { get; }

    /// <summary>Reads the tokenizer of a checkpoint's folder, as <see cref="Tokenizer.Load(string, LoadOptions)"/>.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="addSpecialTokens">Whether encoding adds special tokens.</param>
    /// <exception cref="UnsupportedCheckpointException">It has a component, a key or a class that is not known.</exception>
    /// <exception cref="CorruptCheckpointException">A file is missing, no JSON, or contradicts another.</exception>
    public static MachineLearningTokenizer Load(string folder, bool addSpecialTokens = true) => new(Tokenizer.Load(folder), addSpecialTokens);

    /// <inheritdoc/>
    protected override EncodeResults<EncodedToken> EncodeToTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        var cut = Cut(text ?? textSpan.ToString(), settings, fromEnd: false);
        var (ids, names, offsets) = (cut.Encoding.Ids, cut.Encoding.Tokens, cut.Encoding.Offsets);
        var tokens = new EncodedToken[ids.Length];
        for (var i = 0; i < tokens.Length; i++) tokens[i] = new(ids[i], names[i], offsets[i].Start..offsets[i].End);
        return new() { Tokens = tokens, CharsConsumed = cut.Index };
    }

    /// <inheritdoc/>
    protected override EncodeResults<int> EncodeToIds(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        var cut = Cut(text ?? textSpan.ToString(), settings, fromEnd: false);
        return new() { Tokens = cut.Encoding.Ids, CharsConsumed = cut.Index };
    }

    /// <inheritdoc/>
    protected override int CountTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings) => Cut(text ?? textSpan.ToString(), settings, fromEnd: false).Encoding.Length;

    /// <inheritdoc/>
    protected override int GetIndexByTokenCount(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings, bool fromEnd, out string? normalizedText, out int tokenCount)
    {
        var cut = Cut(text ?? textSpan.ToString(), settings, fromEnd);
        (normalizedText, tokenCount) = (null, cut.Encoding.Length);
        return cut.Index;
    }

    /// <inheritdoc/>
    public override string Decode(IEnumerable<int> ids) => Inner.Decode([.. ids]);

    /// <inheritdoc/>
    public override OperationStatus Decode(IEnumerable<int> ids, Span<char> destination, out int idsConsumed, out int charsWritten)
    {
        int[] all = [.. ids];
        var text = Inner.Decode(all);
        if (text.AsSpan().TryCopyTo(destination))
        {
            (idsConsumed, charsWritten) = (all.Length, text.Length);
            return OperationStatus.Done;
        }
        // As many whole characters as there is room for, and the ids that they take.
        (idsConsumed, charsWritten) = (0, 0);
        var stream = Inner.CreateDecodeStream();
        for (var i = 0; i < all.Length; i++)
        {
            if (stream.Step(all[i]) is not { } piece) continue;
            if (!piece.AsSpan().TryCopyTo(destination[charsWritten..])) break;
            (idsConsumed, charsWritten) = (i + 1, charsWritten + piece.Length);
        }
        return OperationStatus.DestinationTooSmall;
    }

    /// <summary>An encoding of at most so many tokens, and the place up to which (or from which) it covers the text.</summary>
    private (Encoding Encoding, int Index) Cut(string text, EncodeSettings settings, bool fromEnd)
    {
        if (!settings.ConsiderNormalization) throw Refused("considerNormalization");
        if (!settings.ConsiderPreTokenization) throw Refused("considerPreTokenization");
        var options = new EncodeOptions { AddSpecialTokens = AddSpecialTokens };
        var whole = Inner.Encode(text, options: options);
        if (whole.Length <= settings.MaxTokenCount) return (whole, fromEnd ? 0 : text.Length);
        var sequences = whole.SequenceIds;
        Offset[] tokens = [.. whole.Offsets.Where((_, i) => sequences[i] == 0)];
        var special = whole.Length - tokens.Length;
        var kept = Math.Max(0, settings.MaxTokenCount - special);
        // Tokens that share a character go or stay together.
        while (kept > 0 && (fromEnd ? tokens[^(kept + 1)].End > tokens[^kept].Start : tokens[kept].Start < tokens[kept - 1].End)) kept--;
        var cut = Inner.Encode(text, options: options with { Truncation = new(Math.Min(settings.MaxTokenCount, kept + special)) { Direction = fromEnd ? Side.Left : Side.Right } });
        var index = kept == 0 ? fromEnd ? text.Length : 0 : fromEnd ? tokens[^kept].Start : tokens[kept - 1].End;
        return (cut, index);
    }

    private static InvalidInputException Refused(string argument) =>
        new("encoding for Microsoft.ML.Tokenizers", new Problem(argument, "false", "true", "normalization and pre-tokenization belong to a tokenizer of Hugging Face and are always done"));
}
