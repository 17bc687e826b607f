using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Layers;

/// <remarks>Parts of networks that find objects as a set of queries (Carion et al., 2020).</remarks>
internal static partial class Layer
{
    private static readonly Activation Rectifier = Activation.Named("relu");

    /// <summary>Linear layers "layers.0", "layers.1", ... with ReLU between them. [..., D] -> [..., result].</summary>
    /// <param name="m">Where the list "layers" is.</param>
    /// <param name="x">The value.</param>
    /// <param name="hidden">Width of all layers but the last.</param>
    /// <param name="result">Width of the last.</param>
    /// <param name="layers">How many there are.</param>
    internal static Value Perceptron(Module m, Value x, long hidden, long result, int layers) =>
        m["layers"].Fold(layers, x, (layer, i, h) => i < layers - 1 ? Linear(layer, h, hidden, Rectifier) : Linear(layer, h, result, role: MatrixRole.Head));

    /// <summary>The number whose sigmoid a part from 0 to 1 is; parts nearer than epsilon to either end count as so near.</summary>
    internal static Value InverseSigmoid(Value x, double epsilon = 1e-5)
    {
        var g = x.Graph;
        var part = Op.Clip(x, 0, 1);
        var low = g.Scalar(epsilon, x.Type);
        return Op.Log(Op.Max(part, low) / Op.Max(-part + 1, low));
    }

    /// <summary>Attention between two sets: q_proj, k_proj, v_proj, out_proj. -> [B, Q, D].</summary>
    /// <param name="m">The module.</param>
    /// <param name="queries">[B, Q, D], positions added.</param>
    /// <param name="keys">[B, N, D], positions added.</param>
    /// <param name="values">[B, N, D].</param>
    /// <param name="heads">H.</param>
    /// <param name="mask">Which keys are real; null where all are.</param>
    /// <param name="bias">Added to the scores [B or 1, H or 1, Q, N].</param>
    internal static Value AttendSets(Module m, Value queries, Value keys, Value values, int heads, AttentionMask? mask = null, Value? bias = null)
    {
        var width = LastSize(queries);
        return Linear(m["out_proj"], Attend(m, Linear(m["q_proj"], queries, width), Linear(m["k_proj"], keys, width), Linear(m["v_proj"], values, width), heads, mask, bias), width);
    }

    /// <summary>A mask for each query, by its product with the vector of each cell. [B, Q, C] and [B, C, h, w] -> [B, Q, h, w].</summary>
    internal static Value MasksOf(Value queries, Value map)
    {
        var size = GridSize.Of(map);
        var products = Op.MatMul(queries, Op.Reshape(map, [0, 0, -1], size.Cells));                                      // [B, Q, h*w]
        return Op.Reshape(products, Op.Concat(0, map.Graph.Constant(0, 0), size.Vector), new Shape(products.Shape[0], products.Shape[1], size.Height, size.Width));
    }
}
