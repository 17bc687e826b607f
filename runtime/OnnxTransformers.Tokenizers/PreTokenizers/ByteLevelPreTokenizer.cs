namespace OnnxTransformers.Tokenizers;

/// <summary>GPT-2's: words with the space before them, as the visible characters of their bytes.</summary>
/// <param name="addPrefixSpace">Puts a space before pieces that don't begin with one.</param>
/// <param name="useRegex">Cuts into words.</param>
internal sealed class ByteLevelPreTokenizer(bool addPrefixSpace, bool useRegex) : PreTokenizer
{
    private readonly WordScanner _words = new(WordPattern.Gpt2, SplitBehavior.Isolated);

    /// <summary>False where the model takes the text as it is and looks at its bytes by itself.</summary>
    internal bool Expands { get; set; } = true;

    internal override void Split(Workspace work)
    {
        if (addPrefixSpace) PieceRewriter.Prepend(work, ' ', onlyFirst: false);
        if (useRegex) _words.Split(work);
        if (Expands) PieceRewriter.ExpandBytes(work);
    }
}
