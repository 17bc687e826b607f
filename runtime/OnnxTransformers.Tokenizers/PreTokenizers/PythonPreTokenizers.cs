namespace OnnxTransformers.Tokenizers;

/// <summary>BERT's words in Python: white space separates, punctuation stands alone.</summary>
internal sealed class BasicTokenizerCutter : Cutter
{
    protected override void Cut(ReadOnlySpan<char> text, int offset, List<Piece> output)
    {
        var start = 0;
        for (var i = 0; i < text.Length;)
        {
            var c = CodePointAt(text, i, out var units);
            var space = c <= char.MaxValue && PythonText.IsSpace((char)c);
            if (space || UnicodeData.IsPunctuation(c))
            {
                if (i > start) output.Add(new(offset + start, offset + i, -1));
                if (!space) output.Add(new(offset + i, offset + i + units, -1));
                start = i + units;
            }
            i += units;
        }
        if (text.Length > start) output.Add(new(offset + start, offset + text.Length, -1));
    }
}

/// <summary>Words with the end of a line that follows them: the expression \S+\n?.</summary>
/// <param name="isSpace">What white space is to the library that the class takes its expressions from.</param>
internal sealed class WordAndBreakCutter(Func<char, bool> isSpace) : Cutter
{
    protected override void Cut(ReadOnlySpan<char> text, int offset, List<Piece> output)
    {
        for (var i = 0; i < text.Length;)
        {
            if (isSpace(text[i]))
            {
                i++;
                continue;
            }
            var start = i;
            while (i < text.Length && !isSpace(text[i])) i++;
            if (i < text.Length && text[i] == '\n') i++;
            output.Add(new(offset + start, offset + i, -1));
        }
    }
}

/// <summary>ESM's: tokens of the vocabulary stand alone wherever they are, white space separates the rest.</summary>
internal sealed class VocabularyCutter(IEnumerable<(string Token, int Id)> tokens) : Cutter
{
    private readonly TokenTrie _trie = new(tokens);

    protected override void Cut(ReadOnlySpan<char> text, int offset, List<Piece> output)
    {
        var done = 0;
        for (var at = _trie.FirstCandidate(text, 0); at >= 0;)
        {
            var length = _trie.Longest(text[at..], out _);
            if (length > 0)
            {
                Words(text[done..at], offset + done, output);
                output.Add(new(offset + at, offset + at + length, -1));
                done = at + length;
            }
            at = _trie.FirstCandidate(text, at + Math.Max(1, length));
        }
        Words(text[done..], offset + done, output);
    }

    private static void Words(ReadOnlySpan<char> text, int offset, List<Piece> output)
    {
        for (var i = 0; i < text.Length;)
        {
            if (PythonText.IsSpace(text[i]))
            {
                i++;
                continue;
            }
            var start = i;
            while (i < text.Length && !PythonText.IsSpace(text[i])) i++;
            output.Add(new(offset + start, offset + i, -1));
        }
    }
}

/// <summary>The space that some classes put before a text goes again where a special token follows.</summary>
internal sealed class FirstSpacePreTokenizer(IReadOnlySet<string> special) : PreTokenizer
{
    internal override void Split(Workspace work)
    {
        if (work.Pieces is not [{ Token: < 0 } first, { Token: >= 0 } second, ..]) return;
        var text = work.Main.Span;
        if (text[first.Start..first.End] is "\u2581" && special.Contains(text[second.Start..second.End].Trim().ToString())) work.Pieces.RemoveAt(0);
    }
}

/// <summary>Parts between spaces, but for those of other white space alone.</summary>
internal sealed class PhonemeCutter : Cutter
{
    protected override void Cut(ReadOnlySpan<char> text, int offset, List<Piece> output)
    {
        var (start, end) = (0, text.Length);
        while (start < end && PythonText.IsSpace(text[start])) start++;
        while (end > start && PythonText.IsSpace(text[end - 1])) end--;
        foreach (var range in text[start..end].Split(' '))
        {
            var (from, length) = range.GetOffsetAndLength(end - start);
            if (text.Slice(start + from, length).ContainsAnyExcept(PythonText.Spaces)) output.Add(new(offset + start + from, offset + start + from + length, -1));
        }
    }
}
