namespace OnnxTransformers.Processors.Resizing;

/// <summary>Resizes 8-bit pixels in two passes with an 8-bit picture between them, to the bit as Pillow or torchvision does.</summary>
internal static class Resampler
{
    // Below this many products a second thread costs more than it saves.
    private const long WorkForThreads = 1 << 20;

    /// <summary>Resizes interleaved pixels [height, width, channels]. The result shows the part of <c>extentX</c> by <c>extentY</c> pixels at the top left,
    /// the whole as a rule.</summary>
    internal static byte[] Resize(ReadOnlyMemory<byte> source, int width, int height, int channels, double extentX, double extentY, int newWidth, int newHeight, ResampleFilter filter,
        ResampleArithmetic arithmetic, int threads)
    {
        var across = newWidth != width || extentX != width ? Weights.Create(width, extentX, newWidth, filter, arithmetic) : null;
        var down = newHeight != height || extentY != height ? Weights.Create(height, extentY, newHeight, filter, arithmetic) : null;
        if (across is null && down is null) return source.ToArray();
        if (across is null) return Down(source, width * channels, down!, threads);
        if (down is null) return Across(source, width, channels, 0, height, across, threads);
        // Pillow 13 (pull request 9549): downward first where that leaves less to do.
        if (arithmetic == ResampleArithmetic.Pillow && newHeight < height && height - newHeight > 2L * (width - newWidth))
            return Across(Down(source, width * channels, down, threads), width, channels, 0, newHeight, across, threads);
        // Rows that no output row looks at are not computed.
        var first = down.First[0];
        var end = down.First[^1] + down.Count[^1];
        return Down(Across(source, width, channels, first, end, across, threads), newWidth * channels, down, threads, first);
    }

    private static byte[] Across(ReadOnlyMemory<byte> source, int width, int channels, int first, int end, Weights weights, int threads)
    {
        var (stride, newStride) = (width * channels, weights.Outputs * channels);
        var target = GC.AllocateUninitializedArray<byte>(checked((end - first) * newStride));
        InParallel(end - first, HorizontalPass.RowsAtOnce, (long)newStride * weights.Taps * (end - first), threads,
            (from, to) => HorizontalPass.Run(source.Span, stride, channels, first + from, target.AsSpan(from * newStride), newStride, to - from, weights));
        return target;
    }

    private static byte[] Down(ReadOnlyMemory<byte> source, int stride, Weights weights, int threads, int skipped = 0)
    {
        var target = GC.AllocateUninitializedArray<byte>(checked(weights.Outputs * stride));
        InParallel(weights.Outputs, 1, (long)stride * weights.Taps * weights.Outputs, threads, (from, to) => VerticalPass.Run(source.Span, stride, skipped, target, from, to, weights));
        return target;
    }

    private static void InParallel(int rows, int unit, long work, int threads, Action<int, int> run)
    {
        var parts = (int)Math.Min(Math.Min(threads, work / WorkForThreads + 1), (rows + unit - 1) / unit);
        if (parts <= 1)
        {
            run(0, rows);
            return;
        }
        var each = ((rows + parts - 1) / parts + unit - 1) / unit * unit;
        Parallel.For(0, (rows + each - 1) / each, part => run(part * each, Math.Min(rows, (part + 1) * each)));
    }
}
