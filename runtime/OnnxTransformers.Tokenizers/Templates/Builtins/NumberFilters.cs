using System.Numerics;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>Filters that make numbers, or texts from numbers.</summary>
internal static class NumberFilters
{
    internal static readonly KeyValuePair<string, Func<Rendering, Arguments, Value>>[] Rows =
    [
        Table.Row("abs", "x", Abs),
        Table.Row("int", "value default? base?", Int),
        Table.Row("float", "value default?", Float),
        Table.Row("round", "value precision? method?", Round),
        Table.Row("filesizeformat", "value binary?", FileSize),
    ];

    private static Value Abs(Rendering rendering, Value?[] arguments) => arguments[0] switch
    {
        FloatValue f => new FloatValue(Math.Abs(f.Number)),
        { } value when Arithmetic.TryInteger(value, out var number) => IntValue.Of(BigInteger.Abs(number)),
        UndefinedValue => throw TemplateFault.Type("bad operand type for abs(): 'Undefined'"),
        var other => throw TemplateFault.Type($"bad operand type for abs(): '{other!.TypeName}'"),
    };

    private static Value Int(Rendering rendering, Value?[] arguments)
    {
        var value = arguments[0]!;
        var fallback = arguments[1] ?? IntValue.Of(0);
        if (value is UndefinedValue undefined) throw undefined.Fault(rendering);
        if (Arithmetic.TryInteger(value, out var integer)) return IntValue.Of(integer);
        if (value is StrValue text && PyInteger.TryParse(text.Text, Table.Integer(arguments[2], 10), out var parsed)) return IntValue.Of(parsed);
        var number = value switch { FloatValue f => f.Number, StrValue s when PyFloat.TryParse(s.Text, out var d) => d, _ => double.NaN };
        if (value is FloatValue && double.IsInfinity(number)) throw TemplateFault.Overflow("cannot convert float infinity to integer");
        return double.IsFinite(number) ? IntValue.Of(new BigInteger(Math.Truncate(number))) : fallback;
    }

    private static Value Float(Rendering rendering, Value?[] arguments)
    {
        if (arguments[0] is UndefinedValue undefined) throw undefined.Fault(rendering);
        if (Arithmetic.TryNumber(arguments[0]!, out var number)) return new FloatValue(number);
        return arguments[0] is StrValue text && PyFloat.TryParse(text.Text, out var parsed) ? new FloatValue(parsed) : arguments[1] ?? new FloatValue(0);
    }

    private static Value Round(Rendering rendering, Value?[] arguments)
    {
        var value = arguments[0]!;
        var method = arguments[2] is null ? "common" : arguments[2]!.Str(rendering);
        if (method is not ("common" or "ceil" or "floor")) throw TemplateFault.Filter("method must be common, ceil or floor");
        if (value is UndefinedValue undefined)
            throw method == "common" ? TemplateFault.Type("type Undefined doesn't define __round__ method") : undefined.Fault(rendering);
        var digits = Table.Integer(arguments[1], 0);
        if (method == "common")
        {
            if (value is FloatValue f) return new FloatValue(PyFloat.Round(f.Number, digits));
            return Arithmetic.TryInteger(value, out var integer)
                ? IntValue.Of(PyFloat.Round(integer, digits))
                : throw TemplateFault.Type($"type {value.TypeName} doesn't define __round__ method");
        }
        var scale = Arithmetic.Power(IntValue.Of(10), IntValue.Of(digits), rendering);
        var scaled = Arithmetic.Multiply(value, scale, rendering);
        if (!Arithmetic.TryNumber(scaled, out var number)) throw TemplateFault.Type($"must be real number, not {scaled.TypeName}");
        if (!double.IsFinite(number)) throw TemplateFault.Overflow("cannot convert float infinity to integer");
        var whole = Arithmetic.TryInteger(scaled, out var exact) ? exact : new BigInteger(method == "ceil" ? Math.Ceiling(number) : Math.Floor(number));
        return Arithmetic.Divide(IntValue.Of(whole), scale, rendering);
    }

    private static StrValue FileSize(Rendering rendering, Value?[] arguments)
    {
        var parsed = 0.0;
        if (arguments[0] is UndefinedValue undefined) throw undefined.Fault(rendering);
        if (arguments[0] is StrValue text ? !PyFloat.TryParse(text.Text, out parsed) : !Arithmetic.TryNumber(arguments[0]!, out parsed))
            throw TemplateFault.Value($"could not convert string to float: {PyRepr.Of(arguments[0]!, rendering)}");
        var binary = Table.Flag(arguments[1]);
        double size = binary ? 1024 : 1000;
        if (parsed == 1) return new StrValue("1 Byte");
        if (parsed < size) return new StrValue($"{Math.Truncate(parsed):0} Bytes");
        var unit = size;
        var prefix = -1;
        do
        {
            unit *= size;
            prefix++;
        }
        while (parsed >= unit && prefix < 7);
        return new StrValue(PyFloat.Fixed(size * parsed / unit, 1) + " " + (prefix == 0 && !binary ? 'k' : "KMGTPEZY"[prefix]) + (binary ? "iB" : "B"));
    }
}
