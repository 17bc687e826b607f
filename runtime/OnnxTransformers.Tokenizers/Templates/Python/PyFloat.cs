using System.Globalization;
using System.Numerics;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>Python's floats as text and back. Digits come from the exact binary value, ties go to even.</summary>
internal static class PyFloat
{
    private const int MostDigits = 10_000;

    /// <summary>The shortest text that reads back as the same number.</summary>
    internal static string Repr(double value)
    {
        if (Special(value) is { } special) return special;
        var (sign, digits, exponent) = Shortest(value);
        if (exponent is >= -4 and < 16) return sign + (exponent >= digits.Length - 1 ? Place(digits, exponent) + ".0" : Place(digits, exponent));
        return sign + digits[..1] + (digits.Length > 1 ? "." + digits[1..] : "") + Exponent(exponent, 'e');
    }

    private static string? Special(double value) => double.IsNaN(value) ? "nan" : double.IsInfinity(value) ? value > 0 ? "inf" : "-inf" : null;

    private static (string Sign, string Digits, int Exponent) Shortest(double value)
    {
        var text = value.ToString("R", CultureInfo.InvariantCulture);
        var sign = text.StartsWith('-') ? "-" : "";
        text = text[sign.Length..];
        var e = text.IndexOf('E');
        var exponent = e < 0 ? 0 : int.Parse(text.AsSpan(e + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        var mantissa = e < 0 ? text : text[..e];
        var dot = mantissa.IndexOf('.');
        exponent += (dot < 0 ? mantissa.Length : dot) - 1;
        var digits = mantissa.Replace(".", "", StringComparison.Ordinal);
        var zeros = digits.Length - digits.TrimStart('0').Length;
        if (zeros == digits.Length) return (sign, "0", 0);
        return (sign, digits[zeros..].TrimEnd('0'), exponent - zeros);
    }

    /// <summary>Digits without an exponent.</summary>
    private static string Place(string digits, int exponent)
    {
        if (exponent < 0) return "0." + new string('0', -exponent - 1) + digits;
        return exponent >= digits.Length - 1 ? digits + new string('0', exponent - digits.Length + 1) : digits[..(exponent + 1)] + "." + digits[(exponent + 1)..];
    }

    private static string Exponent(int exponent, char letter) =>
        $"{letter}{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent).ToString("00", CultureInfo.InvariantCulture)}";

    private static (BigInteger Numerator, BigInteger Denominator) Exact(double value)
    {
        var bits = BitConverter.DoubleToInt64Bits(Math.Abs(value));
        var exponent = (int)(bits >> 52);
        var mantissa = bits & 0xFFFFFFFFFFFFF;
        if (exponent == 0) exponent = 1;
        else mantissa |= 1L << 52;
        exponent -= 1075;
        return exponent >= 0 ? (new BigInteger(mantissa) << exponent, BigInteger.One) : (mantissa, BigInteger.One << -exponent);
    }

    private static BigInteger HalfEven(BigInteger numerator, BigInteger denominator)
    {
        var quotient = BigInteger.DivRem(numerator, denominator, out var rest);
        var order = (rest * 2).CompareTo(denominator);
        return order > 0 || (order == 0 && !quotient.IsEven) ? quotient + 1 : quotient;
    }

    private static void CheckDigits(int digits)
    {
        if (digits > MostDigits) throw TemplateFault.Limit($"a number is asked for with more than {MostDigits} digits");
    }

    private static string Sign(double value) => double.IsNegative(value) ? "-" : "";

    /// <summary>Python's '%.Nf'.</summary>
    internal static string Fixed(double value, int digits)
    {
        if (Special(value) is { } special) return special;
        CheckDigits(digits);
        var (n, d) = Exact(value);
        var text = HalfEven(n * BigInteger.Pow(10, digits), d).ToString(CultureInfo.InvariantCulture).PadLeft(digits + 1, '0');
        return Sign(value) + (digits == 0 ? text : text[..^digits] + "." + text[^digits..]);
    }

    private static (string Digits, int Exponent) Significant(double value, int digits)
    {
        CheckDigits(digits);
        if (value == 0) return (new string('0', digits), 0);
        var (n, d) = Exact(value);
        var exponent = (int)Math.Floor(BigInteger.Log10(n) - BigInteger.Log10(d));
        // The logarithm may be off by one at a power of ten.
        while (true)
        {
            var shift = digits - 1 - exponent;
            var text = (shift >= 0 ? HalfEven(n * BigInteger.Pow(10, shift), d) : HalfEven(n, d * BigInteger.Pow(10, -shift))).ToString(CultureInfo.InvariantCulture);
            if (text.Length == digits) return (text, exponent);
            exponent += text.Length > digits ? 1 : -1;
        }
    }

    /// <summary>Python's '%.Ne'.</summary>
    internal static string Scientific(double value, int digits, char letter = 'e')
    {
        if (Special(value) is { } special) return special;
        var (text, exponent) = Significant(value, digits + 1);
        return Sign(value) + text[..1] + (digits > 0 ? "." + text[1..] : "") + Exponent(exponent, letter);
    }

    /// <summary>Python's '%.Ng'; the alternate form keeps trailing zeros, and str() of a float asks for at least one fraction digit.</summary>
    internal static string General(double value, int digits, char letter = 'e', bool keepZeros = false)
    {
        if (Special(value) is { } special) return special;
        digits = Math.Max(digits, 1);
        var (text, exponent) = Significant(value, digits);
        if (exponent < -4 || exponent >= digits)
        {
            if (!keepZeros) text = text[..1] + text[1..].TrimEnd('0');
            return Sign(value) + text[..1] + (text.Length > 1 ? "." + text[1..] : "") + Exponent(exponent, letter);
        }
        var placed = Place(text, exponent);
        if (!keepZeros && placed.Contains('.')) placed = placed.TrimEnd('0').TrimEnd('.');
        return Sign(value) + placed;
    }

    /// <summary>Python's round(value, digits).</summary>
    internal static double Round(double value, int digits)
    {
        if (!double.IsFinite(value) || digits > 330) return value;
        if (digits < -330) return Math.CopySign(0, value);
        if (digits >= 0) return double.Parse(Fixed(value, digits), CultureInfo.InvariantCulture);
        var (n, d) = Exact(value);
        var unit = BigInteger.Pow(10, -digits);
        var rounded = Arithmetic.ToDouble(HalfEven(n, d * unit) * unit);
        return double.IsNegative(value) ? -rounded : rounded;
    }

    /// <summary>Python's round(integer, digits) for negative digits.</summary>
    internal static BigInteger Round(BigInteger value, int digits)
    {
        if (digits >= 0) return value;
        var unit = BigInteger.Pow(10, Math.Min(-digits, MostDigits));
        var rounded = HalfEven(BigInteger.Abs(value), unit) * unit;
        return value.Sign < 0 ? -rounded : rounded;
    }

    /// <summary>The nearest double to a quotient of integers of any size.</summary>
    internal static double Quotient(BigInteger x, BigInteger y)
    {
        const long Exactly = 1L << 53;
        if (BigInteger.Abs(x) <= Exactly && BigInteger.Abs(y) <= Exactly) return (double)x / (double)y;
        var negative = x.Sign * y.Sign < 0;
        var (n, d) = (BigInteger.Abs(x), BigInteger.Abs(y));
        var shift = (int)(d.GetBitLength() - n.GetBitLength()) + 66;
        var scaled = shift >= 0 ? BigInteger.DivRem(n << shift, d, out var rest) : BigInteger.DivRem(n, d << -shift, out rest);
        // A sticky bit keeps the single rounding below right.
        if (!rest.IsZero) scaled |= 1;
        var extra = (int)scaled.GetBitLength() - 55;
        var kept = scaled >> extra;
        if ((kept << extra) != scaled) kept |= 1;
        var mantissa = (double)(long)HalfEven(kept, 4);
        var result = Math.ScaleB(mantissa, extra + 2 - shift);
        return negative ? -result : result;
    }

    /// <summary>Python's float(text).</summary>
    internal static bool TryParse(string text, out double value)
    {
        var trimmed = PyText.Trim(text, null);
        var plain = trimmed.Replace("_", "", StringComparison.Ordinal);
        var unsigned = plain.TrimStart('+', '-').ToLowerInvariant();
        value = 0;
        if (plain.Length - unsigned.Length > 1 || trimmed.Contains("__", StringComparison.Ordinal) || trimmed.StartsWith('_') || trimmed.EndsWith('_'))
            return false;
        if (unsigned is "inf" or "infinity" or "nan")
        {
            value = unsigned == "nan" ? double.NaN : plain.StartsWith('-') ? double.NegativeInfinity : double.PositiveInfinity;
            return true;
        }
        return unsigned.Length > 0 && unsigned.All(c => char.IsAsciiDigit(c) || c is '.' or 'e' or '+' or '-') &&
            double.TryParse(plain, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out value);
    }
}
