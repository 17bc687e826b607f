using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Layers;

internal static partial class Layer
{
    /// <summary>Division by the root of the mean square, then scale (Zhang and Sennrich, 2019). Squares and sums are float32. [..., D] -> [..., D].</summary>
    /// <param name="m">The module with the scale.</param>
    /// <param name="x">The value.</param>
    /// <param name="epsilon">Added to the mean square.</param>
    /// <param name="offset">Added to the stored scale: 1 where checkpoints store its difference to one.</param>
    internal static Value RmsNorm(Module m, Value x, double epsilon, double offset = 0)
    {
        using var scope = m.Enter();
        Value scale = m.Weight("weight", LastSize(x));
        if (offset != 0) scale += offset;
        return m.Result(x.Graph.Options.Fused ? Contrib.SimplifiedLayerNormalization(x, scale, (float)epsilon) : RootMeanSquare(x, epsilon) * scale);
    }

    /// <summary>A sum [B, S, D] and its RMS norm, where CUDA has both in one operator.</summary>
    internal static (Value Sum, Value Normed) AddRmsNorm(Module m, Value x, Value added, double epsilon)
    {
        if (x.Graph.Options.Target != Target.Cuda)
        {
            var sum = x + added;
            return (sum, RmsNorm(m, sum, epsilon));
        }
        using var scope = m.Enter();
        var (normed, total) = Contrib.SkipSimplifiedLayerNormalization(x, added, m.Weight("weight", LastSize(x)), (float)epsilon);
        return (total, m.Result(normed));
    }

    /// <summary>Division by the root of the mean square. [..., D] -> [..., D].</summary>
    internal static Value RootMeanSquare(Value x, double epsilon)
    {
        // A power, not a product: ONNX Runtime knows the pattern and computes it at once.
        var wide = Op.Cast(x, ElementType.Float);
        var squares = Op.Pow(wide, x.Graph.Scalar(2, ElementType.Float));
        return Op.Cast(wide / Op.Sqrt(Op.ReduceMean(squares, -1, keep: true) + epsilon), x.Type);
    }

    /// <summary>Layer normalization with a scale and no shift. [..., D] -> [..., D].</summary>
    /// <param name="m">The module with the scale.</param>
    /// <param name="x">The value.</param>
    /// <param name="epsilon">Added to the variance.</param>
    internal static Value ScaleNorm(Module m, Value x, float epsilon)
    {
        using var scope = m.Enter();
        return m.Result(Op.LayerNormalization(x, m.Weight("weight", LastSize(x)), null, epsilon));
    }

    /// <summary>Normalization to mean 0 and variance 1, without weights. [..., D] -> [..., D].</summary>
    internal static Value PlainNorm(Module m, Value x, float epsilon)
    {
        using var scope = m.Enter();
        var (g, width) = (x.Graph, LastSize(x));
        var ones = Enumerable.Range(0, (int)width).SelectMany(_ => Scalars.Bytes(1, x.Type)).ToArray();
        return m.Result(Op.LayerNormalization(x, g.Constant(x.Type, [width], ones), null, epsilon));
    }
}
