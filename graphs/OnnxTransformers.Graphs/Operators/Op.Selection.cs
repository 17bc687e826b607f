namespace OnnxTransformers.Graphs.Operators;

public static partial class Op
{
    /// <summary>The <paramref name="k"/> largest along an axis, the largest first, and where they stand (int64); or the smallest, the smallest first.</summary>
    public static (Value Values, Value Indices) TopK(Value a, long k, int axis, bool largest = true)
    {
        var shape = a.Shape.With(axis, k);
        if (a.Shape[axis].Size is { } n && k > n) throw a.Graph.Error($"TopK({a}, {k}): there are only {n}");
        var both = a.Graph.Nodes("TopK", [a, a.Graph.Constant(k)], [(a.Type, shape), (ElementType.Int64, shape)], largest ? [Attributes.Of("axis", axis)] : [Attributes.Of("axis", axis), Attributes.Of("largest", 0)]);
        return (both[0], both[1]);
    }

    /// <summary>The places of the elements of a vector that are not zero, int64 [count].</summary>
    /// <param name="a">The vector.</param>
    /// <param name="count">Name of the dimension of the result: how many there are is known only when the graph runs.</param>
    public static Value NonZero(Value a, Dim count)
    {
        if (a.Shape.Rank != 1) throw a.Graph.Error($"NonZero({a}): a vector is needed");
        return Squeeze(a.Graph.Node("NonZero", [a], ElementType.Int64, new Shape(1, count)), 0);
    }

    /// <summary>A copy of <paramref name="a"/> with elements replaced: along the axis, at the place that each index tells. Indices and updates have one shape.</summary>
    public static Value ScatterElements(Value a, Value indices, Value updates, int axis)
    {
        if (indices.Shape != updates.Shape || updates.Type != a.Type || indices.Shape.Rank != a.Shape.Rank) throw a.Graph.Error($"ScatterElements({a}, {indices}, {updates}): the operands don't fit");
        return a.Graph.Node("ScatterElements", [a, indices, updates], a.Type, a.Shape, [Attributes.Of("axis", axis)]);
    }

    /// <summary>A copy of <paramref name="a"/> with rows added to it: row i of <paramref name="updates"/> to the row that <paramref name="rows"/>[i] tells. Rows may be named more than once.</summary>
    public static Value AddRows(Value a, Value rows, Value updates)
    {
        if (rows.Shape.Rank != 1 || updates.Type != a.Type || rows.Shape[0] != updates.Shape[0]) throw a.Graph.Error($"AddRows({a}, {rows}, {updates}): the operands don't fit");
        return a.Graph.Node("ScatterND", [a, Unsqueeze(rows, 1), updates], a.Type, a.Shape, [Attributes.Of("reduction", "add")]);
    }

    /// <summary>Zeros of a shape that the graph computes.</summary>
    public static Value Zeros(Value shape, ElementType type, Shape result) => Expand(shape.Graph.Scalar(0, type), shape, result);
}
