using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Onnx;
using OnnxTransformers.Graphs.Weights;

namespace OnnxTransformers.Graphs.Operators;

/// <summary>Matrices of experts in blocks of integers, packed.</summary>
/// <param name="Values">uint8 [E, rows, columns * bits / 8].</param>
/// <param name="Scales">[E, rows, columns / 32].</param>
/// <param name="ZeroPoints">uint8 [E, rows, bytes]; null where the middle of the integers is zero.</param>
/// <param name="Bias">[E, rows], or null.</param>
internal sealed record QuantizedMatrices(Value Values, Value Scales, Value? ZeroPoints, Value? Bias);

/// <summary>ONNX Runtime's own operators (domain com.microsoft, version 1), for the targets cpu and cuda. Reference: docs/ContribOperators.md of ONNX Runtime.</summary>
internal static class Contrib
{
    /// <summary>Multi-head attention. query, key, value: [B, S, H*d], [B, T, H*d], [B, T, H*dv]; the result is [B, S, H*dv].</summary>
    /// <param name="query">Projected queries, heads side by side.</param>
    /// <param name="key">Projected keys.</param>
    /// <param name="value">Projected values.</param>
    /// <param name="heads">Number of heads.</param>
    /// <param name="keyPaddingMask">[B, T] int32, 1 where a key is real.</param>
    /// <param name="bias">Added to the scaled scores: [B or 1, H or 1, S, T].</param>
    /// <param name="scale">What scores are multiplied by.</param>
    internal static Value MultiHeadAttention(Value query, Value key, Value value, int heads, Value? keyPaddingMask, Value? bias, float scale) =>
        query.Graph.Node("MultiHeadAttention", [query, key, value, null, keyPaddingMask, bias], query.Type, query.Shape.With(-1, value.Shape[-1]),
            [Attributes.Of("num_heads", heads), Attributes.Of("scale", scale), Attributes.Of("mask_filter_value", (float)Scalars.Lowest(query.Type))], contrib: true);

    /// <summary>Layer normalization of input + skip. Shapes [B, S, D]; scale and bias [D].</summary>
    internal static Value SkipLayerNormalization(Value input, Value skip, Value scale, Value? bias, float epsilon)
    {
        if (input.Shape != skip.Shape) throw input.Graph.Error($"SkipLayerNormalization({input}, {skip}): the shapes differ");
        return input.Graph.Node("SkipLayerNormalization", [input, skip, scale, bias], input.Type, input.Shape, [Attributes.Of("epsilon", epsilon)], contrib: true);
    }

    /// <summary>Layer normalization by the root of the mean square of input + skip, and the sum itself. Shapes [B, S, D]; scale [D].</summary>
    internal static (Value Normed, Value Sum) SkipSimplifiedLayerNormalization(Value input, Value skip, Value scale, float epsilon)
    {
        if (input.Shape != skip.Shape) throw input.Graph.Error($"SkipSimplifiedLayerNormalization({input}, {skip}): the shapes differ");
        var results = input.Graph.Nodes("SkipSimplifiedLayerNormalization", [input, skip, scale], [(input.Type, input.Shape), default, default, (input.Type, input.Shape)], [Attributes.Of("epsilon", epsilon)], contrib: true);
        return (results[0], results[3]);
    }

    /// <summary>x W^T for a matrix [N, K]. [..., K] -> [..., N].</summary>
    internal static Value FusedMatMul(Value x, Value weight)
    {
        if (x.Type != weight.Type || weight.Shape.Rank != 2 || x.Shape[-1] != weight.Shape[1]) throw x.Graph.Error($"FusedMatMul({x}, {weight}): the operands don't fit");
        return x.Graph.Node("FusedMatMul", [x, weight], x.Type, x.Shape.With(-1, weight.Shape[0]), [Attributes.Of("transB", 1)], contrib: true);
    }

