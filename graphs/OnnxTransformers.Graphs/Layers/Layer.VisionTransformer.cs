namespace OnnxTransformers.Graphs.Layers;

/// <summary>The sizes of the vision transformer's block, which many encoders share under the same checkpoint names.</summary>
internal sealed record VisionBlock(int HiddenSize, int Heads, int IntermediateSize, Activation Activation, float Epsilon, bool QkvBias);

internal static partial class Layer
{
    /// <summary>A block with normalization in front: layernorm_before, attention.attention.{query,key,value}, attention.output.dense, layernorm_after, intermediate.dense, output.dense. [B, N, D] -> [B, N, D].</summary>
    internal static Value VisionTransformerBlock(Module m, Value h, VisionBlock c)
    {
        h += VisionAttention(m["attention"], LayerNorm(m["layernorm_before"], h, c.Epsilon), c);
        var wide = Linear(m["intermediate.dense"], LayerNorm(m["layernorm_after"], h, c.Epsilon), c.IntermediateSize, c.Activation);
        return h + Linear(m["output.dense"], wide, c.HiddenSize);
    }

    /// <summary>Its attention: attention.{query,key,value}, output.dense. [B, N, D] -> [B, N, D].</summary>
    internal static Value VisionAttention(Module m, Value h, VisionBlock c, Value? bias = null)
    {
        var a = m["attention"];
        Value q = Linear(a["query"], h, c.HiddenSize, c.QkvBias), k = Linear(a["key"], h, c.HiddenSize, c.QkvBias), v = Linear(a["value"], h, c.HiddenSize, c.QkvBias);
        return Linear(m["output.dense"], Attend(a, q, k, v, c.Heads, mask: null, bias), c.HiddenSize);
    }
}
