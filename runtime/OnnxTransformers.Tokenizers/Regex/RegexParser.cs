using System.Globalization;
using System.Text;

namespace OnnxTransformers.Tokenizers;

/// <summary>Reads Oniguruma's syntax: classes in classes, intersections, possessive quantifiers, POSIX brackets, Unicode properties, full case folding.</summary>
internal sealed partial class RegexParser
{
    private const int DeepestNesting = 200;

    [Flags]
    private enum Option { None = 0, IgnoreCase = 1, DotAll = 2, Extended = 4, AsciiWord = 8, AsciiDigit = 16, AsciiSpace = 32, AsciiPosix = 64 }

    private readonly int[] _text;
    private readonly Dictionary<string, int> _names = new(StringComparer.Ordinal);
    private int _at;
    private int _groups;
    private int _depth;
    private readonly bool _named;

    private RegexParser(string pattern)
    {
        _text = [.. pattern.EnumerateRunes().Select(r => r.Value)];
        _named = HasNamedGroup(pattern);
    }

    /// <summary>Parses a pattern.</summary>
    /// <exception cref="FormatException">It is no regular expression, or has a part that is not supported.</exception>
    internal static (RegexNode Root, int Groups) Parse(string pattern)
    {
        var parser = new RegexParser(pattern);
        var root = parser.Alternatives(Option.None, out _);
        if (parser._at < parser._text.Length) throw parser.Error("a parenthesis that nothing opened");
        return (root, parser._groups);
    }

    private static bool HasNamedGroup(string pattern) =>
        pattern.Replace("(?<=", "", StringComparison.Ordinal).Replace("(?<!", "", StringComparison.Ordinal) is var plain
        && (plain.Contains("(?<", StringComparison.Ordinal) || plain.Contains("(?'", StringComparison.Ordinal));

    private FormatException Error(string what) => new($"{what} at character {_at.ToString(CultureInfo.InvariantCulture)}");

    private bool More => _at < _text.Length;

    private int Peek(int ahead = 0) => _at + ahead < _text.Length ? _text[_at + ahead] : -1;

    private bool Take(int c)
    {
        if (Peek() != c) return false;
        _at++;
        return true;
    }

    private bool Take(string text)
    {
        for (var i = 0; i < text.Length; i++)
            if (Peek(i) != text[i]) return false;
        _at += text.Length;
        return true;
    }

    private RegexNode Alternatives(Option options, out Option last)
    {
        if (++_depth > DeepestNesting) throw Error("too many groups in each other");
        var choices = new List<RegexNode>();
        do
        {
            var items = new List<RegexNode>();
            while (More && Peek() != '|' && Peek() != ')') Term(items, ref options);
            choices.Add(items.Count == 1 ? items[0] : new RegexNode.Sequence(items));
        }
        while (Take('|'));
        last = options;
        _depth--;
        return choices.Count == 1 ? choices[0] : new RegexNode.Choice(choices);
    }

    private void Term(List<RegexNode> items, ref Option options)
    {
        var extended = (options & Option.Extended) != 0;
        if (extended && Peek() is ' ' or '\t' or '\n' or '\r' or '\f' or '\v')
        {
            _at++;
            return;
        }
        if (extended && Take('#'))
        {
            while (More && _text[_at++] != '\n') { }
            return;
        }
        if (Take("(?#"))
        {
            while (More && Peek() != ')') _at++;
            if (!Take(')')) throw Error("a comment without end");
            return;
        }
        var literal = -1;
        var node = Atom(ref options, ref literal, items);
        if (node is null) return;
        if (literal >= 0 && (options & Option.IgnoreCase) != 0) node = Folded(literal, options);
        items.Add(Quantified(node));
    }

    /// <summary>A literal without regard to case: its relatives, and what several characters fold to or from.</summary>
    private RegexNode Folded(int literal, Option options)
    {
        var single = new RegexNode.Set(RegexFolding.Close(CharSet.Of((literal, literal))).Freeze());
        // "ss" is also "ß": when the next literals complete the folding of one character, that character may stand for all of them.
        foreach (var length in (ReadOnlySpan<int>)[3, 2])
        {
            var run = new int[length];
            run[0] = literal;
            var (whole, at) = (true, _at);
            for (var i = 1; i < length && whole; i++)
            {
                whole = at < _text.Length && _text[at] > ' ' && !"\\[](){}*+?|.^$".Contains((char)Math.Min(_text[at], 0xFFFF), StringComparison.Ordinal) || at < _text.Length && _text[at] == ' ' && (options & Option.Extended) == 0;
                if (whole) run[i] = _text[at++];
            }
            if (!whole || at < _text.Length && _text[at] is '*' or '+' or '?' or '{' || RegexFolding.Whole(run) is not { } joined) continue;
            _at = at;
            return new RegexNode.Choice(
            [
                new RegexNode.Sequence([.. run.Select(c => new RegexNode.Set(RegexFolding.Close(CharSet.Of((c, c))).Freeze()))]),
                new RegexNode.Set(joined.Freeze()),
            ]);
        }
        var parts = RegexFolding.Parts(literal);
        return parts is null ? single : new RegexNode.Choice([single, Spell(parts)]);
    }

    private static RegexNode.Sequence Spell(int[] parts) => new([.. parts.Select(c => new RegexNode.Set(RegexFolding.Close(CharSet.Of((c, c))).Freeze()))]);

