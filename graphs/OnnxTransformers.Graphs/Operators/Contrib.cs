namespace OnnxTransformers.Graphs.Operators;

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

    /// <summary>a * sigmoid(alpha * a).</summary>
    internal static Value QuickGelu(Value a, float alpha) => a.Graph.Node("QuickGelu", [a], a.Type, a.Shape, [Attributes.Of("alpha", alpha)], contrib: true);
}
