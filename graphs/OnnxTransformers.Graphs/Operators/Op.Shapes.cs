namespace OnnxTransformers.Graphs.Operators;

public static partial class Op
{
    /// <summary>The dimensions <paramref name="start"/> to <paramref name="end"/> (exclusive) as a vector of int64.</summary>
    public static Value ShapeOf(Value a, int start, int end) =>
        a.Graph.Node("Shape", [a], ElementType.Int64, new Shape(end - start), [Attributes.Of("start", start), Attributes.Of("end", end)]);

    /// <summary>The same elements under another shape: 0 keeps the dimension at its place, -1 takes what remains.</summary>
    /// <param name="a">The value.</param>
    /// <param name="shape">The new dimensions.</param>
    /// <param name="remaining">What the -1 comes to, where it can't be derived from names of dimensions.</param>
    public static Value Reshape(Value a, ReadOnlySpan<long> shape, Dim? remaining = null)
    {
        var g = a.Graph;
        var dims = new Dim[shape.Length];
        var left = a.Shape.Dims.ToList();
        var open = -1;
        for (var i = 0; i < shape.Length; i++)
        {
            if (shape[i] == -1) { open = i; continue; }
            if (shape[i] == 0 && i >= a.Shape.Rank) throw g.Error($"Reshape({a}, [{string.Join(", ", shape.ToArray())}]): there is no dimension {i} to keep");
            dims[i] = shape[i] == 0 ? a.Shape[i] : shape[i];
            left.Remove(dims[i]);
        }
        var taken = dims.Where((d, i) => i != open).Aggregate((Dim)1, (x, y) => x * y);
        var all = a.Shape.Dims.Aggregate((Dim)1, (x, y) => x * y);
        if (open >= 0) dims[open] = remaining ?? Remaining(a, all, taken, dims, open);
        else if (all.Size is { } n && taken.Size is { } m && n != m) throw g.Error($"Reshape({a}, [{string.Join(", ", shape.ToArray())}]): {n} elements don't fill {m}");
        return g.Node("Reshape", [a, g.Constant(shape)], a.Type, new Shape(dims));
    }

    /// <summary>The same elements under a shape that the graph computes.</summary>
    public static Value Reshape(Value a, Value shape, Shape result) => a.Graph.Node("Reshape", [a, shape], a.Type, result);

    /// <summary>Axes in another order: result axis i is axis <paramref name="permutation"/>[i].</summary>
    public static Value Transpose(Value a, ReadOnlySpan<int> permutation)
    {
        if (permutation.Length != a.Shape.Rank) throw a.Graph.Error($"Transpose({a}): {permutation.Length} axes for {a.Shape.Rank} dimensions");
        var axes = new long[permutation.Length];
        var dims = new Dim[permutation.Length];
        for (var i = 0; i < axes.Length; i++) (axes[i], dims[i]) = (permutation[i], a.Shape[permutation[i]]);
        return a.Graph.Node("Transpose", [a], a.Type, new Shape(dims), [Attributes.Of("perm", axes)]);
    }

    /// <summary>The entries from <paramref name="start"/> to <paramref name="end"/> (exclusive) along one axis; negative positions count from the end.</summary>
    public static Value Slice(Value a, int axis, long start, long end)
    {
        var size = a.Shape[axis].Size;
        Dim length = size is { } n ? Math.Max(0, Position(end, n) - Position(start, n)) : start >= 0 && end > start && end < int.MaxValue ? end - start : $"{a.Shape[axis]}[{start}:{end}]";
        return Slice(a, axis, a.Graph.Constant(start), a.Graph.Constant(end), length);
    }

    /// <summary>The entries between two positions that the graph computes (vectors of one int64) along one axis.</summary>
    public static Value Slice(Value a, int axis, Value start, Value end, Dim length) =>
        a.Graph.Node("Slice", [a, start, end, a.Graph.Constant(axis)], a.Type, a.Shape.With(axis, length));

    /// <summary>One entry along an axis, which disappears.</summary>
    public static Value Select(Value a, int axis, long index) => Gather(a, a.Graph.Scalar(index, ElementType.Int64), axis);

    /// <summary>Entries along an axis by index; negative indices count from the end.</summary>
    public static Value Gather(Value a, Value indices, int axis = 0)
    {
        if (indices.Type is not (ElementType.Int64 or ElementType.Int32)) throw a.Graph.Error($"Gather({a}, {indices}): indices are int32 or int64");
        var at = axis < 0 ? axis + a.Shape.Rank : axis;
        return a.Graph.Node("Gather", [a, indices], a.Type, new Shape([.. a.Shape.Dims[..at], .. indices.Shape.Dims, .. a.Shape.Dims[(at + 1)..]]), [Attributes.Of("axis", axis)]);
    }