    private RegexNode Quantified(RegexNode node)
    {
        while (More)
        {
            int least, most;
            var braces = false;
            var start = _at;
            if (Take('*')) (least, most) = (0, -1);
            else if (Take('+')) (least, most) = (1, -1);
            else if (Take('?')) (least, most) = (0, 1);
            else if (Peek() == '{' && Braces(out least, out most)) braces = true;
            else
            {
                _at = start;
                return node;
            }
            var greed = RegexNode.Greediness.Greedy;
            if (!braces && Take('+')) greed = RegexNode.Greediness.Possessive;
            else if ((!braces || least != most) && Take('?')) greed = RegexNode.Greediness.Lazy;
            node = new RegexNode.Repeat(node, least, most, greed);
        }
        return node;
    }

    private bool Braces(out int least, out int most)
    {
        (least, most) = (0, -1);
        var start = _at++;
        var hasLeast = Number(out least);
        if (Take(','))
        {
            if (!Number(out most)) most = -1;
            if (!hasLeast && most < 0)
            {
                _at = start;
                return false;
            }
        }
        else most = least;
        if (!Take('}') || !hasLeast && most < 0 || !hasLeast && _text[start + 1] != ',')
        {
            _at = start;
            return false;
        }
        if (least > 100_000 || most > 100_000) throw Error("a number of repetitions above 100000");
        if (most >= 0 && most < least) (least, most) = (most, least);
        return true;
    }

    private bool Number(out int number)
    {
        number = 0;
        var start = _at;
        while (Peek() is >= '0' and <= '9') number = Math.Min(number * 10 + _text[_at++] - '0', 1_000_000);
        return _at > start;
    }

    private RegexNode? Atom(ref Option options, ref int literal, List<RegexNode> items)
    {
        var c = _text[_at++];
        switch (c)
        {
            case '(':
                return Parenthesis(ref options, items);
            case '[':
                return Class(options);
            case '.':
                return Of((options & Option.DotAll) != 0 ? CharSet.Of((0, CharSet.Max)) : CharSet.Of(('\n', '\n')).Invert());
            case '^':
                return new RegexNode.Anchor(RegexOp.LineStart);
            case '$':
                return new RegexNode.Anchor(RegexOp.LineEnd);
            case '\\':
                return Escape(options, ref literal);
            case '*' or '+' or '?':
                throw Error("a repetition of nothing");
            default:
                literal = c;
                return Of(CharSet.Of((c, c)));
        }
    }

    private static RegexNode.Set Of(CharSet set) => new(set.Freeze());

    private RegexNode? Parenthesis(ref Option options, List<RegexNode> items)
    {
        if (!Take('?'))
        {
            // Plain parentheses don't capture where others have names.
            var number = _named ? 0 : ++_groups;
            return Closed(options, n => number == 0 ? n : new RegexNode.Group(n, number));
        }
        if (Take(':')) return Closed(options, n => n);
        if (Take('=')) return Closed(options, n => new RegexNode.Look(n, Behind: false, Negative: false));
        if (Take('!')) return Closed(options, n => new RegexNode.Look(n, Behind: false, Negative: true));
        if (Take('>')) return Closed(options, n => new RegexNode.Atomic(n));
        if (Take("<=")) return Closed(options, n => new RegexNode.Look(n, Behind: true, Negative: false));
        if (Take("<!")) return Closed(options, n => new RegexNode.Look(n, Behind: true, Negative: true));
        if (Peek() is '<' or '\'')
        {
            var name = Name(_text[_at++] == '<' ? '>' : '\'');
            var number = ++_groups;
            _names[name] = number;
            return Closed(options, n => new RegexNode.Group(n, number));
        }
        if (Peek() is '~' or '(' or '{' or '*') throw Error("an absent operator, a condition or a call-out, which are not supported");
        var (changed, off) = (options, false);
        while (true)
        {
            if (!More) throw Error("a group without end");
            var c = _text[_at++];
            if (c == '-' && !off)
            {
                off = true;
                continue;
            }
            if (c == ':') return Closed(changed, n => n);
            if (c == ')')
            {
                // The rest of the group, alternatives included, is under the new options.
                var rest = Alternatives(changed, out _);
                items.Add(rest);
                return null;
            }
            var option = c switch
            {
                'i' => Option.IgnoreCase,
                'm' => Option.DotAll,
                'x' => Option.Extended,
                'W' => Option.AsciiWord,
                'D' => Option.AsciiDigit,
                'S' => Option.AsciiSpace,
                'P' => Option.AsciiWord | Option.AsciiDigit | Option.AsciiSpace | Option.AsciiPosix,
                _ => throw Error($"the option \"{char.ConvertFromUtf32(c)}\", which Oniguruma does not have"),
            };
            changed = off ? changed & ~option : changed | option;
        }
    }

    private RegexNode Closed(Option options, Func<RegexNode, RegexNode> wrap)
    {
        var node = wrap(Alternatives(options, out _));
        if (!Take(')')) throw Error("a group without end");
        return node;
    }

    private string Name(int end)
    {
        var name = new StringBuilder();
        while (More && Peek() != end) name.Append(char.ConvertFromUtf32(_text[_at++]));
        if (!Take(end) || name.Length == 0) throw Error("a name without end");
        return name.ToString();
    }
}
