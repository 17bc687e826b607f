namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>A conversation as the text that a model reads.</summary>
/// <param name="Text">The text, special tokens included: tokenize it without adding any.</param>
/// <param name="Assistant">Where the template's <c>{% generation %}</c> blocks stand in the text, in UTF-16 characters; empty for templates that have
/// none. A token belongs to the assistant when it begins inside one.</param>
public sealed record RenderedChat(string Text, IReadOnlyList<CharacterSpan> Assistant);