    /// <summary>x W^T + b for a matrix [N, K] in blocks of integers. [..., K] -> [..., N].</summary>
    /// <param name="x">[..., K].</param>
    /// <param name="values">The integers, packed: uint8 [N, K / 32, 32 * bits / 8].</param>
    /// <param name="scales">[N, K / 32].</param>
    /// <param name="zeroPoints">Packed: uint8 [N, bytes]; null where the middle of the integers is zero.</param>
    /// <param name="bias">[N], or null.</param>
    /// <param name="bits">4 or 8.</param>
    /// <param name="accuracy">What x may be rounded to: 0 for nothing, 4 for 8-bit integers in blocks.</param>
    internal static Value MatMulNBits(Value x, Value values, Value scales, Value? zeroPoints, Value? bias, int bits, int accuracy)
    {
        var (rows, columns) = (values.Shape[0].Size!.Value, values.Shape[1].Size!.Value * BlockFormat.Size);
        if (x.Shape[-1] != columns || scales.Type != x.Type) throw x.Graph.Error($"MatMulNBits({x}, {values}, {scales}): the operands don't fit");
        return x.Graph.Node("MatMulNBits", [x, values, scales, zeroPoints, null, bias], x.Type, x.Shape.With(-1, rows),
            [Attributes.Of("K", columns), Attributes.Of("N", rows), Attributes.Of("bits", bits), Attributes.Of("block_size", BlockFormat.Size), Attributes.Of("accuracy_level", accuracy)], contrib: true);
    }

    /// <summary>Gated experts in blocks of integers: for each token those of the k largest shares, their results weighted by these. x [N, D] -> [N, D]. For the CPU: CUDA's kernel doesn't read the weights, and weighs by a softmax of its own.</summary>
    /// <param name="x">[N, D].</param>
    /// <param name="shares">[N, E]; what is not positive is left out.</param>
    /// <param name="input">Matrices of gate and up, rows in turn: [E, 2 * width, D].</param>
    /// <param name="output">[E, D, width].</param>
    /// <param name="k">Experts of a token.</param>
    /// <param name="bits">4 or 8.</param>
    /// <param name="gating">How gates count.</param>
    /// <param name="accuracy">What x may be rounded to: 0 for nothing, 4 for 8-bit integers in blocks.</param>
    internal static Value QMoE(Value x, Value shares, QuantizedMatrices input, QuantizedMatrices output, int k, int bits, Gating gating, int accuracy)
    {
        if (x.Shape.Rank != 2 || x.Shape[1].Size * bits / 8 != input.Values.Shape[2].Size || x.Shape[1] != output.Values.Shape[1] || input.Scales.Type != x.Type || shares.Type != x.Type)
            throw x.Graph.Error($"QMoE({x}, {shares}, {input.Values}, {output.Values}, {input.Scales}): the operands don't fit");
        ReadOnlySpan<AttributeProto> attributes = [Attributes.Of("k", k), Attributes.Of("activation_type", "swiglu"), Attributes.Of("swiglu_fusion", 1), Attributes.Of("activation_alpha", (float)gating.Alpha),
            Attributes.Of("activation_beta", (float)gating.Beta), Attributes.Of("normalize_routing_weights", 0), Attributes.Of("expert_weight_bits", bits), Attributes.Of("block_size", BlockFormat.Size),
            Attributes.Of("accuracy_level", accuracy), Attributes.Of("swiglu_limit", (float)gating.Limit)];
        return x.Graph.Node("QMoE", [x, shares, input.Values, input.Scales, input.Bias, output.Values, output.Scales, output.Bias, null, null, null, input.ZeroPoints, output.ZeroPoints, null, shares], x.Type, x.Shape,
            double.IsFinite(gating.Limit) ? attributes : attributes[..^1], contrib: true);
    }

    /// <summary>a * sigmoid(alpha * a).</summary>
    internal static Value QuickGelu(Value a, float alpha) => a.Graph.Node("QuickGelu", [a], a.Type, a.Shape, [Attributes.Of("alpha", alpha)], contrib: true);

