using System.Numerics;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>Python's arithmetic operators, with its messages.</summary>
internal static class Arithmetic
{
    private const long MostBits = 1 << 16;

    internal static readonly Dictionary<string, Func<Value, Value, Rendering, Value>> Operators = new(StringComparer.Ordinal)
    {
        ["+"] = Add,
        ["-"] = Subtract,
        ["*"] = Multiply,
        ["/"] = Divide,
        ["//"] = FloorDivide,
        ["%"] = Modulo,
        ["**"] = Power,
    };

    /// <summary>True for integers; True and False count as 1 and 0.</summary>
    internal static bool TryInteger(Value value, out BigInteger number)
    {
        number = value is IntValue i ? i.Number : value.Truth ? BigInteger.One : BigInteger.Zero;
        return value is IntValue or BoolValue;
    }

    internal static bool TryNumber(Value value, out double number)
    {
        if (value is FloatValue f)
        {
            number = f.Number;
            return true;
        }
        if (!TryInteger(value, out var integer))
        {
            number = 0;
            return false;
        }
        number = ToDouble(integer);
        return true;
    }

    internal static double ToDouble(BigInteger integer)
    {
        // .NET's own conversion cuts digits off where Python's rounds.
        var number = PyFloat.Quotient(integer, BigInteger.One);
        return double.IsInfinity(number) ? throw TemplateFault.Overflow("int too large to convert to float") : number;
    }

    private static bool BothIntegers(Value left, Value right, out BigInteger a, out BigInteger b)
    {
        b = default;
        return TryInteger(left, out a) && TryInteger(right, out b);
    }

    private static bool BothNumbers(Value left, Value right, out double a, out double b)
    {
        b = 0;
        return TryNumber(left, out a) && TryNumber(right, out b);
    }

    private static TemplateFault Unsupported(string symbol, Value left, Value right, Rendering rendering)
    {
        if (left is UndefinedValue a) return a.Fault(rendering);
        if (right is UndefinedValue b) return b.Fault(rendering);
        return TemplateFault.Type($"unsupported operand type(s) for {symbol}: '{left.TypeName}' and '{right.TypeName}'");
    }

    private static IntValue Integer(BigInteger value)
    {
        if (value.GetBitLength() > MostBits) throw TemplateFault.Limit($"an integer has more than {MostBits} bits");
        return IntValue.Of(value);
    }

    /// <summary>Products and quotients of large integers take time by the product of their lengths.</summary>
    private static void Charge(BigInteger x, BigInteger y, Rendering rendering)
    {
        if (x >= long.MinValue && x <= long.MaxValue) return;
        rendering.Charge((x.GetBitLength() + 64) * (y.GetBitLength() + 64) >> 14);
    }

    internal static Value Add(Value left, Value right, Rendering rendering)
    {
        switch (left, right)
        {
            case (StrValue a, StrValue b):
                rendering.CheckLength((long)a.Text.Length + b.Text.Length);
                if (a.IsMarkup || b.IsMarkup) return new StrValue(Markup.Escape(a) + Markup.Escape(b), isMarkup: true);
                return rendering.Text(a.Text + b.Text);
            case (ListValue a, ListValue b):
                rendering.Reserve(a.Count + (long)b.Count);
                return new ListValue([.. a.Elements, .. b.Elements]);
            case (TupleValue a, TupleValue b):
                rendering.Reserve(a.Count + (long)b.Count);
                return new TupleValue([.. a.Elements, .. b.Elements]);
        }
        if (BothIntegers(left, right, out var x, out var y)) return Integer(x + y);
        if (BothNumbers(left, right, out var p, out var q)) return new FloatValue(p + q);
        if (left is StrValue or ListValue or TupleValue && right is not UndefinedValue)
            throw TemplateFault.Type($"can only concatenate {left.TypeName} (not \"{right.TypeName}\") to {left.TypeName}");
        throw Unsupported("+", left, right, rendering);
    }

    internal static Value Subtract(Value left, Value right, Rendering rendering)
    {
        if (BothIntegers(left, right, out var x, out var y)) return Integer(x - y);
        return BothNumbers(left, right, out var p, out var q) ? new FloatValue(p - q) : throw Unsupported("-", left, right, rendering);
    }

    internal static Value Multiply(Value left, Value right, Rendering rendering)
    {
        if (BothIntegers(left, right, out var x, out var y))
        {
            if (x.GetBitLength() + y.GetBitLength() > MostBits + 64) throw TemplateFault.Limit($"an integer has more than {MostBits} bits");
            Charge(x, y, rendering);
            return Integer(x * y);
        }
        if (BothNumbers(left, right, out var p, out var q)) return new FloatValue(p * q);
        var (sequence, times) = left is StrValue or ListValue or TupleValue ? (left, right) : (right, left);
        if (sequence is not (StrValue or ListValue or TupleValue) || times is UndefinedValue) throw Unsupported("*", left, right, rendering);
        return TryInteger(times, out var count)
            ? Repeat(sequence, count, rendering)
            : throw TemplateFault.Type($"can't multiply sequence by non-int of type '{times.TypeName}'");
    }

