using System.Globalization;
using System.Text;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>Python's str.format, with the sandbox's rules for attributes in its fields.</summary>
internal static class StringFormat
{
    private const int MostNested = 2;

    internal static StrValue Apply(StrValue format, Arguments arguments, Rendering rendering)
    {
        var automatic = 0;
        var manual = false;
        var text = Expand(format.Text, MostNested);
        rendering.Text(text);
        return format.With(text);

        string Expand(string template, int depth)
        {
            if (depth < 0) throw TemplateFault.Value("Max string recursion exceeded");
            var result = new StringBuilder();
            for (var i = 0; i < template.Length; i++)
            {
                var c = template[i];
                if (c is '{' or '}' && i + 1 < template.Length && template[i + 1] == c)
                {
                    result.Append(c);
                    i++;
                }
                else if (c == '}') throw TemplateFault.Value("Single '}' encountered in format string");
                else if (c != '{') result.Append(c);
                else
                {
                    var end = FieldEnd(template, i + 1);
                    result.Append(Field(template[(i + 1)..end], depth));
                    i = end;
                }
                rendering.CheckLength(result.Length);
            }
            rendering.Charge(1 + result.Length / 16);
            return result.ToString();
        }

        string Field(string field, int depth)
        {
            rendering.Charge(1);
            var bracket = false;
            var nameEnd = 0;
            for (; nameEnd < field.Length; nameEnd++)
            {
                if (field[nameEnd] == '[') bracket = true;
                else if (field[nameEnd] == ']') bracket = false;
                else if (!bracket && field[nameEnd] is '!' or ':') break;
            }
            var value = Resolve(field[..nameEnd]);
            var rest = field[nameEnd..];
            if (rest.StartsWith('!'))
            {
                if (rest.Length < 2 || (rest.Length > 2 && rest[2] != ':')) throw TemplateFault.Value("expected ':' after conversion specifier");
                value = rest[1] switch
                {
                    's' => new StrValue(value.Str(rendering)),
                    'r' => new StrValue(PyRepr.Of(value, rendering)),
                    'a' => new StrValue(PyJson.Ascii(PyRepr.Of(value, rendering))),
                    _ => throw TemplateFault.Value($"Unknown conversion specifier {rest[1]}"),
                };
                rest = rest[2..];
            }
            var spec = rest.Length > 1 ? rest[1..] : "";
            if (spec.Contains('{')) spec = Expand(spec, depth - 1);
            if (format.IsMarkup)
                return Markup.Escape(value is StrValue { IsMarkup: true } safe ? safe : new StrValue(FormatSpec.Apply(value, spec, rendering)));
            return FormatSpec.Apply(value, spec, rendering);
        }

        Value Resolve(string name)
        {
            var end = name.AsSpan().IndexOfAny(".[");
            var first = end < 0 ? name : name[..end];
            var value = First(first);
            for (var i = end < 0 ? name.Length : end; i < name.Length;)
            {
                var isItem = name[i] == '[';
                var stop = isItem ? name.IndexOf(']', i) : name.AsSpan(i + 1).IndexOfAny(".[") is >= 0 and var next ? i + 1 + next : name.Length;
                if (stop < 0) throw TemplateFault.Value("Missing ']' in format string");
                var part = name[(i + 1)..stop];
                if (part.Length == 0) throw TemplateFault.Value("Empty attribute in format string");
                value = !isItem ? Access.Attribute(value, part, rendering)
                    : Access.Item(value, part.All(char.IsAsciiDigit) && part.Length < 10 ? IntValue.Of(long.Parse(part, CultureInfo.InvariantCulture)) : new StrValue(part), rendering);
                i = isItem ? stop + 1 : stop;
            }
            return value;
        }

        Value First(string name)
        {
            var index = -1;
            if (name.Length == 0)
            {
                if (manual) throw TemplateFault.Value("cannot switch from manual field specification to automatic field numbering");
                index = automatic++;
            }
            else if (name.All(char.IsAsciiDigit) && name.Length < 10)
            {
                if (automatic > 0) throw TemplateFault.Value("cannot switch from manual field specification to automatic field numbering");
                manual = true;
                index = int.Parse(name, CultureInfo.InvariantCulture);
            }
            if (index < 0) return arguments.Get(name) ?? throw new TemplateFault("KeyError", PyRepr.Of(name));
            return index < arguments.Positional.Length ? arguments.Positional[index] : throw new TemplateFault("IndexError", "tuple index out of range");
        }
    }

    /// <summary>The closing brace of a field that starts at <paramref name="at"/>.</summary>
    private static int FieldEnd(string template, int at)
    {
        var open = 1;
        for (var i = at; i < template.Length; i++)
        {
            if (template[i] == '{') open++;
            else if (template[i] == '}' && --open == 0) return i;
        }
        throw TemplateFault.Value(at >= template.Length ? "Single '{' encountered in format string" : "expected '}' before end of string");
    }
}
