using System.Collections.Immutable;

namespace OnnxTransformers.Tokenizers;

/// <summary>What the files beside a tokenizer.json say about its use.</summary>
internal sealed record TokenizerSettings
{
    internal SpecialTokens? Special { get; init; }
    internal int ModelMaxLength { get; init; } = int.MaxValue;
    internal Side PaddingSide { get; init; } = Side.Right;
    internal Side TruncationSide { get; init; } = Side.Right;
    internal int PadTypeId { get; init; }
    internal bool CleanUpSpaces { get; init; }
    internal Func<string, string>? CleanUp { get; init; }
    internal bool DecodesWordEnds { get; init; }
    internal bool DecodesTimestamps { get; init; }
    internal bool HasOffsets { get; init; } = true;
    internal bool MakesTypeIds { get; init; } = true;

    /// <summary>Tokens are called by their ids' names, and not by what stands in the text.</summary>
    internal bool NamesTokensById { get; init; }

    /// <summary>The last token of texts is not added where it is there already.</summary>
    internal bool EndsOnce { get; init; }

    /// <summary>Special tokens that stand in a text are marked as such, but for the unknown one.</summary>
    internal bool MarksSpecialInText { get; init; }

    /// <summary>Calls without another wish fill up to a multiple of this, where it is not 0.</summary>
    internal int CallPadding { get; init; }

    internal Lazy<Tokenizer>? Target { get; init; }
    internal string? ClassName { get; init; }
    internal ImmutableArray<string> ModelInputNames { get; init; } = ["input_ids", "token_type_ids", "attention_mask"];
}
