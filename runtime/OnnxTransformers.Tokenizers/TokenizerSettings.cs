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
    internal bool DecodesWordEnds { get; init; }
    internal bool HasOffsets { get; init; } = true;
    internal bool MakesTypeIds { get; init; } = true;
    internal Lazy<Tokenizer>? Target { get; init; }
    internal string? ClassName { get; init; }
    internal ImmutableArray<string> ModelInputNames { get; init; } = ["input_ids", "token_type_ids", "attention_mask"];
}
