using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Layers;

internal static partial class Layer
{
    /// <summary>Queries, keys and values that lie by head, (q, k, v) each. [B, S, H * 3 * d] -> three times [B, H, S, d].</summary>
    internal static (Value Q, Value K, Value V) SplitByHead(Value fused, int heads)
    {
        var apart = Op.Reshape(fused, [0, 0, heads, 3, LastSize(fused) / (3 * heads)]);                         // [B, S, H, 3, d]
        Value Part(int i) => Op.Transpose(Op.Select(apart, 3, i), [0, 2, 1, 3]);
        return (Part(0), Part(1), Part(2));
    }

    /// <summary>Queries, keys and values that lie by key head: its queries, then the key, then the value. [B, S, K * (G + 2) * d] -> [B, H, S, d] and twice [B, K, S, d].</summary>
    internal static (Value Q, Value K, Value V) SplitByGroup(Value fused, int heads, int kvHeads)
    {
        long group = heads / kvHeads, d = LastSize(fused) / (kvHeads * (group + 2));
        var apart = Op.Reshape(fused, [0, 0, kvHeads, group + 2, d]);                                           // [B, S, K, G + 2, d]
        var q = Op.Reshape(Op.Slice(apart, 3, 0, group), [0, 0, heads, d]);
        Value Part(long i) => Op.Transpose(Op.Select(apart, 3, i), [0, 2, 1, 3]);
        return (Op.Transpose(q, [0, 2, 1, 3]), Part(group), Part(group + 1));
    }

    /// <summary>Each head several times, one after the other. [B, K, S, d] -> [B, K * times, S, d].</summary>
    internal static Value RepeatHeads(Value x, int times)
    {
        if (times == 1) return x;
        var (one, heads) = (Op.Unsqueeze(x, 2), x.Shape[1].Size!.Value);
        var many = Op.Expand(one, x.Graph.Constant(1, 1, times, 1, 1), one.Shape.With(2, times));
        return Op.Reshape(many, [0, heads * times, -1, LastSize(x)], remaining: x.Shape[2]);
    }
}
