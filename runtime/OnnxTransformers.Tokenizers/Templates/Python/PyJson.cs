using System.Globalization;
using System.Text;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>Python's json.dumps, as the reference's tojson calls it.</summary>
internal sealed class PyJson
{
    private readonly StringBuilder _into = new();
    private readonly Rendering _rendering;
    private readonly bool _ascii, _sort;
    private readonly string? _indent;
    private readonly string _itemSeparator, _keySeparator;

    private PyJson(Rendering rendering, bool ascii, bool sort, string? indent, string? itemSeparator, string? keySeparator)
    {
        (_rendering, _ascii, _sort, _indent) = (rendering, ascii, sort, indent);
        (_itemSeparator, _keySeparator) = (itemSeparator ?? (indent is null ? ", " : ","), keySeparator ?? ": ");
    }

    internal static string Write(Value value, Rendering rendering, bool ascii = false, bool sort = false, string? indent = null, string? itemSeparator = null, string? keySeparator = null)
    {
        var writer = new PyJson(rendering, ascii, sort, indent, itemSeparator, keySeparator);
        writer.Any(value, 1);
        return writer._into.ToString();
    }

    private void Any(Value value, int depth)
    {
        _rendering.Charge(1 + value.Weight);
        switch (value)
        {
            case StrValue text:
                String(text.Text);
                break;
            case NoneValue:
                _into.Append("null");
                break;
            case BoolValue flag:
                _into.Append(flag.Truth ? "true" : "false");
                break;
            case IntValue:
                value.Repr(_into, _rendering);
                break;
            case FloatValue number:
                _into.Append(Number(number.Number));
                break;
            case ListValue list:
                Array(list.Elements, depth);
                break;
            case TupleValue tuple:
                Array(tuple.Elements, depth);
                break;
            case DictValue dict:
                Object(dict, depth);
                break;
            default:
                throw TemplateFault.Type($"Object of type {value.TypeName.Split('.')[^1]} is not JSON serializable");
        }
        _rendering.CheckLength(_into.Length);
    }

    private static string Number(double value) =>
        double.IsNaN(value) ? "NaN" : double.IsPositiveInfinity(value) ? "Infinity" : double.IsNegativeInfinity(value) ? "-Infinity" : PyFloat.Repr(value);

    private void Array(Value[] elements, int depth)
    {
        if (elements.Length == 0)
        {
            _into.Append("[]");
            return;
        }
        StackGuard.Check();
        _into.Append('[');
        for (var i = 0; i < elements.Length; i++)
        {
            if (i > 0) _into.Append(_itemSeparator);
            Line(depth);
            Any(elements[i], depth + 1);
        }
        Line(depth - 1);
        _into.Append(']');
    }

    private void Object(DictValue dict, int depth)
    {
        if (dict.Count == 0)
        {
            _into.Append("{}");
            return;
        }
        StackGuard.Check();
        _into.Append('{');
        var entries = _sort ? Sorting.Stable([.. dict.Entries], e => e.Key, reverse: false, _rendering) : [.. dict.Entries];
        for (var i = 0; i < entries.Count; i++)
        {
            if (i > 0) _into.Append(_itemSeparator);
            Line(depth);
            String(Key(entries[i].Key));
            _into.Append(_keySeparator);
            Any(entries[i].Value, depth + 1);
        }
        Line(depth - 1);
        _into.Append('}');
    }

    private string Key(Value key) => key switch
    {
        StrValue text => text.Text,
        FloatValue number => Number(number.Number),
        BoolValue flag => flag.Truth ? "true" : "false",
        NoneValue => "null",
        IntValue => key.Str(_rendering),
        _ => throw TemplateFault.Type($"keys must be str, int, float, bool or None, not {key.TypeName}"),
    };

    private void Line(int depth)
    {
        if (_indent is null) return;
        _rendering.CheckLength(_into.Length + (long)_indent.Length * depth);
        _into.Append('\n');
        for (var i = 0; i < depth; i++) _into.Append(_indent);
    }

    private void String(string text)
    {
        _into.Append('"');
        var rest = text.AsSpan();
        while (true)
        {
            var at = _ascii ? rest.IndexOfAnyExceptInRange(' ', '~') : -1;
            var special = rest.IndexOfAny(Escaped);
            if (at < 0 || (special >= 0 && special < at)) at = special;
            if (at < 0) break;
            _into.Append(rest[..at]);
            var c = rest[at];
            if (Short.TryGetValue(c, out var escape)) _into.Append(escape);
            else _into.Append("\\u").Append(((int)c).ToString("x4", CultureInfo.InvariantCulture));
            rest = rest[(at + 1)..];
        }
        _into.Append(rest).Append('"');
    }

    /// <summary>Python's ascii(): other characters as escapes.</summary>
    internal static string Ascii(string text)
    {
        var into = new StringBuilder();
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] < 128)
            {
                into.Append(text[i]);
                continue;
            }
            var code = PyText.WidthAt(text, i) == 2 ? char.ConvertToUtf32(text, i++) : text[i];
            into.Append(code <= 0xFF ? $"\\x{code:x2}" : code <= 0xFFFF ? $"\\u{code:x4}" : $"\\U{code:x8}");
        }
        return into.ToString();
    }

    private static readonly Dictionary<char, string> Short = new() { ['"'] = "\\\"", ['\\'] = "\\\\", ['\n'] = "\\n", ['\r'] = "\\r", ['\t'] = "\\t", ['\b'] = "\\b", ['\f'] = "\\f" };

    private static readonly System.Buffers.SearchValues<char> Escaped = System.Buffers.SearchValues.Create([.. Enumerable.Range(0, 32).Select(i => (char)i), '"', '\\']);
}
