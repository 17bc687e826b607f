using System.Collections.Immutable;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>A conversation as the text that a model reads.</summary>
/// <param name="Text">The text, special tokens included: tokenize it without adding any.</param>
/// <param name="Assistant">Where the template's <c>{% generation %}</c> blocks stand in the text, in UTF-16 characters; empty for templates that have
/// none.</param>
public sealed record RenderedChat(string Text, IReadOnlyList<CharacterSpan> Assistant)
{
    /// <summary>1 for the tokens of the assistant, 0 for all others, as the reference's return_assistant_tokens_mask: of each block the tokens from the one that holds its first character to the one that holds its last.
    /// A block whose beginning was truncated, and those after it, have none.</summary>
    /// <param name="encoding">What <see cref="Text"/> became.</param>
    public ImmutableArray<int> AssistantMask(Encoding encoding)
    {
        ArgumentNullException.ThrowIfNull(encoding);
        var mask = new int[encoding.Length];
        var offsets = encoding.Offsets;
        foreach (var (start, end) in Assistant)
        {
            var first = TokenOf(offsets, start);
            if (first < 0) break;
            var last = TokenOf(offsets, end - 1);
            mask.AsSpan(first..(last < 0 ? mask.Length : last + 1)).Fill(1);
        }
        return [.. mask];
    }

    private static int TokenOf(ImmutableArray<Offset> offsets, int character)
    {
        for (var i = 0; i < offsets.Length; i++)
            if (offsets[i].Start <= character && character < offsets[i].End) return i;
        return -1;
    }
}
