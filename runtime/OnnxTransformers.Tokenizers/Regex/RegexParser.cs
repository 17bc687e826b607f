using System.Globalization;
using System.Text;

namespace OnnxTransformers.Tokenizers;

/// <summary>Reads Oniguruma's syntax: classes in classes, intersections, possessive quantifiers, POSIX brackets, Unicode properties, full case folding.</summary>
internal sealed class RegexParser
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

    private RegexNode Escape(Option options, ref int literal)
    {
        if (!More) throw Error("a backslash at the end");
        var letter = _text[_at];
        if (Shorthand(options) is { } set)
        {
            // Alone, \w also has the numbers of Latin-1 that are no digits; in a class it doesn't.
            if (letter is 'w' or 'W' && (options & Option.AsciiWord) == 0)
            {
                var extra = CharSet.Of((0xB2, 0xB3), (0xB9, 0xB9), (0xBC, 0xBE));
                set = letter == 'w' ? set.Add(extra) : set.Intersect(extra.Invert());
            }
            return Of(set);
        }

        var c = _text[_at];
        RegexNode? node = c switch
        {
            'b' => new RegexNode.Anchor(RegexOp.WordBoundary),
            'B' => new RegexNode.Anchor(RegexOp.NotWordBoundary),
            'A' => new RegexNode.Anchor(RegexOp.TextStart),
            'z' => new RegexNode.Anchor(RegexOp.TextEnd),
            'Z' => new RegexNode.Anchor(RegexOp.LastLineEnd),
            'G' => new RegexNode.Anchor(RegexOp.SearchStart),
            'K' => new RegexNode.Anchor(RegexOp.Keep),
            'X' => new RegexNode.Cluster(),
            'N' => Of(CharSet.Of(('\n', '\n')).Invert()),
            'O' => Of(CharSet.Of((0, CharSet.Max))),
            'R' => new RegexNode.Atomic(new RegexNode.Choice([new RegexNode.Sequence([Of(CharSet.Of(('\r', '\r'))), Of(CharSet.Of(('\n', '\n')))]), Of(CharSet.Of(('\n', '\r'), (0x85, 0x85), (0x2028, 0x2029)))])),
            _ => null,
        };
        if (node is not null)
        {
            _at++;
            return node;
        }
        if (c is 'k' or 'g' && Peek(1) is '<' or '\'')
        {
            if (c == 'g') throw Error("a call of a group, which is not supported");
            _at += 2;
            var name = Name(_text[_at - 1] == '<' ? '>' : '\'');
            var number = _names.TryGetValue(name, out var known) ? known : int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n : throw Error($"no group \"{name}\" before");
            return new RegexNode.Reference(number, (options & Option.IgnoreCase) != 0);
        }
        if (c is >= '1' and <= '9')
        {
            var start = _at;
            Number(out var number);
            if (number <= 9 || number <= _groups) return new RegexNode.Reference(number, (options & Option.IgnoreCase) != 0);
            _at = start;
        }
        literal = Character();
        return Of(CharSet.Of((literal, literal)));
    }

    /// <summary>Classes with a letter of their own; null, with nothing taken, where there is none.</summary>
    private CharSet? Shorthand(Option options)
    {
        var c = _text[_at];
        var property = c switch
        {
            'w' or 'W' => (options & Option.AsciiWord) != 0 ? CharSet.Of(('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')) : Property("Word"),
            'd' or 'D' => (options & Option.AsciiDigit) != 0 ? CharSet.Of(('0', '9')) : Property("Nd"),
            's' or 'S' => (options & Option.AsciiSpace) != 0 ? CharSet.Of(('\t', '\r'), (' ', ' ')) : Property("Space"),
            'h' or 'H' => CharSet.Of(('0', '9'), ('A', 'F'), ('a', 'f')),
            _ => null,
        };
        if (property is not null)
        {
            _at++;
            return c < 'a' ? property.Invert() : property;
        }
        if (c is not ('p' or 'P') || Peek(1) != '{') return null;
        _at += 2;
        var negative = c == 'P' ^ Take('^');
        var name = Name('}');
        var set = UnicodeData.Property(name) is { } ranges ? CharSet.OfProperty(ranges) : throw Error($"the property \"{name}\", which Oniguruma does not have");
        return negative ? set.Invert() : set;
    }

    private static CharSet Property(string name) => CharSet.OfProperty(UnicodeData.Property(name)!);

    /// <summary>The character that an escape stands for.</summary>
    private int Character()
    {
        var c = _text[_at++];
        switch (c)
        {
            case 't': return '\t';
            case 'n': return '\n';
            case 'r': return '\r';
            case 'f': return '\f';
            case 'v': return '\v';
            case 'a': return '\a';
            case 'e': return 0x1B;
            case 'x' when Take('{'):
                var wide = Digits(16, 8);
                if (!Take('}')) throw Error("a code point without end");
                return Checked(wide);
            case 'x': return Digits(16, 2);
            case 'u': return Checked(Digits(16, 4, exactly: true));
            case 'c' when More: return _text[_at++] & 0x1F;
            case >= '0' and <= '7':
                _at--;
                return Checked(Digits(8, 3));
            default: return c;
        }
    }

    private int Digits(int radix, int most, bool exactly = false)
    {
        var (value, count) = (0L, 0);
        for (; count < most && More; count++, _at++)
        {
            var c = _text[_at];
            var digit = c is >= '0' and <= '9' ? c - '0' : c is >= 'a' and <= 'f' ? c - 'a' + 10 : c is >= 'A' and <= 'F' ? c - 'A' + 10 : 99;
            if (digit >= radix) break;
            value = value * radix + digit;
        }
        if (exactly && count < most) throw Error("a code point of too few digits");
        return (int)Math.Min(value, int.MaxValue);
    }

    private int Checked(int c) => c is > CharSet.Max or (>= 0xD800 and <= 0xDFFF) ? throw Error("a code point that is no character") : c;

    private RegexNode Class(Option options)
    {
        var set = ClassBody(options);
        if ((options & Option.IgnoreCase) == 0) return Of(set);
        var choices = new List<RegexNode> { Of(RegexFolding.Close(set)) };
        choices.AddRange(RegexFolding.Spelled.Where(f => set.Contains(f.From) && set.Ranges.Count < 100).Select(f => Spell(f.To)));
        return choices.Count == 1 ? choices[0] : new RegexNode.Choice(choices);
    }

    private CharSet ClassBody(Option options)
    {
        if (++_depth > DeepestNesting) throw Error("too many classes in each other");
        var negative = Take('^');
        CharSet? before = null;
        var set = new CharSet();
        for (var first = true; ; first = false)
        {
            if (!More) throw Error("a class without end");
            if (Peek() == ']' && !first)
            {
                _at++;
                break;
            }
            if (Take("&&"))
            {
                before = before is null ? set : before.Intersect(set);
                set = new();
                continue;
            }
            if (Peek() == '[')
            {
                if (Posix() is { } posix) set.Add(posix);
                else
                {
                    _at++;
                    set.Add(ClassBody(options));
                }
                continue;
            }
            if (ClassCharacter(options, set) is not { } low) continue;
            if (Peek() != '-' || Peek(1) is ']' or -1)
            {
                set.Add(low, low);
                continue;
            }
            _at++;
            if (Peek() == '[' || ClassCharacter(options, set) is not { } high)
            {
                set.Add(low, low).Add('-', '-');
                continue;
            }
            if (high < low) throw Error("a range that ends before it begins");
            set.Add(low, high);
        }
        if (before is not null) set = before.Intersect(set);
        _depth--;
        return negative ? set.Invert() : set;
    }

    /// <summary>A character of a class; null where it was a shorthand, which is in the set then.</summary>
    private int? ClassCharacter(Option options, CharSet set)
    {
        var c = _text[_at++];
        if (c != '\\') return c;
        if (!More) throw Error("a backslash at the end");
        if (Shorthand(options) is { } shorthand)
        {
            set.Add(shorthand);
            return null;
        }
        if (Peek() == 'R' || Peek() == 'X') return _text[_at++];
        return Take('b') ? '\b' : Character();
    }

    private CharSet? Posix()
    {
        if (Peek(1) != ':') return null;
        var start = _at;
        _at += 2;
        var negative = Take('^');
        var name = new StringBuilder();
        while (Peek() is >= 'a' and <= 'z') name.Append((char)_text[_at++]);
        if (Take(":]") && PosixNames.Contains(name.ToString()))
        {
            var set = CharSet.OfProperty(UnicodeData.Property(name.ToString() == "punct" ? "posixpunct" : name.ToString())!);
            return negative ? set.Invert() : set;
        }
        _at = start;
        return null;
    }

    private static readonly string[] PosixNames = ["alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "xdigit", "ascii", "word"];
}
