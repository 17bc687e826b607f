using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Layers;

/// <summary>A layer's attention with projections q_proj, k_proj, v_proj and o_proj, as most causal models have it.</summary>
/// <param name="Heads">H.</param>
/// <param name="KvHeads">K.</param>
/// <param name="HeadSize">d.</param>
/// <param name="Rotary">Positions; null for none.</param>
internal sealed record SelfAttention(int Heads, int KvHeads, int HeadSize, Rotary? Rotary)
{
    /// <summary>How queries attend: scale, window, soft cap.</summary>
    internal CausalAttention How { get; init; } = new(Math.Pow(HeadSize, -0.5));

    /// <summary>Whether q, k and v have biases.</summary>
    internal bool Bias { get; init; }

    /// <summary>Whether the output projection has one.</summary>
    internal bool OutputBias { get; init; }

    /// <summary>Name of the output projection.</summary>
    internal string Output { get; init; } = "o_proj";

    /// <summary>What is done to each head of queries and keys before they are turned, at the modules of the norms: [B, H, S, d] -> [B, H, S, d].</summary>
    internal Func<Module, Value, Value>? HeadNorm { get; init; }

    /// <summary>Whether the norms of heads come after they are turned.</summary>
    internal bool TurnFirst { get; init; }

    /// <summary>What is done to all queries and keys before they are split into heads, at the modules of the norms: [B, S, H*d] -> [B, S, H*d].</summary>
    internal Func<Module, Value, Value>? WholeNorm { get; init; }

    /// <summary>Names of these norms.</summary>
    internal (string Query, string Key) Norms { get; init; } = ("q_norm", "k_norm");

    /// <summary>Whether a learned score of each head, "sinks", takes its share of the softmax.</summary>
    internal bool Sinks { get; init; }

    /// <summary>What is done to the context before the output projection: [B, S, H*d] -> [B, S, H*d].</summary>
    internal Func<Module, Value, Value>? ContextNorm { get; init; }

    /// <summary>Projections are limited to this size; 0 for no limit.</summary>
    internal double Clip { get; init; }
}

internal static partial class Layer
{
    /// <summary>Vectors of the tokens: [B, S] -> [B, S, D]. Where the table is the output's as well, either name may hold it.</summary>
    internal static Value TokenEmbedding(Module embeddings, Module head, CausalInputs x, long rows, long width, bool tied) =>
        WordEmbedding(tied ? Heads.Head.TiedTable(embeddings, head) : embeddings, x.InputIds, rows, width);

    /// <summary>Projects, turns, attends and projects back. [B, S, D] -> [B, S, D].</summary>
    internal static Value Attention(Module m, CausalInputs x, int layer, Value h, SelfAttention a)
    {
        Value Projected(string name, int heads)
        {
            var p = Linear(m[name], h, (long)heads * a.HeadSize, a.Bias);
            return a.Clip > 0 ? Op.Clip(p, -a.Clip, a.Clip) : p;
        }
        CausalAttention How() => a.Sinks ? a.How with { Sinks = m.Weight("sinks", a.Heads) } : a.How;
        Value Back(Value context) => Linear(m[a.Output], a.ContextNorm is { } last ? last(m, context) : context, LastSize(h), a.OutputBias);
        Value q = Projected("q_proj", a.Heads), k = Projected("k_proj", a.KvHeads), v = Projected("v_proj", a.KvHeads);
        if (a.WholeNorm is { } whole) (q, k) = (whole(m[a.Norms.Query], q), whole(m[a.Norms.Key], k));
        // CUDA's operators take heads side by side, and a step is over before a transposition has begun.
        if (TakesPackedRows(x, h.Type, a.HeadSize, a.HeadSize, a.How) && a.HeadNorm is null && TurnsMerged(a.Rotary))
            return Back(AttendPacked(m, x, layer, RotateMerged(q, a.Heads, a.Rotary, x), RotateMerged(k, a.KvHeads, a.Rotary, x), v, a.Heads, a.KvHeads, How()));
        v = SplitHeads(v, a.KvHeads);
        (q, k) = (SplitHeads(q, a.Heads), SplitHeads(k, a.KvHeads));                                            // [B, H, S, d]
        if (a.TurnFirst) (q, k) = (Rotate(q, a.Rotary, x), Rotate(k, a.Rotary, x));
        if (a.HeadNorm is { } norm) (q, k) = (norm(m[a.Norms.Query], q), norm(m[a.Norms.Key], k));
        if (!a.TurnFirst) (q, k) = (Rotate(q, a.Rotary, x), Rotate(k, a.Rotary, x));
        return Back(AttendCausal(m, x, layer, q, k, v, How()));
    }
}
