using System.Globalization;
using System.Numerics;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>Cuts a template into tokens, with the reference's settings: a newline after a block tag goes, blanks before one at the start of a line
/// go, the file's last newline goes. Reference: jinja2/lexer.py.</summary>
internal sealed class Lexer
{
    private readonly string _source;
    private readonly List<Token> _tokens = [];
    private int _at, _line = 1;
    private bool _lineStarting = true;

    private Lexer(string source) => _source = source;

    internal static List<Token> Tokenize(string source)
    {
        var text = source.Contains('\r') ? source.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n') : source;
        if (text.EndsWith('\n')) text = text[..^1];
        var lexer = new Lexer(text);
        lexer.Run();
        return lexer._tokens;
    }

    private void Run()
    {
        while (_at < _source.Length)
        {
            var open = NextTag(_at);
            if (open < 0)
            {
                Data(_source[_at..], strip: '\0', isVariable: true);
                _at = _source.Length;
                break;
            }
            var kind = _source[open + 1];
            var sign = open + 2 < _source.Length && _source[open + 2] is '-' or '+' ? _source[open + 2] : '\0';
            var text = _source[_at..open];
            var start = open + 2 + (sign == '\0' ? 0 : 1);
            // "{%- raw" is a tag of its own: what follows is data up to endraw.
            var raw = kind == '%' ? AfterRawTag(start) : -1;
            Data(text, sign, isVariable: kind == '{');
            if (raw >= 0) Raw(open, raw);
            else if (kind == '#') Comment(open, start);
            else Tag(open, start, kind);
        }
        _tokens.Add(new Token(_line, TokenKind.Eof, ""));
    }

    private int NextTag(int from)
    {
        for (var i = from; ; i++)
        {
            i = _source.IndexOf('{', i);
            if (i < 0 || i + 1 >= _source.Length) return -1;
            if (_source[i + 1] is '{' or '%' or '#') return i;
        }
    }

    private void Data(string text, char strip, bool isVariable)
    {
        var kept = text;
        if (strip == '-') kept = PyText.TrimEnd(text);
        else if (strip != '+' && !isVariable)
        {
            var line = text.LastIndexOf('\n') + 1;
            if ((line > 0 || _lineStarting) && line < text.Length && text.AsSpan(line).IndexOfAnyExcept(PyText.Spaces) < 0) kept = text[..line];
        }
        if (kept.Length > 0) _tokens.Add(new Token(_line, TokenKind.Data, kept));
        CountLines(text);
    }

    private int AfterRawTag(int start)
    {
        var i = SkipSpace(start);
        if (!_source.AsSpan(i).StartsWith("raw")) return -1;
        i = SkipSpace(i + 3);
        if (_source.AsSpan(i).StartsWith("-%}")) return SkipSpace(i + 3);
        return _source.AsSpan(i).StartsWith("%}") ? i + 2 : -1;
    }

    private void Raw(int open, int body)
    {
        CountLines(_source.AsSpan(open, body - open));
        _lineStarting = _source[body - 1] == '\n';
        for (var i = body; ; i++)
        {
            i = _source.IndexOf("{%", i, StringComparison.Ordinal);
            if (i < 0) throw TemplateFault.Syntax("Missing end of raw directive", _line);
            var sign = i + 2 < _source.Length && _source[i + 2] is '-' or '+' ? _source[i + 2] : '\0';
            var name = SkipSpace(i + 2 + (sign == '\0' ? 0 : 1));
            if (!_source.AsSpan(name).StartsWith("endraw")) continue;
            var end = AfterEnd(SkipSpace(name + 6), "%}", plus: true);
            if (end < 0) continue;
            Data(_source[body..i], sign, isVariable: false);
            Finish(i, end);
            return;
        }
    }

    private void Comment(int open, int start)
    {
        var end = _source.IndexOf("#}", start, StringComparison.Ordinal);
        if (end < 0) throw TemplateFault.Syntax("Missing end of comment tag", _line);
        var close = end > start && _source[end - 1] is '-' or '+' ? end - 1 : end;
        Finish(open, AfterEnd(close, "#}", plus: true));
    }

    /// <summary>The position after an end tag at <paramref name="at"/> and what it swallows, or -1 where there is none.</summary>
    private int AfterEnd(int at, string end, bool plus)
    {
        var rest = _source.AsSpan(at);
        if (plus && rest.StartsWith("+") && rest[1..].StartsWith(end)) return at + 3;
        if (rest.StartsWith("-") && rest[1..].StartsWith(end)) return SkipSpace(at + 3);
        if (!rest.StartsWith(end)) return -1;
        return plus && at + 2 < _source.Length && _source[at + 2] == '\n' ? at + 3 : at + 2;
    }

    private void Finish(int from, int to)
    {
        CountLines(_source.AsSpan(from, to - from));
        _lineStarting = _source[to - 1] == '\n';
        _at = to;
    }

    private void Tag(int open, int start, char kind)
    {
        var (begin, finish, end) = kind == '%' ? (TokenKind.BlockBegin, TokenKind.BlockEnd, "%}") : (TokenKind.VariableBegin, TokenKind.VariableEnd, "}}");
        _tokens.Add(new Token(_line, begin, ""));
        CountLines(_source.AsSpan(open, start - open));
        var brackets = new Stack<char>();
        _at = start;
        while (true)
        {
            if (_at >= _source.Length) return;
            if (brackets.Count == 0 && AfterEnd(_at, end, plus: kind == '%') is >= 0 and var after)
            {
                _tokens.Add(new Token(_line, finish, ""));
                Finish(_at, after);
                return;
            }
            One(brackets);
        }
    }

