using System.Globalization;
using System.Numerics;
using System.Text;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>Python's format specification, as in <c>{:&gt;8.2f}</c>.</summary>
internal sealed record FormatSpec(string Fill, char Align, char Sign, bool Alternate, bool Zero, int Width, char Grouping, int Precision, char Type)
{
    private const int MostWidth = 1 << 20;

    internal static FormatSpec Parse(string text)
    {
        var at = 0;
        var fill = " ";
        var align = '\0';
        var first = text.Length > 0 ? PyText.WidthAt(text, 0) : 0;
        if (text.Length > first && first > 0 && text[first] is '<' or '>' or '=' or '^')
        {
            (fill, align) = (text[..first], text[first]);
            at = first + 1;
        }
        else if (at < text.Length && text[at] is '<' or '>' or '=' or '^') align = text[at++];
        var sign = at < text.Length && text[at] is '+' or '-' or ' ' ? text[at++] : '\0';
        if (at < text.Length && text[at] == 'z') at++;
        var alternate = Take('#');
        var zero = Take('0');
        if (zero && align == '\0') (fill, align) = ("0", '=');
        var width = Number();
        var grouping = at < text.Length && text[at] is ',' or '_' ? text[at++] : '\0';
        var precision = -1;
        if (Take('.'))
        {
            precision = Number();
            if (precision < 0) throw TemplateFault.Value("Format specifier missing precision");
        }
        var type = at < text.Length ? text[at++] : '\0';
        return at < text.Length ? throw TemplateFault.Value("Invalid format specifier") : new FormatSpec(fill, align, sign, alternate, zero, width, grouping, precision, type);

        bool Take(char c)
        {
            if (at >= text.Length || text[at] != c) return false;
            at++;
            return true;
        }

        int Number()
        {
            var start = at;
            while (at < text.Length && char.IsAsciiDigit(text[at])) at++;
            if (start == at) return -1;
            if (at - start > 7 || int.Parse(text.AsSpan(start, at - start), CultureInfo.InvariantCulture) is var number && number > MostWidth)
                throw TemplateFault.Limit($"a format asks for more than {MostWidth} characters");
            return int.Parse(text.AsSpan(start, at - start), CultureInfo.InvariantCulture);
        }
    }

    /// <summary>Python's format(value, spec).</summary>
    internal static string Apply(Value value, string spec, Rendering rendering)
    {
        if (spec.Length == 0) return value.Str(rendering);
        if (value is not (StrValue or IntValue or BoolValue or FloatValue))
            throw TemplateFault.Type($"unsupported format string passed to {value.TypeName}.__format__");
        var parsed = Parse(spec);
        return value switch
        {
            StrValue text => parsed.Text(text.Text),
            FloatValue f => parsed.Float(f.Number, value),
            _ when parsed.Type is 'e' or 'E' or 'f' or 'F' or 'g' or 'G' or '%' && Arithmetic.TryNumber(value, out var number) => parsed.Float(number, value),
            _ => parsed.Integer(value, rendering),
        };
    }

    private TemplateFault Unknown(Value value) => TemplateFault.Value($"Unknown format code '{Type}' for object of type '{value.TypeName}'");

    private string Text(string text)
    {
        if (Type is not ('\0' or 's')) throw TemplateFault.Value($"Unknown format code '{Type}' for object of type 'str'");
        if (Sign != '\0') throw TemplateFault.Value("Sign not allowed in string format specifier");
        if (Align == '=' && !Zero) throw TemplateFault.Value("'=' alignment not allowed in string format specifier");
        if (Precision >= 0) text = text[..PyText.Offset(text, Precision)];
        return Pad("", text, Align is '\0' or '=' ? '<' : Align);
    }

