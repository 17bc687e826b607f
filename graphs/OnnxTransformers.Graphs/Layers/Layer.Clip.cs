using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Layers;

/// <summary>The sizes of CLIP's block, which the towers of many dual encoders share under the same checkpoint names.</summary>
internal sealed record ClipBlock(int HiddenSize, int Heads, int IntermediateSize, Activation Activation, float Epsilon)
{
    /// <summary>What its matrices are for.</summary>
    internal MatrixRole Role { get; init; }
}

internal static partial class Layer
{
    /// <summary>A block with normalization in front: layer_norm1, self_attn.{q_proj,k_proj,v_proj,out_proj}, layer_norm2, mlp.{fc1,fc2}. [B, N, D] -> [B, N, D].</summary>
    /// <param name="m">The block.</param>
    /// <param name="h">Hidden states.</param>
    /// <param name="c">Its sizes.</param>
    /// <param name="mask">Which keys are real; null where all are.</param>
    /// <param name="bias">Added to the scaled scores, as a causal mask.</param>
    internal static Value ClipLayer(Module m, Value h, ClipBlock c, AttentionMask? mask = null, Value? bias = null)
    {
        h += ClipAttention(m["self_attn"], LayerNorm(m["layer_norm1"], h, c.Epsilon), c, mask, bias);
        return h + ClipFeedForward(m["mlp"], LayerNorm(m["layer_norm2"], h, c.Epsilon), c);
    }

    /// <summary>Its attention. [B, N, D] -> [B, N, D].</summary>
    internal static Value ClipAttention(Module m, Value h, ClipBlock c, AttentionMask? mask = null, Value? bias = null) => ClipAttention(m, h, h, c, mask, bias);

    /// <summary>The same with queries from one sequence and keys and values from another. [B, S, D], [B, T, D] -> [B, S, D].</summary>
    internal static Value ClipAttention(Module m, Value h, Value seen, ClipBlock c, AttentionMask? mask = null, Value? bias = null)
    {
        Value Projected(string name, Value x) => Linear(m[name], x, c.HiddenSize, role: c.Role);
        return Projected("out_proj", Attend(m, Projected("q_proj", h), Projected("k_proj", seen), Projected("v_proj", seen), c.Heads, mask, bias));
    }

    /// <summary>Its feed-forward part. [..., D] -> [..., D].</summary>
    internal static Value ClipFeedForward(Module m, Value h, ClipBlock c) => Linear(m["fc2"], Activate(m["fc1"], c.Activation, Linear(m["fc1"], h, c.IntermediateSize, role: c.Role)), c.HiddenSize, role: c.Role);

    /// <summary>token_embedding and position_embedding, added. [B, S] -> [B, S, D].</summary>
    internal static Value ClipWords(Module m, TextInputs x, int vocabulary, int positions, int width) =>
        WordEmbedding(m["token_embedding"], x.InputIds, vocabulary, width) + PositionEmbedding(m["position_embedding"], x, positions, width);

    /// <summary>Patches of an image with their positions, and with class_embedding in front where there is one: patch_embedding, position_embedding. [B, C, height, width] -> [B, N, D].</summary>
    /// <param name="m">The embeddings.</param>
    /// <param name="pixels">The images.</param>
    /// <param name="width">D.</param>
    /// <param name="patch">Pixels along a side of a patch.</param>
    /// <param name="grid">Patches along a side of an image of the trained size.</param>
    /// <param name="classToken">Whether a token of the whole image stands in front.</param>
    /// <param name="bias">Whether patches have one.</param>
    internal static Value ClipPatches(Module m, Value pixels, int width, int patch, int grid, bool classToken, bool bias) => ClipPatches(m, pixels, width, patch, grid, classToken, bias, out _);

    /// <summary>The same, and how many patches there are along each side.</summary>
    internal static Value ClipPatches(Module m, Value pixels, int width, int patch, int grid, bool classToken, bool bias, out GridSize size)
    {
        var map = Conv(m["patch_embedding"], pixels, width, new Window(patch, patch), bias: bias);
        using var scope = m.Enter();
        size = GridSize.Of(map);
        var (h, first, cells) = (Tokens(map), classToken ? 1 : 0, (long)grid * grid);
        var table = m["position_embedding"].Weight("weight", cells + first, width);
        h += InterpolatePositions(table.Slice(0, first, cells).Reshape(1, cells, width), grid, grid, size);
        if (!classToken) return m.Result(h);
        var front = (Value)m.Weight("class_embedding", width).Reshape(1, width) + table.Slice(0, 0, 1);
        return m.Result(Op.Concat(1, ForEachRow(front, h), h));
    }

    /// <summary>The vector of one position of each row. h [B, S, D], places int64 [B] -> [B, D].</summary>
    internal static Value TokenAt(Value h, Value places)
    {
        var index = Op.Expand(Op.Unsqueeze(places, 1, 2), h.Graph.Constant(1, 1, LastSize(h)), new Shape(h.Shape[0], 1, h.Shape[2]));
        return Op.Squeeze(Op.GatherElements(h, index, 1), 1);
    }

    /// <summary>Where a text ends: the first place of an id, or of the largest id of all. int64 [B, S] -> int64 [B].</summary>
    /// <param name="m">For names.</param>
    /// <param name="ids">The text.</param>
    /// <param name="end">The id; null for the largest.</param>
    internal static Value EndOfText(Module m, Value ids, int? end)
    {
        using var scope = m.Enter();
        var key = end is { } id ? Op.Equal(ids, ids.Graph.Scalar(id, ElementType.Int64)) : ids;
        return Op.ArgMax(Op.Cast(key, ElementType.Float), 1, keep: false);
    }
}
