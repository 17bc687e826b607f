using System.Globalization;
using System.Text;

namespace OnnxTransformers.Tokenizers;

/// <summary>Escapes and classes.</summary>
internal sealed partial class RegexParser
{
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