    private static Value Repeat(Value sequence, BigInteger count, Rendering rendering)
    {
        var total = BigInteger.Max(count, 0) * (sequence is StrValue s ? s.Text.Length : sequence.Count);
        if (total > int.MaxValue) throw TemplateFault.Limit("the result of a repetition is too long");
        if (sequence is StrValue text)
        {
            rendering.CheckLength((long)total);
            rendering.Charge(1 + (long)total / 16);
            rendering.Allocate(2 * (long)total);
            return text.With(total.IsZero ? "" : string.Concat(Enumerable.Repeat(text.Text, (int)count)));
        }
        rendering.Reserve((long)total);
        var elements = sequence is ListValue list ? list.Elements : ((TupleValue)sequence).Elements;
        var result = new Value[(int)total];
        for (var i = 0; i < result.Length; i += elements.Length) elements.CopyTo(result, i);
        return sequence is ListValue ? new ListValue(result) : new TupleValue(result);
    }

    internal static Value Divide(Value left, Value right, Rendering rendering)
    {
        if (BothIntegers(left, right, out var x, out var y))
        {
            if (y.IsZero) throw TemplateFault.ZeroDivision("division by zero");
            Charge(x, y, rendering);
            var quotient = PyFloat.Quotient(x, y);
            return double.IsInfinity(quotient) ? throw TemplateFault.Overflow("integer division result too large for a float") : new FloatValue(quotient);
        }
        if (!BothNumbers(left, right, out var p, out var q)) throw Unsupported("/", left, right, rendering);
        return q != 0 ? new FloatValue(p / q) : throw TemplateFault.ZeroDivision("float division by zero");
    }

    internal static Value FloorDivide(Value left, Value right, Rendering rendering)
    {
        if (BothIntegers(left, right, out var x, out var y))
        {
            if (y.IsZero) throw TemplateFault.ZeroDivision("integer division or modulo by zero");
            Charge(x, y, rendering);
            return Integer(Floor(x, y));
        }
        if (!BothNumbers(left, right, out var p, out var q)) throw Unsupported("//", left, right, rendering);
        if (q == 0) throw TemplateFault.ZeroDivision("float floor division by zero");
        return new FloatValue(FloorAndRemainder(p, q).Floor);
    }

    internal static Value Modulo(Value left, Value right, Rendering rendering)
    {
        if (left is StrValue text) return PercentFormat.Apply(text, right, rendering);
        if (BothIntegers(left, right, out var x, out var y))
        {
            if (y.IsZero) throw TemplateFault.ZeroDivision("integer modulo by zero");
            Charge(x, y, rendering);
            return Integer(x - Floor(x, y) * y);
        }
        if (!BothNumbers(left, right, out var p, out var q)) throw Unsupported("%", left, right, rendering);
        return q != 0 ? new FloatValue(FloorAndRemainder(p, q).Remainder) : throw TemplateFault.ZeroDivision("float modulo");
    }

    internal static BigInteger Floor(BigInteger x, BigInteger y)
    {
        var quotient = BigInteger.DivRem(x, y, out var rest);
        return !rest.IsZero && rest.Sign != y.Sign ? quotient - 1 : quotient;
    }

    /// <summary>Python's divmod of floats.</summary>
    private static (double Floor, double Remainder) FloorAndRemainder(double x, double y)
    {
        var rest = x % y;
        var quotient = (x - rest) / y;
        if (rest != 0)
        {
            if (y < 0 != rest < 0)
            {
                rest += y;
                quotient -= 1;
            }
        }
        else rest = Math.CopySign(0, y);
        if (quotient == 0) return (Math.CopySign(0, x / y), rest);
        var floor = Math.Floor(quotient);
        return (quotient - floor > 0.5 ? floor + 1 : floor, rest);
    }

    internal static Value Power(Value left, Value right, Rendering rendering)
    {
        if (BothIntegers(left, right, out var x, out var y))
        {
            if (y.Sign >= 0)
            {
                if (BigInteger.Abs(x) > 1 && x.GetBitLength() * y > MostBits) throw TemplateFault.Limit($"an integer has more than {MostBits} bits");
                var exponent = BigInteger.Abs(x) > 1 ? (int)y : y.IsZero ? 0 : y.IsEven ? 2 : 1;
                return Integer(BigInteger.Pow(x, exponent));
            }
            if (x.IsZero) throw TemplateFault.ZeroDivision("0.0 cannot be raised to a negative power");
        }
        if (!BothNumbers(left, right, out var p, out var q)) throw Unsupported("** or pow()", left, right, rendering);
        if (p == 0 && q < 0) throw TemplateFault.ZeroDivision("0.0 cannot be raised to a negative power");
        if (p < 0 && double.IsFinite(p) && double.IsFinite(q) && q != Math.Floor(q))
            throw TemplateFault.Value("complex numbers are not supported in templates");
        var result = Math.Pow(p, q);
        return double.IsInfinity(result) && double.IsFinite(p) && double.IsFinite(q) ? throw TemplateFault.Overflow("(34, 'Numerical result out of range')") : new FloatValue(result);
    }

    internal static Value Negate(Value value, Rendering rendering) => value switch
    {
        FloatValue f => new FloatValue(-f.Number),
        _ when TryInteger(value, out var number) => Integer(-number),
        UndefinedValue undefined => throw undefined.Fault(rendering),
        _ => throw TemplateFault.Type($"bad operand type for unary -: '{value.TypeName}'"),
    };

    internal static Value Plus(Value value, Rendering rendering) => value switch
    {
        FloatValue => value,
        _ when TryInteger(value, out var number) => IntValue.Of(number),
        UndefinedValue undefined => throw undefined.Fault(rendering),
        _ => throw TemplateFault.Type($"bad operand type for unary +: '{value.TypeName}'"),
    };
}
