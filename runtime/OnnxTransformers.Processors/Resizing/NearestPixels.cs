namespace OnnxTransformers.Processors.Resizing;

/// <summary>Picks pixels. Positions are accumulated, not multiplied, as in Pillow's Geometry.c: some sizes differ by a pixel otherwise.</summary>
internal static class NearestPixels
{
    /// <summary>Resizes [height, width, channels].</summary>
    internal static byte[] Resize(ReadOnlySpan<byte> source, int width, int height, int channels, double extentX, double extentY, int newWidth, int newHeight)
    {
        var columns = Positions(width, extentX, newWidth);
        var rows = Positions(height, extentY, newHeight);
        var target = GC.AllocateUninitializedArray<byte>(checked(newWidth * newHeight * channels));
        var to = 0;
        foreach (var y in rows)
            foreach (var x in columns)
            {
                var from = (y * width + x) * channels;
                for (var c = 0; c < channels; c++) target[to++] = source[from + c];
            }
        return target;
    }

    private static int[] Positions(int size, double extent, int newSize)
    {
        var positions = new int[newSize];
        var step = extent / newSize;
        var at = step * 0.5;
        for (var i = 0; i < newSize; i++, at += step) positions[i] = Math.Min((int)at, size - 1);
        return positions;
    }
}
