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

    /// <summary>Tells all matches from left to right.</summary>
    internal void Find<T>(ReadOnlySpan<char> text, ref T matches) where T : struct, IMatches, allows ref struct
    {
        if (_text is not null)
        {
            for (var at = 0; text[at..].IndexOf(_text) is var next and >= 0; at += next + _text.Length) matches.Match(at + next, at + next + _text.Length);
            return;
        }
        using var matcher = new RegexMatcher(_program!, text);
        var lastEnd = -1;
        for (var from = 0; from <= text.Length && matcher.Search(from, out var start, out var end);)
        {
            // An empty match right after a match does not count.
            if (end == start && lastEnd == end)
            {
                from += from < text.Length && char.IsHighSurrogate(text[from]) ? 2 : 1;
                continue;
            }
            matches.Match(start, end);
            from = lastEnd = end;
        }
    }

    /// <summary>A text with all matches replaced.</summary>
    internal string Replace(string text, string content)
    {
        if (_text is not null) return text.Replace(_text, content, StringComparison.Ordinal);
        if (text.Length == 0) return text;
        var replaced = new ReplacedText(text, content);
        Find(text, ref replaced);
        return replaced.Finish();
    }

    private struct ReplacedText(string text, string content) : IMatches
    {
        private StringBuilder? _result;
        private int _done;

        public void Match(int start, int end)
        {
            (_result ??= new()).Append(text, _done, start - _done).Append(content);
            _done = end;
        }

        internal readonly string Finish() => _result?.Append(text, _done, text.Length - _done).ToString() ?? text;
    }
}

/// <summary>Takes the matches of a pattern as they are found.</summary>
internal interface IMatches
{
    /// <summary>A match from one place up to another.</summary>
    void Match(int start, int end);
}

/// <summary>Cuts at the matches of a pattern.</summary>
internal sealed class PatternCutter(Pattern pattern, SplitBehavior behavior, bool invert) : Cutter
{
    protected override void Cut(ReadOnlySpan<char> text, int offset, List<Piece> output)
    {
        var cutter = new MatchCutter(behavior, invert, offset, output);
        pattern.Find(text, ref cutter);
        cutter.Finish(text.Length);
    }
}
