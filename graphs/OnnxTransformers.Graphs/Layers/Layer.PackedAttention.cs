using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Layers;

internal static partial class Layer
{
    // What is larger runs on a kernel that counts windows from the longest row's end.
    private const int LargestPackedHead = 256;

    /// <summary>Whether CUDA's kernels of GroupQueryAttention do a layer's attention: they have half precision only.</summary>
    /// <param name="x">The inputs.</param>
    /// <param name="type">Of queries, keys and values.</param>
    /// <param name="keySize">d of keys.</param>
    /// <param name="valueSize">d of values.</param>
    /// <param name="a">How queries attend.</param>
    private static bool TakesPackedRows(CausalInputs x, ElementType type, long keySize, long valueSize, CausalAttention a) =>
        x.Cache is not null && x.Mask.Graph.Options.Target == Target.Cuda && type is ElementType.Float16 or ElementType.BFloat16 && keySize == valueSize && keySize % 8 == 0 && keySize <= LargestPackedHead && a.Bias is null && !a.BothWays;

    /// <summary>Attention with a cache by one operator without a mask: rows are packed, see <see cref="PackedRows"/>. q [B, S, H*d], k and v [B, S, K*d] -> [B, S, H*d].</summary>
    /// <remarks>The operator refuses several new tokens of several rows behind a past; these go the long way. A step has nothing to pack.</remarks>
    private static Value AttendPacked(Module m, CausalInputs x, int layer, Value q, Value k, Value v, int heads, int kvHeads, CausalAttention a)
    {
        using var scope = m.Enter();
        var g = q.Graph;
        var (pastKey, pastValue) = x.Cache!.Past(layer);
        var (lastPlaces, total, packed) = (x.Packed.LastPlaces, x.TotalNumber, x.Packed);
        (Value Context, Value Key, Value Value) Operator(Value query, Value key, Value value) =>
            Contrib.GroupQueryAttention(query, key, value, pastKey, pastValue, lastPlaces, total, null, a.Sinks, heads, kvHeads, a.Scale, a.SoftCap, a.Window);

        var results = g.If(x.ReadsSeveral, () => g.If(x.ContinuesSeveral, () =>
        {
            var (keys, values) = (Written(x, pastKey, SplitHeads(k, kvHeads)), Written(x, pastValue, SplitHeads(v, kvHeads)));
            return new[] { AttendMasked(x, SplitHeads(q, heads), Real(x, keys), Real(x, values), a, () => SeenPlaces(x, a.Window)), keys, values };
        }, () =>
        {
            var (context, key, value) = Operator(packed.Pack(q), packed.Pack(k), packed.Pack(v));
            return new[] { packed.Unpack(context), key, value };
        }).AsSpan(), () =>
        {
            var (context, key, value) = Operator(q, k, v);
            return new[] { context, key, value };
        });
        x.Cache.Keep(layer, results[1], results[2], packed: true);
        return m.Result(results[0]);
    }

    /// <summary>A cache with new keys or values at their places. [B, K, past, d] and [B, K, S, d] -> [B, K, T or more, d].</summary>
    private static Value Written(CausalInputs x, Value past, Value added)
    {
        var g = past.Graph;
        var room = Op.Max(x.Total, Op.ShapeOf(past, 2, 3));
        var places = Op.Expand(Op.Unsqueeze(x.Packed.Places, 1, 3), Op.ShapeOf(added, 0, 4), added.Shape);
        return Op.Slice(Op.ScatterElements(Op.Concat(2, past, added), places, added, 2), 2, g.Constant(0), room, past.Shape[2] + added.Shape[2]);
    }

    /// <summary>The text's part of a cache. What was never written behind the end of a shorter row may be no number, so it is zero here. -> [B, K, T, d].</summary>
    private static Value Real(CausalInputs x, Value cache)
    {
        var g = cache.Graph;
        var ends = Op.Unsqueeze(Op.Cast(x.Packed.LastPlaces, ElementType.Int64), 1, 2, 3);                      // [B, 1, 1, 1]
        var written = Op.LessOrEqual(Op.Unsqueeze(KeyPlaces(x), 1), ends);                                      // [B, 1, T, 1]
        return Op.Where(written, Op.Slice(cache, 2, g.Constant(0), x.Total, x.Mask.Shape[1]), g.Scalar(0, cache.Type));
    }

    /// <summary>What is added to the scores of packed rows: a key is seen from its own place on, with a window for so many places. [B, 1, S, T].</summary>
    private static Value SeenPlaces(CausalInputs x, int window)
    {
        var queries = Op.Unsqueeze(x.Packed.Places, 1, 3);                                                      // [B, 1, S, 1]
        var keys = KeyPlaces(x);
        var seen = Op.LessOrEqual(keys, queries);
        return x.Added(window > 0 ? Op.And(seen, Op.Greater(keys, queries - x.Mask.Graph.Scalar(window, ElementType.Int64))) : seen);
    }

    /// <summary>Places of a cache, int64 [T].</summary>
    private static Value KeyPlaces(CausalInputs x) => Op.Range(x.Mask.Graph.Scalar(0, ElementType.Int64), Op.Squeeze(x.Total, 0), x.Mask.Shape[1]);
}
