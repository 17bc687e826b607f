namespace OnnxTransformers.Graphs.Operators;

public static partial class Op
{
    /// <summary>Sum along an axis.</summary>
    public static Value ReduceSum(Value a, int axis, bool keep) => Reduce("ReduceSum", a, axis, keep);

    /// <summary>Product along an axis.</summary>
    public static Value ReduceProd(Value a, int axis, bool keep) => Reduce("ReduceProd", a, axis, keep);

    /// <summary>Mean along an axis.</summary>
    public static Value ReduceMean(Value a, int axis, bool keep) => Reduce("ReduceMean", a, axis, keep);

    /// <summary>Largest along an axis.</summary>
    public static Value ReduceMax(Value a, int axis, bool keep) => Reduce("ReduceMax", a, axis, keep);

    /// <summary>Smallest along an axis.</summary>
    public static Value ReduceMin(Value a, int axis, bool keep) => Reduce("ReduceMin", a, axis, keep);

    /// <summary>Square root of the sum of squares along an axis.</summary>
    public static Value ReduceL2(Value a, int axis, bool keep) => Reduce("ReduceL2", a, axis, keep);

    /// <summary>The place of the first largest along an axis, as int64.</summary>
    public static Value ArgMax(Value a, int axis, bool keep) =>
        a.Graph.Node("ArgMax", [a], ElementType.Int64, Reduced(a.Shape, axis, keep), [Attributes.Of("axis", axis), Attributes.Of("keepdims", keep ? 1 : 0)]);

    /// <summary>e^a divided by its sum along an axis.</summary>
    public static Value Softmax(Value a, int axis) => a.Graph.Node("Softmax", [a], a.Type, a.Shape, [Attributes.Of("axis", axis)]);

    private static Value Reduce(string op, Value a, int axis, bool keep) =>
        a.Graph.Node(op, [a, a.Graph.Constant(axis)], a.Type, Reduced(a.Shape, axis, keep), [Attributes.Of("keepdims", keep ? 1 : 0)]);

    private static Shape Reduced(Shape shape, int axis, bool keep) => keep ? shape.With(axis, 1) : new Shape(shape.Dims.RemoveAt(axis < 0 ? axis + shape.Rank : axis).AsSpan());
}