    private string Integer(Value value, Rendering rendering)
    {
        Arithmetic.TryInteger(value, out var number);
        if (Precision >= 0) throw TemplateFault.Value("Precision not allowed in integer format specifier");
        var magnitude = BigInteger.Abs(number);
        var digits = Type switch
        {
            '\0' or 'd' or 'n' => new StringBuilder().Also(b => IntValue.Of(magnitude).Repr(b, rendering)),
            'c' => char.ConvertFromUtf32(number >= 0 && number <= 0x10FFFF && (number < 0xD800 || number > 0xDFFF) ? (int)number : throw TemplateFault.Overflow("%c arg not in range(0x110000)")),
            'b' => Radix(magnitude, 2),
            'o' => Radix(magnitude, 8),
            'x' => Radix(magnitude, 16),
            'X' => Radix(magnitude, 16).ToUpperInvariant(),
            _ => throw Unknown(value),
        };
        var prefix = Alternate && Type is 'b' or 'o' or 'x' or 'X' ? "0" + Type : "";
        return Number(number.Sign < 0, prefix, digits, "", Type is 'b' or 'o' or 'x' or 'X' ? 4 : 3);
    }

    internal static string Radix(BigInteger magnitude, int radix)
    {
        if (magnitude.IsZero) return "0";
        if (magnitude.GetBitLength() > 1 << 16) throw TemplateFault.Limit("an integer is too large to be written in another base");
        var digits = new StringBuilder();
        for (; !magnitude.IsZero; magnitude /= radix) digits.Insert(0, "0123456789abcdef"[(int)(magnitude % radix)]);
        return digits.ToString();
    }

    private string Float(double number, Value value)
    {
        var size = Math.Abs(number);
        var precision = Precision < 0 ? 6 : Precision;
        var text = Type switch
        {
            'f' or 'F' => PyFloat.Fixed(size, precision),
            'e' or 'E' => PyFloat.Scientific(size, precision, Type),
            'g' or 'G' or 'n' => PyFloat.General(size, precision, Type == 'G' ? 'E' : 'e', Alternate),
            '%' => PyFloat.Fixed(size * 100, precision) + "%",
            '\0' when Precision < 0 => PyFloat.Repr(size),
            '\0' => WithFraction(PyFloat.General(size, precision)),
            _ => throw Unknown(value),
        };
        if (Type is 'F') text = text.ToUpperInvariant();
        var whole = text.AsSpan().IndexOfAnyExceptInRange('0', '9');
        return whole < 0 ? Number(double.IsNegative(number), "", text, "", 3) : Number(double.IsNegative(number), "", text[..whole], text[whole..], 3);
    }

    private static string WithFraction(string text) => text.All(char.IsAsciiDigit) ? text + ".0" : text;

    private string Number(bool negative, string prefix, string whole, string rest, int group)
    {
        var head = (negative ? "-" : Sign is '+' or ' ' ? Sign.ToString() : "") + prefix;
        if (Grouping != '\0')
        {
            // With zeros for fill, the zeros are grouped as well.
            var grouped = Group(whole, group);
            while (Align == '=' && Fill == "0" && head.Length + grouped.Length + rest.Length < Width)
            {
                whole = "0" + whole;
                grouped = Group(whole, group);
            }
            whole = grouped;
        }
        return Pad(head, whole + rest, Align == '\0' ? '>' : Align);
    }

    private string Group(string digits, int size)
    {
        var result = new StringBuilder(digits);
        for (var at = digits.Length - size; at > 0; at -= size) result.Insert(at, Grouping);
        return result.ToString();
    }

    private string Pad(string head, string body, char align)
    {
        var missing = Width - PyText.CodePoints(head) - PyText.CodePoints(body);
        if (missing <= 0) return head + body;
        return align switch
        {
            '<' => head + body + Repeat(missing),
            '>' => Repeat(missing) + head + body,
            '=' => head + Repeat(missing) + body,
            _ => Repeat(missing / 2) + head + body + Repeat(missing - missing / 2),
        };
    }

    private string Repeat(int count) => Fill.Length == 1 ? new string(Fill[0], count) : string.Concat(Enumerable.Repeat(Fill, count));
}

internal static class StringBuilding
{
    internal static string Also(this StringBuilder builder, Action<StringBuilder> write)
    {
        write(builder);
        return builder.ToString();
    }
}
