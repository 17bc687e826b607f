using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Layers;

/// <summary>Multi-head latent attention (DeepSeek-AI, 2024): keys and values of all heads come from one narrow vector; one more part of the key, the same for all heads, is turned by its position.</summary>
/// <param name="Heads">H.</param>
/// <param name="PlainSize">Components of a head that are not turned.</param>
/// <param name="TurnedSize">Components that are.</param>
/// <param name="ValueSize">Of a value.</param>
/// <param name="Rank">Width of the latent of keys and values.</param>
/// <param name="QueryRank">Width of the latent of queries; 0 where they are projected at once.</param>
/// <param name="Rotary">Positions; null for none.</param>
/// <param name="Scale">What scores are multiplied by.</param>
internal sealed record LatentAttention(int Heads, int PlainSize, int TurnedSize, int ValueSize, int Rank, int QueryRank, Rotary? Rotary, double Scale)
{
    /// <summary>Whether projections into latents and the output projection have biases.</summary>
    internal bool Bias { get; init; }

    /// <summary>Of the norms of latents.</summary>
    internal double Epsilon { get; init; } = 1e-6;

    /// <summary>Keys and values are kept by head, as transformers 4 keeps them.</summary>
    internal KeyValueSizes Cache => new(Heads, PlainSize + TurnedSize, ValueSize);
}

internal static partial class Layer
{
    /// <summary>Attention by latents. [B, S, D] -> [B, S, D].</summary>
    internal static Value AttendLatent(Module m, CausalInputs x, int layer, Value h, LatentAttention a)
    {
        long headSize = a.PlainSize + a.TurnedSize;
        var queries = a.QueryRank == 0 ? Linear(m["q_proj"], h, a.Heads * headSize, bias: false)
            : Linear(m["q_b_proj"], RmsNorm(m["q_a_layernorm"], Linear(m["q_a_proj"], h, a.QueryRank, a.Bias), a.Epsilon), a.Heads * headSize, bias: false);
        var q = Split(SplitHeads(queries, a.Heads), a.PlainSize, a.TurnedSize);                                 // [B, H, S, plain], [B, H, S, turned]

        var latent = Split(Linear(m["kv_a_proj_with_mqa"], h, a.Rank + a.TurnedSize, a.Bias), a.Rank, a.TurnedSize);
        var expanded = Linear(m["kv_b_proj"], RmsNorm(m["kv_a_layernorm"], latent[0], a.Epsilon), (long)a.Heads * (a.PlainSize + a.ValueSize), bias: false);
        var kv = Split(SplitHeads(expanded, a.Heads), a.PlainSize, a.ValueSize);                                // [B, H, S, plain], [B, H, S, dv]

        using var scope = m.Enter();
        var turned = Rotate(Op.Unsqueeze(latent[1], 1), a.Rotary, x);                                           // [B, 1, S, turned], one for all heads
        var shared = Op.Expand(turned, m.Graph.Constant(1, a.Heads, 1, 1), turned.Shape.With(1, a.Heads));
        var query = Op.Concat(3, q[0], Rotate(q[1], a.Rotary, x));
        var context = AttendCausal(m, x, layer, query, Op.Concat(3, kv[0], shared), kv[1], new(a.Scale));
        return Linear(m["o_proj"], context, LastSize(h), a.Bias);
    }
}
