namespace OnnxTransformers.Processors.Resizing;

/// <summary>Shrinks by whole factors: the mean of each block. Source: Pillow's Reduce.c.</summary>
internal static class Reduction
{
    /// <summary>The picture of <c>ceil(width / factorX)</c> by <c>ceil(height / factorY)</c> pixels; blocks at the right and the bottom may be smaller than
    /// the others.</summary>
    internal static byte[] Reduce(ReadOnlySpan<byte> source, int width, int height, int channels, int factorX, int factorY)
    {
        var (newWidth, newHeight) = ((width + factorX - 1) / factorX, (height + factorY - 1) / factorY);
        var target = new byte[newWidth * newHeight * channels];
        for (var y = 0; y < newHeight; y++)
        {
            var rows = Math.Min(factorY, height - y * factorY);
            for (var x = 0; x < newWidth; x++)
            {
                var columns = Math.Min(factorX, width - x * factorX);
                var multiplier = Multiplier(rows * columns);
                for (var c = 0; c < channels; c++)
                {
                    var sum = (uint)(rows * columns / 2);
                    for (var i = 0; i < rows; i++)
                        for (var j = 0; j < columns; j++) sum += source[((y * factorY + i) * width + x * factorX + j) * channels + c];
                    target[(y * newWidth + x) * channels + c] = (byte)(unchecked(sum * multiplier) >> 24);
                }
            }
        }
        return target;
    }

    // 2^24 / count, through the single-precision division that Pillow does.
    private static uint Multiplier(int count) => (uint)(4294967296f / (256u * (uint)count));
}
