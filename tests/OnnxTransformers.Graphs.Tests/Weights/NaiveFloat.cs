namespace OnnxTransformers.Graphs.Weights;

/// <summary>Floating types by their definition: sign, exponent and mantissa in double arithmetic, the nearest by comparing both neighbours.</summary>
internal static class NaiveFloat
{
    internal static double Read(ElementType type, byte[] bytes) => type switch
    {
        ElementType.Double => BitConverter.ToDouble(bytes),
        ElementType.Float => BitConverter.ToSingle(bytes),
        ElementType.Float16 => Decode(BitConverter.ToUInt16(bytes), 5, 10),
        ElementType.BFloat16 => Decode(BitConverter.ToUInt16(bytes), 8, 7),
        ElementType.Float8E5M2 => Decode(bytes[0], 5, 2),
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };

    internal static byte[] Write(ElementType type, double value) => type switch
    {
        ElementType.Double => BitConverter.GetBytes(value),
        ElementType.Float => BitConverter.GetBytes((float)value),
        ElementType.Float16 => BitConverter.GetBytes(Nearest(value, 5, 10)),
        ElementType.BFloat16 => BitConverter.GetBytes(Nearest(value, 8, 7)),
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };

    private static double Decode(int bits, int exponentBits, int mantissaBits)
    {
        var negative = bits >> (exponentBits + mantissaBits) != 0;
        var exponent = (bits >> mantissaBits) & ((1 << exponentBits) - 1);
        var mantissa = bits & ((1 << mantissaBits) - 1);
        var bias = (1 << (exponentBits - 1)) - 1;
        var magnitude = exponent == (1 << exponentBits) - 1 ? (mantissa == 0 ? double.PositiveInfinity : double.NaN)
            : exponent == 0 ? mantissa * Math.Pow(2, 1 - bias - mantissaBits)
            : (1 + mantissa * Math.Pow(2, -mantissaBits)) * Math.Pow(2, exponent - bias);
        return negative ? -magnitude : magnitude;
    }

    /// <summary>Looks through the magnitudes, which grow with their bits.</summary>
    private static ushort Nearest(double value, int exponentBits, int mantissaBits)
    {
        var sign = double.IsNegative(value) ? 1 << (exponentBits + mantissaBits) : 0;
        var infinity = ((1 << exponentBits) - 1) << mantissaBits;
        var magnitude = Math.Abs(value);
        if (double.IsNaN(value)) return (ushort)(sign | infinity | (1 << (mantissaBits - 1)));
        var (low, high) = (0, infinity);
        while (high - low > 1)
        {
            var middle = (low + high) / 2;
            if (Decode(middle, exponentBits, mantissaBits) <= magnitude) low = middle;
            else high = middle;
        }
        // Infinity counts as the power of two that would follow the largest number.
        var above = high == infinity ? Math.Pow(2, 1 << (exponentBits - 1)) : Decode(high, exponentBits, mantissaBits);
        if (double.IsPositiveInfinity(magnitude)) return (ushort)(sign | infinity);
        var (down, up) = (magnitude - Decode(low, exponentBits, mantissaBits), above - magnitude);
        return (ushort)(sign | (down < up || (down == up && low % 2 == 0) ? low : high));
    }
}
