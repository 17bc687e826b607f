namespace OnnxTransformers.Graphs.Weights;

/// <summary>What quantized matrices mean, number by number.</summary>
internal static class NaiveBlocks
{
    /// <summary>The numbers that packed parts stand for: (integer - zero point) * scale.</summary>
    internal static float[] Packed(int rows, int columns, int bits, byte[] values, float[] scales, byte[]? zeros)
    {
        var blocks = columns / 32;
        var zeroBytes = (blocks * bits + 7) / 8;
        var numbers = new float[rows * columns];
        for (var r = 0; r < rows; r++)
            for (var c = 0; c < columns; c++)
            {
                var zero = zeros is null ? 1 << (bits - 1) : At(zeros.AsSpan(r * zeroBytes), c / 32, bits);
                numbers[r * columns + c] = (At(values, r * columns + c, bits) - zero) * scales[r * blocks + c / 32];
            }
        return numbers;
    }

    /// <summary>The numbers that signed integers stand for.</summary>
    internal static float[] Signed(int rows, int columns, int bits, byte[] values, float[] scales) =>
        [.. Enumerable.Range(0, rows * columns).Select(i => (((At(values, i, bits) ^ (1 << (bits - 1))) - (1 << (bits - 1))) * scales[i / 32]))];

    /// <summary>An integer of a row of them, the first in the lowest bits.</summary>
    internal static int At(ReadOnlySpan<byte> packed, int index, int bits) => bits == 8 ? packed[index] : (packed[index / 2] >> (index % 2 * 4)) & 15;
}
