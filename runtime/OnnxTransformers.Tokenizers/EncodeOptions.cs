namespace OnnxTransformers.Tokenizers;

/// <summary>What truncation may shorten.</summary>
public enum TruncationStrategy
{
    /// <summary>Whichever text is longer, until the limit holds.</summary>
    LongestFirst,
    /// <summary>Only the first text.</summary>
    OnlyFirst,
    /// <summary>Only the second text.</summary>
    OnlySecond,
    /// <summary>Nothing.</summary>
    DoNotTruncate,
}

/// <summary>An end of a sequence.</summary>
public enum Side
{
    /// <summary>Its beginning.</summary>
    Left,
    /// <summary>Its end.</summary>
    Right,
}

/// <summary>A limit on the number of tokens.</summary>
/// <param name="MaxLength">The most tokens, special ones included.</param>
public sealed record Truncation(int MaxLength)
{
    /// <summary>What may be shortened.</summary>
    public TruncationStrategy Strategy { get; init; } = TruncationStrategy.LongestFirst;

    /// <summary>How many tokens an overflowing piece repeats of the piece before it.</summary>
    public int Stride { get; init; }

    /// <summary>The end at which tokens are cut off; null is the tokenizer's own.</summary>
    public Side? Direction { get; init; }
}

/// <summary>Filling up of shorter encodings.</summary>
public sealed record Padding
{
    /// <summary>To the longest of a batch (or of an encoding and what overflowed).</summary>
    public static Padding ToLongest { get; } = new();

    /// <summary>To so many tokens.</summary>
    public static Padding ToLength(int length) => new() { Length = length };

    /// <summary>The number of tokens, or null for that of the longest.</summary>
    public int? Length { get; init; }

    /// <summary>Rounds the length up to a multiple of this.</summary>
    public int? ToMultipleOf { get; init; }

    /// <summary>The end that is filled; null is the tokenizer's own.</summary>
    public Side? Direction { get; init; }

    /// <summary>The id that fills; null is the tokenizer's padding token.</summary>
    public int? Id { get; init; }

    /// <summary>The name of <see cref="Id"/>; null is the tokenizer's padding token.</summary>
    public string? Token { get; init; }

    /// <summary>The type that fills; null is the tokenizer's own, usually 0.</summary>
    public int? TypeId { get; init; }
}

/// <summary>How texts are encoded.</summary>
public sealed record EncodeOptions
{
    /// <summary>Special tokens, no truncation, no padding.</summary>
    public static EncodeOptions Default { get; } = new();

    /// <summary>Adds the special tokens that the model was trained with.</summary>
    public bool AddSpecialTokens { get; init; } = true;

    /// <summary>The limit, or null for none.</summary>
    public Truncation? Truncation { get; init; }

    /// <summary>The filling, or null for none.</summary>
    public Padding? Padding { get; init; }
}

/// <summary>A token with a role.</summary>
/// <param name="Content">Its text.</param>
/// <param name="Id">Its id.</param>
public sealed record SpecialToken(string Content, int Id);

/// <summary>The tokens with a role that a tokenizer has; null where it has none.</summary>
public sealed record SpecialTokens
{
    /// <summary>For what the vocabulary can't spell.</summary>
    public SpecialToken? Unk { get; init; }

    /// <summary>Begins a text that is classified.</summary>
    public SpecialToken? Cls { get; init; }

    /// <summary>Separates texts.</summary>
    public SpecialToken? Sep { get; init; }

    /// <summary>Fills.</summary>
    public SpecialToken? Pad { get; init; }

    /// <summary>Hides a word.</summary>
    public SpecialToken? Mask { get; init; }

    /// <summary>Begins a text.</summary>
    public SpecialToken? Bos { get; init; }

    /// <summary>Ends a text.</summary>
    public SpecialToken? Eos { get; init; }

    /// <summary>The ids of all special tokens, those without a role included, in ascending order.</summary>
    public IReadOnlyList<int> AllIds { get; init; } = [];
}
