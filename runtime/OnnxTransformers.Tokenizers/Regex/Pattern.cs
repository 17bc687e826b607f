using System.Text;

namespace OnnxTransformers.Tokenizers;

/// <summary>What Split and Replace look for: a text, or a regular expression.</summary>
internal sealed class Pattern
{
    private readonly string? _text;
    private readonly RegexProgram? _program;

    private Pattern(string? text, RegexProgram? program) => (_text, _program) = (text, program);

    /// <summary>The one UTF-16 unit that is looked for, where it is one.</summary>
    internal char? Unit => _text is { Length: 1 } && !char.IsSurrogate(_text[0]) ? _text[0] : null;

    /// <summary>The pattern that is a text.</summary>
    internal static Pattern OfText(string text) => text.Length == 0 ? OfRegex("") : new(text, null);

    /// <summary>The pattern that is an expression of Oniguruma's syntax.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    internal static Pattern OfRegex(string regex) => new(null, RegexProgram.Compile(regex));

    /// <summary>Reads the key "pattern" of a component.</summary>
    internal static Pattern Read(JsonPlace component)
    {
        var node = component.Get("pattern");
        if (node.Value.ValueKind != System.Text.Json.JsonValueKind.Object || node.Value.EnumerateObject().Count() != 1) throw node.Wrong("an object with either String or Regex");
        if (node.Find("String") is { } text) return OfText(text.Text());
        var regex = node.Get("Regex");
        try
        {
            return OfRegex(regex.Text());
        }
        catch (FormatException e)
        {
            throw regex.Unsupported($"a regular expression with {e.Message}: {Shown(regex.Text())}", "regular expressions as Oniguruma reads them");
        }
    }

    /// <summary>A Split: by hand where the expression is one of the well-known ones.</summary>
    internal static PreTokenizer ReadSplit(JsonPlace component, SplitBehavior behavior, bool invert)
    {
        var pattern = Read(component);
        return component.Get("pattern").Find("Regex") is { } regex && WordScanner.Known.TryGetValue(regex.Text(), out var known) && !invert
            ? new WordScanner(known, behavior)
            : new PatternCutter(pattern, behavior, invert);
    }

    private static string Shown(string text) => text.Length > 120 ? text[..120] + "..." : text;

    /// <summary>All matches from left to right.</summary>
    internal List<(int Start, int End)> Matches(ReadOnlySpan<char> text)
    {
        var result = new List<(int, int)>();
        if (_text is not null)
        {
            for (var at = 0; text[at..].IndexOf(_text) is var next and >= 0; at += next + _text.Length) result.Add((at + next, at + next + _text.Length));
            return result;
        }
        var matcher = new RegexMatcher(_program!, text);
        var lastEnd = -1;
        for (var from = 0; from <= text.Length && matcher.Search(from, out var start, out var end);)
        {
            // An empty match right after a match does not count.
            if (end == start && lastEnd == end)
            {
                from += from < text.Length && char.IsHighSurrogate(text[from]) ? 2 : 1;
                continue;
            }
            result.Add((start, end));
            from = lastEnd = end;
        }
        return result;
    }

    /// <summary>A text with all matches replaced.</summary>
    internal string Replace(string text, string content)
    {
        if (_text is not null) return text.Replace(_text, content, StringComparison.Ordinal);
        if (text.Length == 0) return text;
        var matches = Matches(text);
        if (matches.Count == 0) return text;
        var result = new StringBuilder();
        var done = 0;
        foreach (var (start, end) in matches)
        {
            result.Append(text, done, start - done).Append(content);
            done = end;
        }
        return result.Append(text, done, text.Length - done).ToString();
    }
}

/// <summary>Cuts at the matches of a pattern.</summary>
internal sealed class PatternCutter(Pattern pattern, SplitBehavior behavior, bool invert) : Cutter
{
    protected override void Cut(ReadOnlySpan<char> text, int offset, List<Piece> output)
    {
        var cutter = new MatchCutter(behavior, invert, offset, output);
        foreach (var (start, end) in pattern.Matches(text)) cutter.Match(start, end);
        cutter.Finish(text.Length);
    }
}
