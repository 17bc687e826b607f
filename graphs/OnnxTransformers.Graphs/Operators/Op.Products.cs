namespace OnnxTransformers.Graphs.Operators;

public static partial class Op
{
    /// <summary>Matrix product over the last two axes, the others broadcast.</summary>
    public static Value MatMul(Value a, Value b)
    {
        var g = a.Graph;
        if (a.Type != b.Type || a.Shape.Rank < 2 || b.Shape.Rank < 2 || a.Shape[-1] != b.Shape[-2]) throw g.Error($"MatMul({a}, {b}): types or inner dimensions differ");
        var outer = Shape.Broadcast(new Shape(a.Shape.Dims.AsSpan()[..^2]), new Shape(b.Shape.Dims.AsSpan()[..^2])) ?? throw g.Error($"MatMul({a}, {b}): the outer dimensions don't fit");
        return g.Node("MatMul", [a, b], a.Type, new Shape([.. outer.Dims, a.Shape[-2], b.Shape[-1]]));
    }

    /// <summary>a [M, K] times b [K, N], or b [N, K] where it is to be transposed, plus c.</summary>
    public static Value Gemm(Value a, Value b, Value? c = null, bool transposeB = false)
    {
        var g = a.Graph;
        var (inner, outer) = transposeB ? (b.Shape[1], b.Shape[0]) : (b.Shape[0], b.Shape[1]);
        if (a.Type != b.Type || a.Shape.Rank != 2 || b.Shape.Rank != 2 || a.Shape[1] != inner) throw g.Error($"Gemm({a}, {b}): types or inner dimensions differ");
        return g.Node("Gemm", [a, b, c], a.Type, new Shape(a.Shape[0], outer), [Attributes.Of("transB", transposeB ? 1 : 0)]);
    }

    /// <summary>Normalization over the last axis to mean 0 and variance 1, then scale and shift. Sums are float32 whatever the type.</summary>
    public static Value LayerNormalization(Value a, Value scale, Value? bias, float epsilon)
    {
        if (scale.Shape.Rank != 1 || scale.Shape[0] != a.Shape[-1]) throw a.Graph.Error($"LayerNormalization({a}, {scale}): the scale doesn't fit");
        return a.Graph.Node("LayerNormalization", [a, scale, bias], a.Type, a.Shape, [Attributes.Of("axis", -1), Attributes.Of("epsilon", epsilon)]);
    }
}
