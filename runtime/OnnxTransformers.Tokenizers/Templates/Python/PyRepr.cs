using System.Globalization;
using System.Text;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>Python's repr().</summary>
internal static class PyRepr
{
    internal static string Of(string text)
    {
        var into = new StringBuilder(text.Length + 2);
        Quote(into, text);
        return into.ToString();
    }

    internal static string Of(Value value, Rendering rendering)
    {
        var into = new StringBuilder();
        value.Repr(into, rendering);
        return into.ToString();
    }

    internal static void Sequence(StringBuilder into, Value[] elements, char open, char close, Rendering rendering)
    {
        StackGuard.Check();
        into.Append(open);
        for (var i = 0; i < elements.Length; i++)
        {
            if (i > 0) into.Append(", ");
            rendering.Charge(1);
            elements[i].Repr(into, rendering);
            rendering.CheckLength(into.Length);
        }
        into.Append(close);
    }

    internal static void Quote(StringBuilder into, string text)
    {
        var quote = text.Contains('\'') && !text.Contains('"') ? '"' : '\'';
        into.Append(quote);
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (c is >= ' ' and < '\u007F')
            {
                if (c == quote || c == '\\') into.Append('\\');
                into.Append(c);
            }
            else if (c is '\n' or '\r' or '\t') into.Append(c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
            else
            {
                var isPair = PyText.WidthAt(text, i) == 2;
                if (!char.IsSurrogate(c) || isPair)
                {
                    var rune = PyText.RuneAt(text, i);
                    if (PyText.IsPrintable(rune)) into.Append(text, i, isPair ? 2 : 1);
                    else Escape(into, rune.Value);
                }
                else Escape(into, c);
                if (isPair) i++;
            }
        }
        into.Append(quote);
    }

    private static void Escape(StringBuilder into, int code)
    {
        var (prefix, digits) = code <= 0xFF ? ("\\x", "x2") : code <= 0xFFFF ? ("\\u", "x4") : ("\\U", "x8");
        into.Append(prefix).Append(code.ToString(digits, CultureInfo.InvariantCulture));
    }
}
