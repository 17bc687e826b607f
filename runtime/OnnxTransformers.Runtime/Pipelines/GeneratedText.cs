using OnnxTransformers.Generation;

namespace OnnxTransformers;

/// <summary>A continued text.</summary>
/// <param name="Text">The prompt and what was added.</param>
/// <param name="Added">What was added.</param>
/// <param name="Tokens">All tokens, the prompt's included, filling not.</param>
/// <param name="PromptTokens">Tokens of the prompt.</param>
/// <param name="Reason">Why it ended.</param>
public sealed record GeneratedText(string Text, string Added, IReadOnlyList<int> Tokens, int PromptTokens, StopReason Reason);

/// <summary>A piece of a text that is being generated.</summary>
/// <param name="Text">What is certain now: whole characters, or nothing.</param>
/// <param name="Tokens">New tokens so far.</param>
/// <param name="Ended">Why the text ended with this piece; null while it goes on.</param>
public readonly record struct TextPiece(string Text, int Tokens, StopReason? Ended)
{
    /// <summary>The text.</summary>
    public override string ToString() => Text;
}