    /// <summary>Division by the root of the mean square over the last axis, then scale; squares and sums are float32. ONNX Runtime has it in ONNX's own domain.</summary>
    internal static Value SimplifiedLayerNormalization(Value a, Value scale, float epsilon)
    {
        if (!a.Graph.Options.Fused) throw a.Graph.Error("SimplifiedLayerNormalization is an operator of ONNX Runtime");
        if (scale.Shape.Rank != 1 || scale.Shape[0] != a.Shape[-1]) throw a.Graph.Error($"SimplifiedLayerNormalization({a}, {scale}): the scale doesn't fit");
        return a.Graph.Node("SimplifiedLayerNormalization", [a, scale], a.Type, a.Shape, [Attributes.Of("axis", -1), Attributes.Of("epsilon", epsilon), Attributes.Of("stash_type", 1)]);
    }

    /// <summary>Rotary positions. Heads [B, H, S, d], or side by side [B, S, H*d]; places [B, S] int64 are rows of the tables of cosines and sines [rows, r/2], of which the first r components of a head are turned.</summary>
    internal static Value RotaryEmbedding(Value heads, Value places, Value cos, Value sin, int size, bool interleaved, long? merged = null)
    {
        var (count, headSize) = merged is { } h ? (h, heads.Shape[2].Size / h) : (heads.Shape[1].Size!.Value, heads.Shape[3].Size);
        var partial = size != headSize;
        return heads.Graph.Node("RotaryEmbedding", [heads, places, cos, sin], heads.Type, heads.Shape,
            [Attributes.Of("interleaved", interleaved ? 1 : 0), Attributes.Of("num_heads", partial ? count : 0), Attributes.Of("rotary_embedding_dim", partial ? size : 0)], contrib: true);
    }

    /// <summary>Causal attention of grouped heads with a cache. query [B, S, H*d], key and value [B, S, K*d], the past [B, K, past, d]; gives the context [B, S, H*d] and the present [B, K, T, d].
    /// Where past and present are one buffer it is longer than the text, and only what is new is written.</summary>
    /// <param name="query">Queries, turned by their positions.</param>
    /// <param name="key">New keys, turned.</param>
    /// <param name="value">New values.</param>
    /// <param name="pastKey">Keys of the past.</param>
    /// <param name="pastValue">Values of the past.</param>
    /// <param name="lastPlaces">[B] int32, place of each row's last new token in the cache.</param>
    /// <param name="total">[1] int32, T.</param>
    /// <param name="bias">Added to the scaled scores: [B or 1, H or 1, S, T]; or null.</param>
    /// <param name="sinks">[H], a score more in the softmax; or null.</param>
    /// <param name="heads">H.</param>
    /// <param name="kvHeads">K.</param>
    /// <param name="scale">What scores are multiplied by.</param>
    /// <param name="softCap">0 for none.</param>
    /// <param name="window">Keys that a query sees at most, its own among them; 0 for all.</param>
    internal static (Value Context, Value PresentKey, Value PresentValue) GroupQueryAttention(Value query, Value key, Value value, Value pastKey, Value pastValue, Value lastPlaces, Value total, Value? bias, Value? sinks,
        int heads, int kvHeads, double scale, double softCap, int window = 0)
    {
        var size = query.Shape[-1].Size / heads;
        if (key.Shape[-1].Size != kvHeads * size || value.Shape[-1].Size != kvHeads * size || pastKey.Shape[-1].Size != size) throw query.Graph.Error($"GroupQueryAttention({query}, {key}, {value}): the operands don't fit");
        var present = pastKey.Shape.With(2, pastKey.Shape[2] + query.Shape[1]);
        ReadOnlySpan<AttributeProto> attributes = [Attributes.Of("num_heads", heads), Attributes.Of("kv_num_heads", kvHeads), Attributes.Of("scale", (float)scale), Attributes.Of("softcap", (float)softCap), Attributes.Of("local_window_size", window)];
        var all = query.Graph.Nodes("GroupQueryAttention", [query, key, value, pastKey, pastValue, lastPlaces, total, null, null, null, bias, sinks],
            [(query.Type, query.Shape), (key.Type, present), (value.Type, present)],
            window > 0 ? attributes : attributes[..^1], contrib: true);
        return (all[0], all[1], all[2]);
    }
}
