using System.Globalization;
using System.Numerics;
using System.Text;

namespace OnnxTransformers.Tokenizers.Templates;

internal sealed class BoolValue : Value
{
    internal static readonly BoolValue True = new(true), False = new(false);

    private BoolValue(bool value) => Truth = value;

    internal static BoolValue Of(bool value) => value ? True : False;

    internal override string TypeName => "bool";

    internal override bool Truth { get; }

    internal override void Repr(StringBuilder into, Rendering rendering) => into.Append(Truth ? "True" : "False");

    internal override string Str(Rendering rendering) => Truth ? "True" : "False";

    internal override Value? Attribute(string name, Rendering rendering) => NumberMethods.Find(this, name);
}

/// <summary>An integer of any size; sizes are bounded where integers are made.</summary>
internal sealed class IntValue : Value
{
    private const int Cached = 1024;
    private static readonly IntValue[] Small = [.. Enumerable.Range(-1, Cached).Select(i => new IntValue(i))];

    private IntValue(BigInteger number) => Number = number;

    internal BigInteger Number { get; }

    internal static IntValue Of(long value) => value is >= -1 and < Cached - 1 ? Small[value + 1] : new IntValue(value);

    internal static IntValue Of(BigInteger value) => value >= -1 && value < Cached - 1 ? Small[(int)value + 1] : new IntValue(value);

    internal override string TypeName => "int";

    internal override bool Truth => !Number.IsZero;

    internal override void Repr(StringBuilder into, Rendering rendering)
    {
        // Python's own limit; it also keeps the quadratic conversion short.
        if (Number.GetBitLength() > 14_300 || BigInteger.Abs(Number) >= MostPrintable)
            throw TemplateFault.Value("Exceeds the limit (4300 digits) for integer string conversion");
        into.Append(Number.ToString(CultureInfo.InvariantCulture));
    }

    internal override Value? Attribute(string name, Rendering rendering) => NumberMethods.Find(this, name);

    private static readonly BigInteger MostPrintable = BigInteger.Pow(10, 4300);
}

internal sealed class FloatValue(double number) : Value
{
    internal double Number { get; } = number;

    internal override string TypeName => "float";

    internal override bool Truth => Number != 0;

    internal override void Repr(StringBuilder into, Rendering rendering) => into.Append(PyFloat.Repr(Number));

    internal override Value? Attribute(string name, Rendering rendering) => NumberMethods.Find(this, name);
}
