using System.Numerics;
using System.Text;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>The functions that every template can call: Jinja's, and the reference's raise_exception and strftime_now.</summary>
internal static class Globals
{
    internal static readonly Dictionary<string, Value> All = new(StringComparer.Ordinal)
    {
        ["range"] = new FunctionValue("range", Range, "type"),
        ["dict"] = new FunctionValue("dict", (r, a) => Dict(a, r, "dict"), "type"),
        ["namespace"] = new FunctionValue("namespace", Namespace, "type"),
        ["cycler"] = new FunctionValue("cycler", (_, a) => a.Positional.Length > 0 ? new CyclerValue(a.Positional) : throw new TemplateFault("RuntimeError", "at least one item has to be provided"), "type"),
        ["joiner"] = new FunctionValue("joiner", Joiner, "type"),
        ["lipsum"] = new FunctionValue("lipsum", (_, _) => throw TemplateFault.Runtime("lipsum() is not supported: it makes random text"), "function"),
        ["raise_exception"] = new FunctionValue("raise_exception", (r, a) => throw new TemplateFault("TemplateError", new Signature("raise_exception", "message").Bind(a)[0]!.Str(r)), "function"),
        ["strftime_now"] = new FunctionValue("strftime_now", Now, "function"),
    };

    private static StrValue Now(Rendering rendering, Arguments arguments)
    {
        if (new Signature("strftime_now", "format").Bind(arguments)[0] is not StrValue format) throw TemplateFault.Type("strftime() argument 1 must be str");
        return rendering.Text(Strftime.Format(rendering.Now ?? DateTime.Now, format.Text));
    }

    private static RangeValue Range(Rendering rendering, Arguments arguments)
    {
        if (arguments.Named.Length > 0) throw TemplateFault.Type("range() takes no keyword arguments");
        if (arguments.Positional.Length is 0 or > 3)
            throw TemplateFault.Type($"range expected at {(arguments.Positional.Length == 0 ? "least 1 argument" : "most 3 arguments")}, got {arguments.Positional.Length}");
        var numbers = arguments.Positional.Select(p => Arithmetic.TryInteger(p, out var n)
            ? n
            : throw TemplateFault.Type($"'{p.TypeName}' object cannot be interpreted as an integer")).ToArray();
        return numbers.Length == 1 ? new RangeValue(0, numbers[0], BigInteger.One) : new RangeValue(numbers[0], numbers[1], numbers.Length == 3 ? numbers[2] : BigInteger.One);
    }

    internal static DictValue Dict(Arguments arguments, Rendering rendering, string function)
    {
        if (arguments.Positional.Length > 1) throw TemplateFault.Type($"{function} expected at most 1 argument, got {arguments.Positional.Length}");
        var result = new DictValue(rendering);
        if (arguments.Positional.Length == 1)
        {
            if (arguments.Positional[0] is DictValue source)
                foreach (var (key, value) in source.Entries) result.Set(key, value);
            else
            {
                var at = 0;
                foreach (var pair in Access.ToList(arguments.Positional[0], rendering))
                {
                    if (pair.Items(rendering) is not { } parts)
                        throw TemplateFault.Type($"cannot convert dictionary update sequence element #{at} to a sequence");
                    var two = parts.Take(3).ToArray();
                    if (two.Length != 2) throw TemplateFault.Value($"dictionary update sequence element #{at} has length {two.Length}; 2 is required");
                    result.Set(Comparing.Hashable(two[0], rendering), two[1]);
                    at++;
                }
            }
        }
        rendering.Reserve(result.Count * 4L);
        foreach (var (name, value) in arguments.Named) result.Set(new StrValue(name), value);
        return result;
    }

    private static NamespaceValue Namespace(Rendering rendering, Arguments arguments)
    {
        var result = new NamespaceValue();
        foreach (var (key, value) in Dict(arguments, rendering, "dict").Entries) result.Set(key.Str(rendering), value);
        return result;
    }

    private static FunctionValue Joiner(Rendering rendering, Arguments arguments)
    {
        var separator = new Signature("joiner", "sep?").Bind(arguments)[0] ?? new StrValue(", ");
        var used = false;
        return new FunctionValue("joiner", (_, _) =>
        {
            if (used) return separator;
            used = true;
            return StrValue.Empty;
        }, "jinja2.utils.Joiner");
    }
}

/// <summary>What cycler() gives.</summary>
internal sealed class CyclerValue(Value[] items) : Value
{
    private int _position;

    internal override string TypeName => "jinja2.utils.Cycler";

    internal override void Repr(StringBuilder into, Rendering rendering) => into.Append("<jinja2.utils.Cycler object>");

    internal override Value? Attribute(string name, Rendering rendering) => name switch
    {
        "current" => items[_position],
        "pos" => IntValue.Of(_position),
        "items" => new TupleValue(items),
        "next" => new FunctionValue(name, (_, _) => Next()),
        "reset" => new FunctionValue(name, (_, _) =>
        {
            _position = 0;
            return NoneValue.Instance;
        }),
        _ => null,
    };

    private Value Next()
    {
        var current = items[_position];
        _position = (_position + 1) % items.Length;
        return current;
    }
}
