namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>What one rendering may use. A template comes with a checkpoint, so it is not trusted: a rendering that passes a limit fails with an error
/// that names the limit.</summary>
/// <param name="MaxSteps">Work in steps: one for each node evaluated, and one for every sixteen characters or four items an operation reads.</param>
/// <param name="MaxCharacters">The most UTF-16 characters that the rendered text, or any text made on the way, may have.</param>
/// <param name="MaxAllocatedBytes">The most bytes of texts and lists that may be made in all.</param>
/// <param name="MaxDepth">How deep macros, recursive loops and blocks may call each other.</param>
public sealed record TemplateLimits(long MaxSteps = 50_000_000, int MaxCharacters = 1 << 24, long MaxAllocatedBytes = 1L << 29, int MaxDepth = 200)
{
    /// <summary>The limits used where none are given: they leave room for conversations of a million tokens.</summary>
    public static TemplateLimits Default { get; } = new();
}
