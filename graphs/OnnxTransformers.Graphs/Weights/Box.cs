namespace OnnxTransformers.Graphs.Weights;

/// <summary>A part of a copy: where it begins on each of its loops and how far it goes.</summary>
internal sealed record Box(long[] Start, long[] Extent)
{
    private const int Page = 4096;
    private const int Line = 64;

    internal long Count => Extent.Aggregate(1L, (n, e) => n * e);

    /// <summary>All of a copy.</summary>
    internal static Box Of(IReadOnlyList<Axis> axes) => new(new long[axes.Count], [.. axes.Select(a => a.Extent)]);

    /// <summary>The same part with its loops in another order.</summary>
    internal Box Permuted(int[] order) => new([.. order.Select(i => Start[i])], [.. order.Select(i => Extent[i])]);

    /// <summary>Parts of at most <paramref name="most"/> elements, each in one piece of the loops' order. Cuts are at whole pages or cache lines where the parts are that large.</summary>
    internal IEnumerable<Box> Split(long most, int elementSize)
    {
        var cut = Extent.Length - 1;
        var inner = 1L;
        while (cut >= 0 && inner * Extent[cut] <= most) inner *= Extent[cut--];
        if (cut < 0)
        {
            yield return this;
            yield break;
        }
        var step = Math.Max(1, most / inner);
        if (step >= Page / elementSize) step -= step % (Page / elementSize);
        else if (step >= Line / elementSize) step -= step % (Line / elementSize);

        var index = new long[cut];
        while (true)
        {
            for (var at = 0L; at < Extent[cut]; at += step)
            {
                var (start, extent) = ((long[])Start.Clone(), (long[])Extent.Clone());
                for (var i = 0; i < cut; i++) (start[i], extent[i]) = (Start[i] + index[i], 1);
                (start[cut], extent[cut]) = (Start[cut] + at, Math.Min(step, Extent[cut] - at));
                yield return new Box(start, extent);
            }
            var axis = cut - 1;
            while (axis >= 0 && ++index[axis] == Extent[axis]) index[axis--] = 0;
            if (axis < 0) yield break;
        }
    }
}
