using System.Text;
using System.Text.RegularExpressions;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>The wordwrap filter: Python's textwrap.wrap for each line.</summary>
internal static partial class WordWrapper
{
    private const string Space = "[\\t\\n\\v\\f\\r ]", NoSpace = "[^\\t\\n\\v\\f\\r ]", Punctuation = "[\\w!\"'&.,?]", Letter = "[^\\d\\W]";

    [GeneratedRegex($"({Space}+|(?<={Punctuation})-{{2,}}(?=\\w)|{NoSpace}+?(?:-(?:(?<={Letter}{{2}}-)|(?<={Letter}-{Letter}-))(?={Letter}-?{Letter})|(?={Space}|\\z)|(?<={Punctuation})(?=-{{2,}}\\w)))", RegexOptions.CultureInvariant, 2000)]
    private static partial Regex Chunks();

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

    /// <summary>Words, with their hyphens where lines may break there, and the blanks between.</summary>
    private static List<ReadOnlyMemory<char>> Pieces(string line, bool onHyphens)
    {
        var pieces = new List<ReadOnlyMemory<char>>();
        if (onHyphens)
        {
            try
            {
                pieces.AddRange(Chunks().Split(line).Where(p => p.Length > 0).Select(p => p.AsMemory()));
                return pieces;
            }
            catch (RegexMatchTimeoutException)
            {
                throw TemplateFault.Limit("wordwrap takes too long");
            }
        }
        for (var at = 0; at < line.Length;)
        {
            var isSpace = IsSpace(line[at]);
            var end = at;
            while (end < line.Length && IsSpace(line[end]) == isSpace) end++;
            pieces.Add(line.AsMemory(at, end - at));
            at = end;
        }
        return pieces;
    }

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
