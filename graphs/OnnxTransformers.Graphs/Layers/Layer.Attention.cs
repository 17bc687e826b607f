using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Layers;

internal static partial class Layer
{
    /// <summary>Multi-head attention without a cache, every query seeing every real key (Vaswani et al., 2017). q, k, v: [B, S, H*d] -> [B, S, H*d].</summary>
    /// <param name="m">The module, for names.</param>
    /// <param name="q">Projected queries, heads side by side.</param>
    /// <param name="k">Projected keys.</param>
    /// <param name="v">Projected values.</param>
    /// <param name="heads">H.</param>
    /// <param name="mask">Which keys are real; null where all are.</param>
    /// <param name="bias">Added to the scaled scores: [B or 1, H, S, T].</param>
    internal static Value Attend(Module m, Value q, Value k, Value v, int heads, AttentionMask? mask, Value? bias = null)
    {
        using var scope = m.Enter();
        var d = HeadSize(q, heads);
        var scale = 1 / Math.Sqrt(d);
        if (q.Graph.Options.Fused) return m.Result(Contrib.MultiHeadAttention(q, k, v, heads, mask?.KeyPadding, bias, (float)scale));

        Value query = SplitHeads(q, heads), key = SplitHeads(k, heads), value = SplitHeads(v, heads);    // [B, H, S, d]
        var scores = Op.MatMul(query, Op.Transpose(key, [0, 1, 3, 2])) * scale;                          // [B, H, S, T]
        if (bias is not null) scores += bias;
        if (mask is not null) scores += mask.Additive;
        var weights = Op.Softmax(scores, -1);
        return m.Result(MergeHeads(Op.MatMul(weights, value)));
    }

    /// <summary>[B, S, H*d] -> [B, H, S, d].</summary>
    internal static Value SplitHeads(Value x, int heads) => Op.Transpose(Op.Reshape(x, [0, 0, heads, HeadSize(x, heads)]), [0, 2, 1, 3]);

    /// <summary>[B, H, S, d] -> [B, S, H*d].</summary>
    internal static Value MergeHeads(Value x)
    {
        var width = x.Shape[1].Size * x.Shape[3].Size ?? throw x.Graph.Error($"MergeHeads({x}): heads and head size must be known");
        return Op.Reshape(Op.Transpose(x, [0, 2, 1, 3]), [0, 0, width]);
    }

    private static long HeadSize(Value x, int heads) =>
        x.Shape[-1].Size is { } width && width % heads == 0 ? width / heads : throw x.Graph.Error($"{x} doesn't divide into {heads} heads");
}
