using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Layers;

/// <remarks>Maps cut into patches of a few cells: a cells of a patch, N patches.</remarks>
internal static partial class Layer
{
    /// <summary>Zeros around a map so that a window has as many places as strides fit, rounded up, the smaller half before (TensorFlow's "SAME"). [B, C, h, w] -> larger.</summary>
    internal static Value PadSame(Value x, int size, int stride)
    {
        var g = x.Graph;
        var hw = Op.ShapeOf(x, 2, 4);
        var total = Op.Max(((hw + (stride - 1)) / stride - 1) * stride + size - hw, g.Constant(0, 0));
        var before = total / 2;
        return Op.Pad(x, Op.Concat(0, g.Constant(0, 0), before, g.Constant(0, 0), total - before), x.Shape.With(2, $"{x.Shape[2]} padded").With(3, $"{x.Shape[3]} padded"));
    }

    /// <summary>The cells of each patch beside those of the others. [B, C, n*p, m*p] -> [B, C, p*p, n*m].</summary>
    internal static Value Patches(Value map, Value counts, int side)
    {
        var g = map.Graph;
        Dim n = Covered(map.Shape[2], side), m = Covered(map.Shape[3], side);
        var lead = Op.ShapeOf(map, 0, 2);
        Value p = g.Constant(side);
        var apart = Op.Reshape(map, Op.Concat(0, lead, Op.Slice(counts, 0, 0, 1), p, Op.Slice(counts, 0, 1, 2), p), new Shape(map.Shape[0], map.Shape[1], n, side, m, side));
        return Op.Reshape(Op.Transpose(apart, [0, 1, 3, 5, 2, 4]), [0, 0, side * side, -1], n * m);
    }

    /// <summary>Patches back in their places. [B, C, p*p, n*m] -> [B, C, n*p, m*p].</summary>
    internal static Value FromPatches(Value patches, Value counts, int side, Dim height, Dim width)
    {
        var g = patches.Graph;
        Dim n = Covered(height, side), m = Covered(width, side);
        Value lead = Op.ShapeOf(patches, 0, 2), p = g.Constant(side);
        var apart = Op.Reshape(patches, Op.Concat(0, lead, p, p, counts), new Shape(patches.Shape[0], patches.Shape[1], side, side, n, m));
        return Op.Reshape(Op.Transpose(apart, [0, 1, 4, 2, 5, 3]), Op.Concat(0, lead, counts * p), new Shape(patches.Shape[0], patches.Shape[1], height, width));
    }
}
