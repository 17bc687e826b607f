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

    /// <summary>Name of the learned scores of heads that take their share of the softmax; null for none.</summary>
    internal string? Sinks { get; init; }

    /// <summary>Components of a value.</summary>
    internal int ValueSize { get; init; } = HeadSize;

    /// <summary>What values are multiplied by before they are kept.</summary>
    internal double ValueScale { get; init; } = 1;

    /// <summary>What queries are multiplied by besides, by their position: [B or 1, 1, S, 1].</summary>
    internal Func<CausalInputs, Value>? QueryScale { get; init; }

    /// <summary>What is done to the context before the output projection: [B, S, H*d] -> [B, S, H*d].</summary>
    internal Func<Module, Value, Value>? ContextNorm { get; init; }

    /// <summary>What of the context passes, by the layer's input: at the attention's module, from [B, S, D] and [B, S, H*dv] -> [B, S, H*dv].</summary>
    internal Func<Module, Value, Value, Value>? Gate { get; init; }

    /// <summary>Projections, normed as a whole where they are, are limited to this size; 0 for no limit.</summary>
    internal double Clip { get; init; }

    /// <summary>What a layer keeps of a token.</summary>
    internal KeyValueSizes Cache => new(KvHeads, HeadSize, ValueSize);
}

internal static partial class Layer
{
    /// <summary>Vectors of the tokens: [B, S] -> [B, S, D]. Where the table is the output's as well, either name may hold it.</summary>
    internal static Value TokenEmbedding(Module embeddings, Module head, CausalInputs x, long rows, long width, bool tied) =>
        WordEmbedding(tied ? Heads.Head.TiedTable(embeddings, head) : embeddings, x.InputIds, rows, width);

    /// <summary>Projects, turns, attends and projects back. [B, S, D] -> [B, S, D].</summary>
    internal static Value Attention(Module m, CausalInputs x, int layer, Value h, SelfAttention a)
    {
        Value Projected(string name, long width) => Linear(m[name], h, width, a.Bias);
        Value q = Projected("q_proj", (long)a.Heads * a.HeadSize), k = Projected("k_proj", (long)a.KvHeads * a.HeadSize), v = Projected("v_proj", (long)a.KvHeads * a.ValueSize);
        if (a.ValueScale != 1) v *= a.ValueScale;
        if (a.WholeNorm is { } whole) (q, k) = (whole(m[a.Norms.Query], q), whole(m[a.Norms.Key], k));
        if (a.Clip > 0) (q, k, v) = (Op.Clip(q, -a.Clip, a.Clip), Op.Clip(k, -a.Clip, a.Clip), Op.Clip(v, -a.Clip, a.Clip));
        var how = a.Sinks is { } sinks ? a.How with { Sinks = m.Weight(sinks, a.Heads) } : a.How;
        // ONNX Runtime's operators take heads side by side, and a step is over before a transposition has begun.
        var merged = TakesMerged(x, h.Type, a.HeadSize, a.ValueSize, a.How);
        if (merged && a.HeadNorm is null && a.QueryScale is null && TurnsMerged(a.Rotary))
        {
            (q, k) = (RotateMerged(q, a.Heads, a.Rotary, x), RotateMerged(k, a.KvHeads, a.Rotary, x));
        }
        else
        {
            (q, k) = (SplitHeads(q, a.Heads), SplitHeads(k, a.KvHeads));                                        // [B, H, S, d]
            if (a.TurnFirst) (q, k) = (Rotate(q, a.Rotary, x), Rotate(k, a.Rotary, x));
            if (a.HeadNorm is { } norm) (q, k) = (norm(m[a.Norms.Query], q), norm(m[a.Norms.Key], k));
            if (!a.TurnFirst) (q, k) = (Rotate(q, a.Rotary, x), Rotate(k, a.Rotary, x));
            if (a.QueryScale is { } scale) q *= scale(x);
            if (merged) (q, k) = (MergeHeads(q), MergeHeads(k));
        }
        var context = merged ? AttendMerged(m, x, layer, q, k, v, a.Heads, a.KvHeads, how) : AttendCausal(m, x, layer, q, k, SplitHeads(v, a.KvHeads), how);
        if (a.ContextNorm is { } last) context = last(m, context);
        if (a.Gate is { } gate) context = gate(m, h, context);
        return Linear(m[a.Output], context, LastSize(h), a.OutputBias);
    }
}
