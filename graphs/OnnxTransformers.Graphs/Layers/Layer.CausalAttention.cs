using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Layers;

/// <summary>How a layer's queries attend.</summary>
/// <param name="Scale">What scores are multiplied by.</param>
internal sealed record CausalAttention(double Scale)
{
    /// <summary>Keys that a query sees at most, itself included; 0 for all before it.</summary>
    internal int Window { get; init; }

    /// <summary>True where later keys are seen as well.</summary>
    internal bool BothWays { get; init; }

    /// <summary>Scores are limited to cap * tanh(score / cap); 0 for no limit.</summary>
    internal double SoftCap { get; init; }

    /// <summary>Added to the scaled scores, the same for all queries: [B or 1, H, 1, T].</summary>
    internal Value? Bias { get; init; }

    /// <summary>A score of each head [H] that takes its share of the softmax and gives nothing (Xiao et al., 2023; gpt-oss).</summary>
    internal Value? Sinks { get; init; }
}

internal static partial class Layer
{
    /// <summary>Grouped-query attention with a cache (Ainslie et al., 2023): each of K key heads serves G = H/K query heads. q [B, H, S, d], k [B, K, S, d], v [B, K, S, dv] -> [B, S, H*dv].</summary>
    internal static Value AttendCausal(Module m, CausalInputs x, int layer, Value q, Value k, Value v, CausalAttention a)
    {
        if (TakesMerged(x, k.Type, LastSize(k), LastSize(v), a))
            return AttendMerged(m, x, layer, MergeHeads(q), MergeHeads(k), MergeHeads(v), (int)q.Shape[1].Size!.Value, (int)k.Shape[1].Size!.Value, a);
        (k, v) = Remember(m, x, layer, k, v);
        return AttendTo(m, x, q, k, v, a);
    }

    /// <summary>Keys and values behind those of the past, where there is one. [B, K, S, d] -> [B, K, T, d].</summary>
    internal static (Value K, Value V) Remember(Module m, CausalInputs x, int layer, Value k, Value v)
    {
        using var scope = m.Enter();
        return x.Cache is { } cache ? cache.Append(layer, k, v) : (k, v);
    }

    /// <summary>Attention to all keys, those of the past included. q [B, H, S, d], k [B, K, T, d], v [B, K, T, dv] -> [B, S, H*dv].</summary>
    internal static Value AttendTo(Module m, CausalInputs x, Value q, Value k, Value v, CausalAttention a)
    {
        using var scope = m.Enter();
        long heads = q.Shape[1].Size!.Value, kvHeads = k.Shape[1].Size!.Value;
        if (heads % kvHeads != 0) throw m.Graph.Error($"{heads} query heads don't divide by {kvHeads} key heads");
        return m.Result(AttendMasked(x, q, k, v, a, () => x.AdditiveMask(a.Window, a.BothWays)));
    }

    /// <summary>Attention with a mask [B, 1, S, T] that is added to the scores, made when it is needed. -> [B, S, H*dv].</summary>
    private static Value AttendMasked(CausalInputs x, Value q, Value k, Value v, CausalAttention a, Func<Value> mask) =>
        MergeHeads(q.Shape[1] == k.Shape[1] ? Attend(q, k, v, a, mask) : AttendGrouped(x, q, k, v, a, mask));

    private static Value Attend(Value q, Value k, Value v, CausalAttention a, Func<Value> mask)
    {
        var scores = Scores(q, k, a);                                                                           // [B, H, S, T]
        if (a.Bias is not null) scores += a.Bias;
        var sinks = a.Sinks is null ? null : Op.Reshape(a.Sinks, [1, q.Shape[1].Size!.Value, 1, 1]);
        return Op.MatMul(Weights(scores + mask(), sinks), v);
    }

    /// <summary>The queries of a group are rows of one product with the group's keys, so that keys and values are never repeated.</summary>
    private static Value AttendGrouped(CausalInputs x, Value q, Value k, Value v, CausalAttention a, Func<Value> mask)
    {
        var g = q.Graph;
        long heads = q.Shape[1].Size!.Value, kvHeads = k.Shape[1].Size!.Value, group = heads / kvHeads, d = q.Shape[3].Size!.Value;
        Dim s = q.Shape[2], rows = (Dim)group * s;
        var batch = q.Shape[0];
        var apart = x.Shared($"groups of {group}", () => Op.Concat(0, g.Constant(0, 0, group), x.Length, g.Constant(-1)));
        var together = x.Shared("rows of groups", () => Op.Concat(0, g.Constant(0, 0, -1), x.Total));

        var scores = Scores(Op.Reshape(q, [0, kvHeads, -1, d], remaining: rows), k, a);                         // [B, K, G*S, T]
        scores = Op.Reshape(scores, apart, new Shape(batch, kvHeads, group, s, k.Shape[2]));                    // [B, K, G, S, T]
        if (a.Bias is { } bias) scores += Op.Reshape(bias, [0, kvHeads, group, 1, -1], remaining: bias.Shape[3]);
        var sinks = a.Sinks is null ? null : Op.Reshape(a.Sinks, [1, kvHeads, group, 1, 1]);
        var weights = Weights(scores + Op.Unsqueeze(mask(), 1), sinks);
        var context = Op.MatMul(Op.Reshape(weights, together, new Shape(batch, kvHeads, rows, k.Shape[2])), v); // [B, K, G*S, dv]
        return Op.Reshape(context, [0, heads, -1, v.Shape[3].Size!.Value], remaining: s);
    }

    private static Value Scores(Value q, Value k, CausalAttention a)
    {
        var scores = Op.MatMul(a.Scale == 1 ? q : q * a.Scale, Op.Transpose(k, [0, 1, 3, 2]));
        return a.SoftCap > 0 ? SoftCap(scores, a.SoftCap) : scores;
    }

    /// <summary>Softmax over keys, and over one sink more where there is one.</summary>
    private static Value Weights(Value scores, Value? sinks)
    {
        if (sinks is null) return Op.Softmax(scores, -1);
        var largest = Op.Max(Op.ReduceMax(scores, -1, keep: true), sinks);
        var shares = Op.Exp(scores - largest);
        return shares / (Op.ReduceSum(shares, -1, keep: true) + Op.Exp(sinks - largest));
    }

    /// <summary>cap * tanh(x / cap).</summary>
    internal static Value SoftCap(Value x, double cap) => Op.Tanh(x / cap) * cap;
}