    private void One(Stack<char> brackets)
    {
        var c = _source[_at];
        if (PyText.IsSpace(c))
        {
            var end = SkipSpace(_at);
            CountLines(_source.AsSpan(_at, end - _at));
            _at = end;
        }
        else if (char.IsAsciiDigit(c)) Number();
        else if (c == '_' || char.IsLetter(c) || char.IsSurrogate(c)) Name();
        else if (c is '"' or '\'') String(c);
        else Operator(brackets);
    }

    private void Name()
    {
        var end = _at;
        while (end < _source.Length && (_source[end] == '_' || char.IsLetterOrDigit(_source[end]) || char.IsSurrogate(_source[end]) || char.GetUnicodeCategory(_source[end]) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark)) end++;
        _tokens.Add(new Token(_line, TokenKind.Name, _source[_at..end]));
        _at = end;
    }

    private void String(char quote)
    {
        var end = _at + 1;
        while (end < _source.Length && _source[end] != quote) end += _source[end] == '\\' ? 2 : 1;
        if (end >= _source.Length) throw TemplateFault.Syntax($"unexpected char {PyRepr.Of(_source[_at].ToString())} at {_at}", _line);
        _tokens.Add(new Token(_line, TokenKind.String, StringLiteral.Unescape(_source.AsSpan(_at + 1, end - _at - 1), _line)));
        CountLines(_source.AsSpan(_at, end - _at));
        _at = end + 1;
    }

    private void Number()
    {
        // A number after a dot is an index, as in "a.0.1": it has no fraction.
        var isFloat = (_at == 0 || _source[_at - 1] != '.') && FloatEnd(_at) is >= 0;
        var end = isFloat ? FloatEnd(_at) : IntegerEnd(_at);
        if (end - _at > 4300) throw TemplateFault.Syntax("Exceeds the limit (4300 digits) for integer string conversion", _line);
        var text = _source[_at..end].Replace("_", "", StringComparison.Ordinal);
        Value value = isFloat ? new FloatValue(double.Parse(text, CultureInfo.InvariantCulture)) : IntValue.Of(ParseInteger(text));
        _tokens.Add(new Token(_line, isFloat ? TokenKind.Float : TokenKind.Integer, text, value));
        _at = end;
    }

    private static BigInteger ParseInteger(string text)
    {
        var radix = text.Length > 2 ? char.ToLowerInvariant(text[1]) switch { 'x' => 16, 'o' => 8, 'b' => 2, _ => 10 } : 10;
        if (radix == 10) return BigInteger.Parse(text, CultureInfo.InvariantCulture);
        var value = BigInteger.Zero;
        foreach (var c in text.AsSpan(2)) value = value * radix + Convert.ToInt32(c.ToString(), 16);
        return value;
    }

    private int Digits(int at)
    {
        if (at >= _source.Length || !char.IsAsciiDigit(_source[at])) return -1;
        while (at < _source.Length && (char.IsAsciiDigit(_source[at]) || (_source[at] == '_' && at + 1 < _source.Length && char.IsAsciiDigit(_source[at + 1])))) at++;
        return at;
    }

    private int FloatEnd(int at)
    {
        var end = Digits(at);
        var fraction = end < _source.Length && _source[end] == '.' ? Digits(end + 1) : -1;
        if (fraction >= 0) end = fraction;
        if (end < _source.Length && _source[end] is 'e' or 'E')
        {
            var exponent = end + 1;
            if (exponent < _source.Length && _source[exponent] is '+' or '-') exponent++;
            if (Digits(exponent) is >= 0 and var last) return last;
        }
        return fraction;
    }

    private int IntegerEnd(int at)
    {
        if (_source[at] != '0') return Digits(at);
        var allowed = at + 1 < _source.Length ? char.ToLowerInvariant(_source[at + 1]) switch { 'x' => "0123456789abcdefABCDEF", 'o' => "01234567", 'b' => "01", _ => null } : null;
        var end = allowed is null ? at + 1 : at + 2;
        allowed ??= "0";
        while (end < _source.Length && (allowed.Contains(_source[end]) || (_source[end] == '_' && end + 1 < _source.Length && allowed.Contains(_source[end + 1])))) end++;
        return end == at + 2 && allowed != "0" ? at + 1 : end;
    }

    private void Operator(Stack<char> brackets)
    {
        foreach (var (text, kind) in TokenKind.Operators)
        {
            if (!_source.AsSpan(_at).StartsWith(text)) continue;
            if (text is "{" or "(" or "[") brackets.Push(text == "{" ? '}' : text == "(" ? ')' : ']');
            else if (text is "}" or ")" or "]")
            {
                if (brackets.Count == 0) throw TemplateFault.Syntax($"unexpected '{text}'", _line);
                var expected = brackets.Pop();
                if (expected != text[0]) throw TemplateFault.Syntax($"unexpected '{text}', expected '{expected}'", _line);
            }
            _tokens.Add(new Token(_line, kind, text));
            _at += text.Length;
            return;
        }
        throw TemplateFault.Syntax($"unexpected char {PyRepr.Of(_source[_at].ToString())} at {_at}", _line);
    }

    private int SkipSpace(int at)
    {
        while (at < _source.Length && PyText.IsSpace(_source[at])) at++;
        return at;
    }

    private void CountLines(ReadOnlySpan<char> text) => _line += text.Count('\n');
}
