namespace OnnxTransformers;

/// <summary>Which text of an input gives way when it is too long.</summary>
internal enum CutSide
{
    /// <summary>None: it is refused.</summary>
    None,
    /// <summary>The longer, token by token.</summary>
    Longest,
    /// <summary>The first.</summary>
    First,
    /// <summary>The second.</summary>
    Second,
}

/// <summary>How a pipeline encodes its texts.</summary>
/// <param name="Cut">Which text gives way; null for the pipeline's default.</param>
/// <param name="MaxLength">Tokens, special ones included; null for the tokenizer's limit.</param>
/// <param name="WithoutSpecialTokens">Whether [CLS], [SEP] and their like are left out.</param>
internal readonly record struct TokenizerArguments(CutSide? Cut, int? MaxLength, bool WithoutSpecialTokens = false);
