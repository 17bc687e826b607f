using System.Globalization;
using System.Numerics;
using System.Text;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>Python's <c>'...' % values</c>.</summary>
internal static class PercentFormat
{
    private const int MostWidth = 1 << 20;

    internal static StrValue Apply(StrValue format, Value values, Rendering rendering)
    {
        var text = format.Text;
        var items = values is TupleValue tuple ? tuple.Elements : [values];
        var next = 0;
        var result = new StringBuilder();
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] != '%')
            {
                result.Append(text[i]);
                continue;
            }
            i++;
            Value? named = null;
            if (i < text.Length && text[i] == '(')
            {
                var close = text.IndexOf(')', i);
                if (close < 0) throw TemplateFault.Value("incomplete format key");
                if (values is not DictValue dict) throw TemplateFault.Type("format requires a mapping");
                var key = text[(i + 1)..close];
                named = dict.Find(new StrValue(key)) ?? throw new TemplateFault("KeyError", PyRepr.Of(key));
                i = close + 1;
            }
            var flags = i;
            while (i < text.Length && text[i] is '-' or '+' or ' ' or '#' or '0') i++;
            var set = text[flags..i];
            var width = Size(absent: 0);
            var precision = -1;
            if (i < text.Length && text[i] == '.')
            {
                i++;
                precision = Math.Max(0, Size(absent: 0));
            }
            while (i < text.Length && text[i] is 'h' or 'l' or 'L') i++;
            if (i >= text.Length) throw TemplateFault.Value("incomplete format");
            if (text[i] == '%') result.Append('%');
            else
            {
                var left = set.Contains('-') || width < 0;
                var body = Convert(text[i], named ?? Take(), set, precision, i, rendering);
                if (format.IsMarkup && text[i] is 's' or 'r') body = Markup.Escape(body);
                result.Append(Pad(body, Math.Abs(width), left, set.Contains('0') && text[i] is not ('s' or 'r' or 'a' or 'c')));
            }
            rendering.CheckLength(result.Length);

            int Size(int absent)
            {
                if (i < text.Length && text[i] == '*')
                {
                    i++;
                    if (!Arithmetic.TryInteger(Take(), out var star)) throw TemplateFault.Type("* wants int");
                    return (int)BigInteger.Max(-MostWidth, Checked(star));
                }
                var start = i;
                while (i < text.Length && char.IsAsciiDigit(text[i])) i++;
                return start == i ? absent : (int)Checked(BigInteger.Parse(text.AsSpan(start, Math.Min(i - start, 12)), CultureInfo.InvariantCulture));
            }
        }
        if (next < items.Length && values is not (DictValue or ListValue or RangeValue or UndefinedValue))
            throw TemplateFault.Type("not all arguments converted during string formatting");
        rendering.Text(result.ToString());
        return format.With(result.ToString());

        Value Take() => next < items.Length ? items[next++] : throw TemplateFault.Type("not enough arguments for format string");
    }

    private static BigInteger Checked(BigInteger size) =>
        size <= MostWidth ? size : throw TemplateFault.Limit($"a format asks for more than {MostWidth} characters");

    private static string Convert(char type, Value value, string flags, int precision, int at, Rendering rendering)
    {
        switch (type)
        {
            case 's' or 'r' or 'a':
                var text = type == 's' ? value.Str(rendering) : PyRepr.Of(value, rendering);
                if (type == 'a') text = PyJson.Ascii(text);
                return precision < 0 ? text : text[..PyText.Offset(text, precision)];
            case 'c':
                if (value is StrValue { Count: 1 } one) return one.Text;
                return Arithmetic.TryInteger(value, out var code) && code >= 0 && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF)
                    ? char.ConvertFromUtf32((int)code)
                    : throw TemplateFault.Type("%c requires int or char");
            case 'd' or 'i' or 'u' or 'x' or 'X' or 'o':
                return Whole(type, value, flags, precision, rendering);
            case 'e' or 'E' or 'f' or 'F' or 'g' or 'G':
                if (value is UndefinedValue undefined) throw undefined.Fault(rendering);
                if (!Arithmetic.TryNumber(value, out var number)) throw TemplateFault.Type($"must be real number, not {value.TypeName}");
                var digits = precision < 0 ? 6 : precision;
                var size = Math.Abs(number);
                var shown = char.ToLowerInvariant(type) switch
                {
                    'f' => PyFloat.Fixed(size, digits),
                    'e' => PyFloat.Scientific(size, digits, type),
                    _ => PyFloat.General(size, digits, type == 'G' ? 'E' : 'e', flags.Contains('#')),
                };
                return Sign(double.IsNegative(number), flags) + (char.IsUpper(type) ? shown.ToUpperInvariant() : shown);
            default:
                throw TemplateFault.Value($"unsupported format character '{type}' (0x{(int)type:x}) at index {at}");
        }
    }

    private static string Sign(bool negative, string flags) => negative ? "-" : flags.Contains('+') ? "+" : flags.Contains(' ') ? " " : "";

    private static string Whole(char type, Value value, string flags, int precision, Rendering rendering)
    {
        if (value is UndefinedValue undefined) throw undefined.Fault(rendering);
        if (!Arithmetic.TryInteger(value, out var number))
        {
            if (value is not FloatValue f || type is 'x' or 'X' or 'o')
                throw TemplateFault.Type($"%{type} format: {(type is 'x' or 'X' or 'o' ? "an integer" : "a real number")} is required, not {value.TypeName}");
            if (!double.IsFinite(f.Number)) throw TemplateFault.Overflow("cannot convert float infinity to integer");
            number = new BigInteger(Math.Truncate(f.Number));
        }
        var magnitude = BigInteger.Abs(number);
        var digits = type switch { 'x' => FormatSpec.Radix(magnitude, 16), 'X' => FormatSpec.Radix(magnitude, 16).ToUpperInvariant(), 'o' => FormatSpec.Radix(magnitude, 8), _ => IntValue.Of(magnitude).Str(rendering) };
        if (digits.Length < precision) digits = new string('0', precision - digits.Length) + digits;
        var prefix = flags.Contains('#') ? type switch { 'x' => "0x", 'X' => "0X", 'o' => "0o", _ => "" } : "";
        return Sign(number.Sign < 0, flags) + prefix + digits;
    }

    private static string Pad(string body, int width, bool left, bool zero)
    {
        var missing = width - PyText.CodePoints(body);
        if (missing <= 0) return body;
        if (left) return body + new string(' ', missing);
        if (!zero) return new string(' ', missing) + body;
        var head = body.Length > 0 && body[0] is '-' or '+' or ' ' ? 1 : 0;
        if (body.AsSpan(head).StartsWith("0x", StringComparison.OrdinalIgnoreCase) || body.AsSpan(head).StartsWith("0o")) head += 2;
        return body[..head] + new string('0', missing) + body[head..];
    }
}
