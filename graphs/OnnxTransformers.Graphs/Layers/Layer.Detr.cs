namespace OnnxTransformers.Graphs.Layers;

/// <summary>The sizes of a stack of DETR's layers.</summary>
/// <param name="Layers">How many there are.</param>
/// <param name="Heads">H.</param>
/// <param name="FeedForward">Width inside of the feed-forward part.</param>
/// <param name="Activation">Its activation.</param>
/// <param name="NormFirst">Whether normalization comes in front of each part, not behind.</param>
internal sealed record DetrBlock(int Layers, int Heads, int FeedForward, Activation Activation, bool NormFirst = false)
{
    /// <summary>PyTorch's own.</summary>
    internal const float Epsilon = 1e-5f;
}

internal static partial class Layer
{
    /// <summary>DETR's encoder layer: self_attn, self_attn_layer_norm, fc1, fc2, final_layer_norm. Positions are added to queries and keys. [B, N, D] -> [B, N, D].</summary>
    internal static Value DetrEncoderLayer(Module m, Value h, Value positions, AttentionMask? keys, DetrBlock c)
    {
        h = DetrPart(m["self_attn_layer_norm"], h, c, x => AttendSets(m["self_attn"], x + positions, x + positions, x, c.Heads, keys));
        return DetrFeedForward(m, h, c);
    }

    /// <summary>DETR's decoder layer: as the encoder's, with encoder_attn and encoder_attn_layer_norm between. [B, Q, D] -> [B, Q, D].</summary>
    /// <param name="m">The layer.</param>
    /// <param name="h">What the queries know.</param>
    /// <param name="queries">What the queries are: added to it wherever it asks.</param>
    /// <param name="memory">The encoder's result [B, N, D].</param>
    /// <param name="placed">The same with positions.</param>
    /// <param name="keys">Which cells are real.</param>
    /// <param name="c">Sizes.</param>
    internal static Value DetrDecoderLayer(Module m, Value h, Value queries, Value memory, Value placed, AttentionMask? keys, DetrBlock c)
    {
        h = DetrPart(m["self_attn_layer_norm"], h, c, x => AttendSets(m["self_attn"], x + queries, x + queries, x, c.Heads));
        h = DetrPart(m["encoder_attn_layer_norm"], h, c, x => AttendSets(m["encoder_attn"], x + queries, placed, memory, c.Heads, keys));
        return DetrFeedForward(m, h, c);
    }

    private static Value DetrFeedForward(Module m, Value h, DetrBlock c) => DetrPart(m["final_layer_norm"], h, c, x => PlainFeedForward(m, x, c.FeedForward, c.Activation, bias: true, "fc1", "fc2"));

    private static Value DetrPart(Module norm, Value h, DetrBlock c, Func<Value, Value> part) =>
        c.NormFirst ? h + part(LayerNorm(norm, h, DetrBlock.Epsilon)) : AddNorm(norm, part(h), h, DetrBlock.Epsilon);
}
