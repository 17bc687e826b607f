namespace OnnxTransformers.Graphs.Weights;

/// <summary>The values of the 8-bit floating types, by their bits (the OCP 8-bit floating point and microscaling specifications; the FNUZ kinds as in ONNX's float 8 page).</summary>
internal static class Float8
{
    internal static readonly float[] E4M3FN = Table(exponentBits: 4, bias: 7, (bits, value) => (bits & 0x7F) == 0x7F ? float.NaN : value);
    internal static readonly float[] E4M3FNUZ = Table(exponentBits: 4, bias: 8, (bits, value) => bits == 0x80 ? float.NaN : value);
    internal static readonly float[] E5M2 = Table(exponentBits: 5, bias: 15, (bits, value) => (bits & 0x7F) switch
    {
        < 0x7C => value,
        0x7C => bits < 0x80 ? float.PositiveInfinity : float.NegativeInfinity,
        _ => float.NaN,
    });
    internal static readonly float[] E5M2FNUZ = Table(exponentBits: 5, bias: 16, (bits, value) => bits == 0x80 ? float.NaN : value);

    /// <summary>Powers of two without sign or mantissa.</summary>
    internal static readonly float[] E8M0 = [.. Enumerable.Range(0, 256).Select(bits => bits == 255 ? float.NaN : (float)Math.ScaleB(1.0, bits - 127))];

    private static float[] Table(int exponentBits, int bias, Func<int, float, float> special)
    {
        var mantissaBits = 7 - exponentBits;
        var table = new float[256];
        for (var bits = 0; bits < 256; bits++)
        {
            var exponent = (bits & 0x7F) >> mantissaBits;
            var mantissa = bits & ((1 << mantissaBits) - 1);
            var magnitude = exponent == 0
                ? Math.ScaleB((double)mantissa, 1 - bias - mantissaBits)
                : Math.ScaleB((double)(mantissa + (1 << mantissaBits)), exponent - bias - mantissaBits);
            table[bits] = special(bits, (float)(bits < 0x80 ? magnitude : -magnitude));
        }
        return table;
    }
}
