using System.Text;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>The wordwrap filter: Python's textwrap.wrap for each line.</summary>
internal static class WordWrapper
{
    internal static Value Filter(Rendering rendering, Value?[] arguments)
    {
        var text = arguments[0] as StrValue ?? throw TemplateFault.Attribute($"'{arguments[0]!.TypeName}' object has no attribute 'splitlines'");
        var width = Table.Integer(arguments[1], 79);
        if (width <= 0) throw TemplateFault.Value($"invalid width {width} (must be > 0)");
        var separator = Table.IsAbsent(arguments[3]) ? "\n" : arguments[3]!.Str(rendering);
        var lines = PyText.Lines(text.Text).Select(line => string.Join(separator, Wrap(line, width, Table.Flag(arguments[2], absent: true), Table.Flag(arguments[4], absent: true), rendering)));
        var result = new StringBuilder();
        var first = true;
        foreach (var line in lines)
        {
            if (!first) rendering.Append(result, separator);
            first = false;
            rendering.Append(result, line);
        }
        return rendering.Text(result.ToString());
    }

    /// <summary>Words, cut where lines may break inside them, and the blanks between.</summary>
    private static List<ReadOnlyMemory<char>> Pieces(string line, bool onHyphens)
    {
        var pieces = new List<ReadOnlyMemory<char>>();
        for (var at = 0; at < line.Length;)
        {
            var isSpace = IsSpace(line[at]);
            var end = at + 1;
            if (!isSpace && onHyphens && DashEnd(line, at) is > 0 and var dash) end = dash;
            else while (end < line.Length && IsSpace(line[end]) == isSpace && !(onHyphens && !isSpace && MayBreak(line, end))) end++;
            pieces.Add(line.AsMemory(at, end - at));
            at = end;
        }
        return pieces;
    }

    /// <summary>True before a dash of hyphens, and behind a hyphen between letters: at least two on the left, or one between hyphens.</summary>
    private static bool MayBreak(string line, int at)
    {
        if (DashEnd(line, at) > 0) return true;
        if (line[at - 1] != '-') return false;
        var left = (IsLetter(line, at - 2) && IsLetter(line, at - 3)) || (IsLetter(line, at - 2) && At(line, at - 3) == '-' && IsLetter(line, at - 4));
        return left && IsLetter(line, at) && (IsLetter(line, at + 1) || (At(line, at + 1) == '-' && IsLetter(line, at + 2)));
    }

    /// <summary>The end of two or more hyphens between words, or -1.</summary>
    private static int DashEnd(string line, int at)
    {
        if (line[at] != '-' || !IsPart(line, at - 1)) return -1;
        var end = at;
        while (At(line, end) == '-') end++;
        return end - at >= 2 && IsWord(At(line, end)) ? end : -1;
    }

    private static char At(string line, int at) => at >= 0 && at < line.Length ? line[at] : ' ';

    private static bool IsWord(char c) => c == '_' || char.IsLetterOrDigit(c);

    private static bool IsLetter(string line, int at) => At(line, at) is var c && (c == '_' || char.IsLetter(c));

    private static bool IsPart(string line, int at) => At(line, at) is var c && (IsWord(c) || c is '!' or '"' or '\'' or '&' or '.' or ',' or '?');

    private static bool IsSpace(char c) => c is '\t' or '\n' or '\v' or '\f' or '\r' or ' ';

    private static List<string> Wrap(string line, int width, bool breakLong, bool onHyphens, Rendering rendering)
    {
        var pieces = Pieces(line, onHyphens);
        pieces.Reverse();
        var lines = new List<string>();
        while (pieces.Count > 0)
        {
            rendering.Charge(4);
            rendering.Allocate(64);
            var current = new List<ReadOnlyMemory<char>>();
            var length = 0;
            if (lines.Count > 0 && pieces[^1].Span.IsWhiteSpace()) pieces.RemoveAt(pieces.Count - 1);
            while (pieces.Count > 0 && length + pieces[^1].Length <= width) Take();
            if (pieces.Count > 0 && pieces[^1].Length > width)
            {
                if (breakLong)
                {
                    var cut = width - length;
                    var head = pieces[^1].Span[..cut];
                    if (onHyphens && head.LastIndexOf('-') is > 0 and var hyphen && head[..hyphen].ContainsAnyExcept('-')) cut = hyphen + 1;
                    current.Add(pieces[^1][..cut]);
                    pieces[^1] = pieces[^1][cut..];
                }
                else if (current.Count == 0) Take();
            }
            if (current.Count > 0 && current[^1].Span.IsWhiteSpace()) current.RemoveAt(current.Count - 1);
            if (current.Count > 0) lines.Add(string.Concat(current));

            void Take()
            {
                current.Add(pieces[^1]);
                length += pieces[^1].Length;
                pieces.RemoveAt(pieces.Count - 1);
            }
        }
        return lines;
    }
}
