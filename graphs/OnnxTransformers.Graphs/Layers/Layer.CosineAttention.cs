using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Layers;

/// <remarks>Attention by the angle of queries and keys, whose bias is computed from distances (Liu et al., 2022).</remarks>
internal static partial class Layer
{
    /// <summary>Attention inside of windows by angle: self.{query,key,value,logit_scale,continuous_position_bias_mlp}, output.dense. [B, W, n, D] -> [B, W, n, D].</summary>
    /// <param name="m">The module.</param>
    /// <param name="x">Windows.</param>
    /// <param name="heads">H.</param>
    /// <param name="window">Rows and columns of a window.</param>
    /// <param name="pretrained">Rows and columns of windows when biases were learned; 0 where they were the same.</param>
    /// <param name="bias">Whether queries and values have biases.</param>
    /// <param name="mask">Added to the scores of each window: [W, 1, n, n]; null for none.</param>
    internal static Value CosineAttention(Module m, Value x, int heads, int window, int pretrained, bool bias, Value? mask)
    {
        var (self, width) = (m["self"], LastSize(x));
        Value q = Linear(self["query"], x, width, bias), k = Linear(self["key"], x, width, bias: false), v = Linear(self["value"], x, width, bias);
        var distances = ContinuousWindowBias(self, heads, window, pretrained);
        Value scale;
        using (self.Enter()) scale = Op.Exp(Op.Min(self.Weight("logit_scale", heads, 1, 1), self.Graph.Scalar(Math.Log(100), self.Graph.Options.ComputeType)));
        return Linear(m["output.dense"], AttendInWindows(self, q, k, v, heads, distances, mask, scale), width);
    }

    /// <summary>A bias for each distance of two cells of a window, from a small network of the distances' logarithms. -> [1, H, n, n].</summary>
    private static Value ContinuousWindowBias(Module m, int heads, int window, int pretrained)
    {
        var (g, mlp, side) = (m.Graph, m["continuous_position_bias_mlp"], 2 * window - 1);
        double span = pretrained > 0 ? pretrained - 1 : Math.Max(window - 1, 1);
        double Coordinate(int at)
        {
            var part = (at - (window - 1)) / span * 8;
            return Math.Sign(part) * Math.Log2(Math.Abs(part) + 1) / 3;
        }
        var table = Numbers(g, g.Options.ComputeType, [(long)side * side, 2], Enumerable.Range(0, side * side).SelectMany(i => (double[])[Coordinate(i / side), Coordinate(i % side)]));
        var numbers = Linear(mlp["2"], Linear(mlp["0"], table, 512, Rectifier), heads, bias: false);                    // [(2s-1)^2, H]
        return Op.Sigmoid(WindowBias(m, numbers, window)) * 16;
    }
}
