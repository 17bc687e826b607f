namespace OnnxTransformers.Processors.Processing;

/// <summary>Which pixel stands for one beyond the border.</summary>
internal static class Border
{
    /// <summary>Mirrored at the middle of the border's pixel, which is not repeated (numpy: reflect, scipy: mirror).</summary>
    internal static int Mirror(int at, int size)
    {
        if (size == 1) return 0;
        var period = 2 * (size - 1);
        at = (at % period + period) % period;
        return at < size ? at : period - at;
    }

    /// <summary>Mirrored at the border, whose pixel is repeated (numpy: symmetric).</summary>
    internal static int Symmetric(int at, int size)
    {
        var period = 2 * size;
        at = (at % period + period) % period;
        return at < size ? at : period - 1 - at;
    }
}
