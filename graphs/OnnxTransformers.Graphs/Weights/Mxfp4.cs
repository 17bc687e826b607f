namespace OnnxTransformers.Graphs.Weights;

/// <summary>Decodes blocks of 32 four-bit floats with a common scale (OCP Microscaling 1.0, MXFP4).</summary>
internal static unsafe class Mxfp4
{
    internal const int BlockSize = 32;

    /// <summary>The values of a four-bit float with 2 exponent bits and 1 of mantissa.</summary>
    private static ReadOnlySpan<float> Values => [0, 0.5f, 1, 1.5f, 2, 3, 4, 6, -0f, -0.5f, -1, -1.5f, -2, -3, -4, -6];

    /// <summary>Decodes blocks: 16 bytes each, the lower half of a byte first.</summary>
    internal static void Decode(byte* blocks, byte* scales, float* to, long count)
    {
        var values = Values;
        for (var b = 0L; b < count; b++)
        {
            var scale = scales[b] - 127;
            for (var i = 0; i < BlockSize / 2; i++)
            {
                var two = *blocks++;
                *to++ = MathF.ScaleB(values[two & 15], scale);
                *to++ = MathF.ScaleB(values[two >> 4], scale);
            }
        }
    }
}
