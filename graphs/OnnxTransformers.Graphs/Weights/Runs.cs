namespace OnnxTransformers.Graphs.Weights;

/// <summary>The pieces in which a box lies contiguous on one side of a copy.</summary>
internal static class Runs
{
    /// <summary>Elements of each run.</summary>
    internal static long Length(Box box, IReadOnlyList<Axis> axes, Func<Axis, long> stride) => Inner(box, axes, stride).Length;

    /// <summary>All runs in the order of the loops: the offset on that side, the elements before it, and its elements.</summary>
    internal static IEnumerable<(long At, long Done, long Count)> Of(Box box, IReadOnlyList<Axis> axes, Func<Axis, long> stride)
    {
        var (outer, length) = Inner(box, axes, stride);
        var strides = axes.Select(stride).ToArray();
        var count = box.Count;
        var start = 0L;
        for (var i = 0; i < strides.Length; i++) start += box.Start[i] * strides[i];

        var index = new long[outer];
        for (var done = 0L; done < count; done += length)
        {
            var at = start;
            for (var i = 0; i < outer; i++) at += index[i] * strides[i];
            yield return (at, done, length);
            for (var i = outer - 1; i >= 0 && ++index[i] == box.Extent[i]; i--) index[i] = 0;
        }
    }

    private static (int Outer, long Length) Inner(Box box, IReadOnlyList<Axis> axes, Func<Axis, long> stride)
    {
        var outer = axes.Count;
        var length = 1L;
        while (outer > 0 && (box.Extent[outer - 1] == 1 || stride(axes[outer - 1]) == length)) length *= box.Extent[--outer];
        return (outer, length);
    }
}
