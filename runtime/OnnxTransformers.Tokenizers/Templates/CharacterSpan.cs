namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>A piece of a text, in UTF-16 characters.</summary>
/// <param name="Start">The first character.</param>
/// <param name="End">The first character after it.</param>
public readonly record struct CharacterSpan(int Start, int End);