    /// <summary>Entries along an axis by an index for each place; indices have the result's shape.</summary>
    public static Value GatherElements(Value a, Value indices, int axis)
    {
        if (indices.Shape.Rank != a.Shape.Rank) throw a.Graph.Error($"GatherElements({a}, {indices}): the ranks differ");
        return a.Graph.Node("GatherElements", [a, indices], a.Type, indices.Shape, [Attributes.Of("axis", axis)]);
    }

    /// <summary>New dimensions of size 1 at the given places of the result.</summary>
    public static Value Unsqueeze(Value a, params ReadOnlySpan<long> axes)
    {
        var rank = a.Shape.Rank + axes.Length;
        var at = new HashSet<long>();
        foreach (var axis in axes) at.Add(axis < 0 ? axis + rank : axis);
        var dims = new Dim[rank];
        for (int i = 0, j = 0; i < rank; i++) dims[i] = at.Contains(i) ? 1 : a.Shape[j++];
        return a.Graph.Node("Unsqueeze", [a, a.Graph.Constant(axes)], a.Type, new Shape(dims));
    }

    /// <summary>Without the dimension <paramref name="axis"/>, which is 1.</summary>
    public static Value Squeeze(Value a, int axis)
    {
        if (a.Shape[axis].Size is { } n && n != 1) throw a.Graph.Error($"Squeeze({a}, {axis}): the dimension is not 1");
        return a.Graph.Node("Squeeze", [a, a.Graph.Constant(axis)], a.Type, new Shape(a.Shape.Dims.RemoveAt(axis < 0 ? axis + a.Shape.Rank : axis).AsSpan()));
    }

    /// <summary>Several values, one after the other along an axis.</summary>
    public static Value Concat(int axis, params ReadOnlySpan<Value> parts)
    {
        var first = parts[0];
        var length = (Dim)0;
        foreach (var part in parts)
        {
            if (part.Type != first.Type || part.Shape.Rank != first.Shape.Rank || part.Shape.With(axis, 0) != first.Shape.With(axis, 0)) throw first.Graph.Error($"Concat({first}, {part}): types or shapes differ");
            length += part.Shape[axis];
        }
        return first.Graph.Node("Concat", [.. parts], first.Type, first.Shape.With(axis, length), [Attributes.Of("axis", axis)]);
    }

    /// <summary>Broadcast to a shape that the graph computes.</summary>
    public static Value Expand(Value a, Value shape, Shape result) => a.Graph.Node("Expand", [a, shape], a.Type, result);

    /// <summary>The value itself, where a branch gives what it did not compute.</summary>
    public static Value Identity(Value a) => a.Graph.Node("Identity", [a], a.Type, a.Shape);

    /// <summary>The numbers from <paramref name="start"/> up to <paramref name="end"/> (exclusive), scalars of int64, in steps of one.</summary>
    public static Value Range(Value start, Value end, Dim length) => start.Graph.Node("Range", [start, end, start.Graph.Scalar(1, start.Type)], start.Type, new Shape(length));

    /// <summary>Running sums along an axis.</summary>
    public static Value CumSum(Value a, int axis) => a.Graph.Node("CumSum", [a, a.Graph.Scalar(axis, ElementType.Int64)], a.Type, a.Shape);

    private static long Position(long at, long size) => Math.Clamp(at < 0 ? at + size : at, 0, size);

    private static Dim Remaining(Value a, Dim all, Dim taken, Dim[] dims, int open)
    {
        if (all.Size is { } n && taken.Size is { } m) return m != 0 && n % m == 0 ? n / m : throw a.Graph.Error($"Reshape({a}): {n} elements don't divide by {m}");
        var left = a.Shape.Dims.ToList();
        for (var i = 0; i < dims.Length; i++)
            if (i != open) left.Remove(dims[i]);
        // [B, S, D] to [0, 0, -1, d]: the numbers that are left are divided by the numbers that were taken.
        var numbers = left.Where(d => d.Size is not null).Aggregate(1L, (x, y) => x * y.Size!.Value);
        var names = left.Where(d => d.Size is null).Aggregate((Dim)1, (x, y) => x * y);
        var unmatched = dims.Where((d, i) => i != open && d.Size is not null && !a.Shape.Dims.Contains(d)).Aggregate(1L, (x, y) => x * y.Size!.Value);
        if (unmatched == 0 || numbers % unmatched != 0) throw a.Graph.Error($"Reshape({a}): what remains can't be derived; name it");
        return names * (numbers / unmatched);
    }
}
