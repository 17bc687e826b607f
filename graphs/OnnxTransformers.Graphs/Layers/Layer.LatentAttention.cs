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

    /// <summary>Whether the latent itself and the turned part of the key are kept, as types of transformers 5 keep them; else keys and values by head.</summary>
    internal bool KeepsLatents { get; init; }

    /// <summary>What queries are multiplied by besides, by their position: [B or 1, 1, S, 1].</summary>
    internal Func<CausalInputs, Value>? QueryScale { get; init; }

    /// <summary>What a layer keeps of a token.</summary>
    internal KeyValueSizes Cache => KeepsLatents ? new(1, Rank, TurnedSize) : new(Heads, PlainSize + TurnedSize, ValueSize);
}

internal static partial class Layer
{
    /// <summary>Attention by latents. [B, S, D] -> [B, S, D].</summary>
    internal static Value AttendLatent(Module m, CausalInputs x, int layer, Value h, LatentAttention a)
    {
        var queries = a.QueryRank == 0 ? Linear(m["q_proj"], h, (long)a.Heads * (a.PlainSize + a.TurnedSize), bias: false)
            : Linear(m["q_b_proj"], RmsNorm(m["q_a_layernorm"], Linear(m["q_a_proj"], h, a.QueryRank, a.Bias), a.Epsilon), (long)a.Heads * (a.PlainSize + a.TurnedSize), bias: false);
        var q = Split(SplitHeads(queries, a.Heads), a.PlainSize, a.TurnedSize);                                 // [B, H, S, plain], [B, H, S, turned]
        var parts = Split(Linear(m["kv_a_proj_with_mqa"], h, a.Rank + a.TurnedSize, a.Bias), a.Rank, a.TurnedSize);
        var latent = RmsNorm(m["kv_a_layernorm"], parts[0], a.Epsilon);                                         // [B, S, rank]
        var context = a.KeepsLatents ? AttendWithinLatents(m, x, layer, q[0], q[1], latent, parts[1], a) : AttendExpanded(m, x, layer, q[0], q[1], latent, parts[1], a);
        return Linear(m["o_proj"], context, LastSize(h), a.Bias);
    }

    /// <summary>Keys and values of all heads are made from the latents, and kept. -> [B, S, H*dv].</summary>
    private static Value AttendExpanded(Module m, CausalInputs x, int layer, Value plain, Value turned, Value latent, Value shared, LatentAttention a)
    {
        var expanded = Linear(m["kv_b_proj"], latent, (long)a.Heads * (a.PlainSize + a.ValueSize), bias: false);
        var kv = Split(SplitHeads(expanded, a.Heads), a.PlainSize, a.ValueSize);                                // [B, H, S, plain], [B, H, S, dv]
        using var scope = m.Enter();
        var one = Rotate(Op.Unsqueeze(shared, 1), a.Rotary, x);                                                 // [B, 1, S, turned], one for all heads
        var each = Op.Expand(one, m.Graph.Constant(1, a.Heads, 1, 1), one.Shape.With(1, a.Heads));
        return AttendCausal(m, x, layer, Scaled(Op.Concat(3, plain, Rotate(turned, a.Rotary, x)), x, a), Op.Concat(3, kv[0], each), kv[1], new(a.Scale));
    }

    /// <summary>Queries are brought into the latents' space, and contexts out of it: no key or value of a head is ever made, and all heads read the same narrow cache. -> [B, S, H*dv].</summary>
    private static Value AttendWithinLatents(Module m, CausalInputs x, int layer, Value plain, Value turned, Value latent, Value shared, LatentAttention a)
    {
        using var scope = m.Enter();
        var table = m.Weight("kv_b_proj.weight", (long)a.Heads * (a.PlainSize + a.ValueSize), a.Rank).Reshape(a.Heads, a.PlainSize + a.ValueSize, a.Rank);
        var (latents, keys) = Remember(m, x, layer, Op.Unsqueeze(latent, 1), Rotate(Op.Unsqueeze(shared, 1), a.Rotary, x));     // [B, 1, T, rank], [B, 1, T, turned]
        var query = Op.Concat(3, Op.MatMul(plain, table.Slice(1, 0, a.PlainSize)), Rotate(turned, a.Rotary, x));                // [B, H, S, rank + turned]
        var seen = AttendTo(m, x, Scaled(query, x, a), Op.Concat(3, latents, keys), latents, new(a.Scale));                     // [B, S, H*rank]
        return MergeHeads(Op.MatMul(SplitHeads(seen, a.Heads), table.Slice(1, a.PlainSize, a.ValueSize).Permute(0, 2, 1)));     // [B, H, S, rank] x [H, rank, dv]
    }

    private static Value Scaled(Value queries, CausalInputs x, LatentAttention a) => a.QueryScale is { } scale ? queries * scale(x) : queries;
}
