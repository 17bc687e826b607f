using System.Numerics;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>Attributes of integers, booleans and floats.</summary>
internal static class NumberMethods
{
    private static readonly Dictionary<string, Func<BigInteger, Value>> OfIntegers = new(StringComparer.Ordinal)
    {
        ["real"] = IntValue.Of,
        ["numerator"] = IntValue.Of,
        ["imag"] = _ => IntValue.Of(0),
        ["denominator"] = _ => IntValue.Of(1),
    };

    private static readonly Dictionary<string, Func<BigInteger, Value>> IntegerMethods = new(StringComparer.Ordinal)
    {
        ["conjugate"] = IntValue.Of,
        ["bit_length"] = n => IntValue.Of(BigInteger.Abs(n).IsZero ? 0 : BigInteger.Abs(n).GetBitLength()),
        ["bit_count"] = n => IntValue.Of(BigInteger.Abs(n).ToByteArray().Sum(b => BitOperations.PopCount(b))),
        ["as_integer_ratio"] = n => new TupleValue([IntValue.Of(n), IntValue.Of(1)]),
    };

    private static readonly Dictionary<string, Func<double, Value>> FloatMethods = new(StringComparer.Ordinal)
    {
        ["conjugate"] = d => new FloatValue(d),
        ["is_integer"] = d => BoolValue.Of(double.IsFinite(d) && d == Math.Floor(d)),
    };

    internal static Value? Find(Value value, string name)
    {
        if (value is FloatValue f)
        {
            if (name is "real" or "imag") return name == "real" ? value : new FloatValue(0);
            return FloatMethods.TryGetValue(name, out var method) ? new FunctionValue(name, (_, a) => a.Positional.Length + a.Named.Length == 0 ? method(f.Number) : throw Takes("float", name, a)) : null;
        }
        Arithmetic.TryInteger(value, out var number);
        if (OfIntegers.TryGetValue(name, out var property)) return property(number);
        return IntegerMethods.TryGetValue(name, out var function) ? new FunctionValue(name, (_, a) => a.Positional.Length + a.Named.Length == 0 ? function(number) : throw Takes("int", name, a)) : null;
    }

    private static TemplateFault Takes(string type, string name, Arguments arguments) =>
        TemplateFault.Type($"{type}.{name}() takes no arguments ({arguments.Positional.Length + arguments.Named.Length} given)");
}
