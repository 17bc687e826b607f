using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Layers;

internal static partial class Layer
{
    /// <summary>Whether ONNX Runtime's GroupQueryAttention does a layer's attention: it writes keys and values into the past's own buffer where past and present are one, and copies them where they are not.</summary>
    /// <remarks>CUDA's kernels for a mask are its slowest, so CUDA gets rows without one: <see cref="AttendPacked"/>.</remarks>
    /// <param name="x">The inputs.</param>
    /// <param name="type">Of queries, keys and values.</param>
    /// <param name="keySize">d of keys.</param>
    /// <param name="valueSize">d of values.</param>
    /// <param name="a">How queries attend.</param>
    private static bool TakesGroupQuery(CausalInputs x, ElementType type, long keySize, long valueSize, CausalAttention a) =>
        x.Cache is not null && x.Mask.Graph.Options.Target == Target.Cpu && type == ElementType.Float && keySize == valueSize && keySize % 8 == 0 && a.Bias is null && !a.BothWays;

    /// <summary>Whether an operator does a layer's attention that takes heads side by side.</summary>
    private static bool TakesMerged(CausalInputs x, ElementType type, long keySize, long valueSize, CausalAttention a) =>
        TakesGroupQuery(x, type, keySize, valueSize, a) || TakesPackedRows(x, type, keySize, valueSize, a);

    /// <summary>Attention with a cache by the target's operator. q [B, S, H*d], k and v [B, S, K*d] -> [B, S, H*d].</summary>
    private static Value AttendMerged(Module m, CausalInputs x, int layer, Value q, Value k, Value v, int heads, int kvHeads, CausalAttention a) =>
        q.Graph.Options.Target == Target.Cpu ? AttendFused(m, x, layer, q, k, v, heads, kvHeads, a) : AttendPacked(m, x, layer, q, k, v, heads, kvHeads, a);

    /// <summary>Attention with a cache by one operator. Padding, windows and causality are in the mask that is added to the scores. q [B, S, H*d], k and v [B, S, K*d] -> [B, S, H*d].</summary>
    /// <remarks>The operator refuses several new tokens of several rows behind a past; these go the long way. Where the cache is longer than the text, what is behind it stays.</remarks>
    private static Value AttendFused(Module m, CausalInputs x, int layer, Value q, Value k, Value v, int heads, int kvHeads, CausalAttention a)
    {
        using var scope = m.Enter();
        var g = q.Graph;
        var (pastKey, pastValue) = x.Cache!.Past(layer);
        var results = g.If(x.ContinuesSeveral, () =>
        {
            var (keys, values) = (Behind(x, pastKey, SplitHeads(k, kvHeads)), Behind(x, pastValue, SplitHeads(v, kvHeads)));
            var context = AttendMasked(x, SplitHeads(q, heads), keys, values, a, () => x.AdditiveMask(a.Window));
            return new[] { context, Rest(x, keys, pastKey), Rest(x, values, pastValue) };
        }, () =>
        {
            var (context, key, value) = Contrib.GroupQueryAttention(q, k, v, pastKey, pastValue, x.LastPlaces, x.TotalNumber, x.AdditiveMask(a.Window), a.Sinks, heads, kvHeads, a.Scale, a.SoftCap);
            return new[] { context, key, value };
        });
        x.Cache.Keep(layer, results[1], results[2]);
        return m.Result(results[0]);
    }

    /// <summary>New keys or values behind those of the past. [B, K, past, d] and [B, K, S, d] -> [B, K, T, d].</summary>
    private static Value Behind(CausalInputs x, Value past, Value present) =>
        Op.Concat(2, Op.Slice(past, 2, past.Graph.Constant(0), x.Before, "past_sequence_length"), present);

    /// <summary>All of a cache: what the past has room for behind the text stays as it is.</summary>
    private static Value Rest(CausalInputs x, Value all, Value past) => Op.Concat(2, all, Op.Slice(past, 2, x.Total, past.Graph.Constant(long.MaxValue), 0));
}
