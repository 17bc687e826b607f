using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Heads;

internal static partial class Head
{
    /// <summary>The vector of the last token whose id is not the padding's; of the last of all where there is no such id. The mask is not looked at. [B, S, D] -> [B, D].</summary>
    /// <param name="h">Hidden states.</param>
    /// <param name="x">The inputs.</param>
    /// <param name="padding">The padding's id; null where none is known.</param>
    /// <param name="counted">Whether as many tokens as are no padding are counted from the left instead.</param>
    internal static Value LastToken(Value h, CausalInputs x, int? padding, bool counted = false)
    {
        if (padding is null) return Op.Select(h, 1, -1);
        var g = h.Graph;
        using var scope = g.Enter("last_token");
        var real = Op.Cast(Op.Not(Op.Equal(x.InputIds, g.Scalar(padding.Value, ElementType.Int64))), ElementType.Int64);
        var places = Op.Range(g.Scalar(0, ElementType.Int64), Op.Squeeze(x.Length, 0), x.InputIds.Shape[1]);
        var place = counted ? Op.ReduceSum(real, 1, keep: true) - g.Scalar(1, ElementType.Int64) : Op.ReduceMax(real * places, 1, keep: true);
        var last = Op.Unsqueeze(place, 2);                                                          // [B, 1, 1]
        var index = Op.Expand(last, g.Constant(1, 1, h.Shape[2].Size!.Value), new Shape(h.Shape[0], 1, h.Shape[2]));
        return Op.Squeeze(Op.GatherElements(h, index, 1), 1);
    }

    /// <summary>Numbers for the vocabulary: h W^T + b. [B, S, D] -> [B, S, V].</summary>
    /// <param name="head">The module of the output table.</param>
    /// <param name="embeddings">The module of the embeddings.</param>
    /// <param name="h">Hidden states.</param>
    /// <param name="rows">V.</param>
    /// <param name="tied">Whether the table is that of the embeddings.</param>
    /// <param name="bias">Whether the head has one.</param>
    internal static Value OutputTable(Module head, Module embeddings, Value h, long rows, bool tied, bool bias = false)
    {
        using var scope = head.Enter();
        var table = (tied ? TiedTable(embeddings, head) : head).Weight("weight", rows, h.Shape[-1].Size!.Value);
        return head.Result(Layer.Product(h, table, bias ? head.Weight("bias", rows) : null, MatrixRole.Head));
    }

    /// <summary>Tied tables may be stored once, under either name.</summary>
    internal static Module TiedTable(Module embeddings, Module head) => !embeddings.Has("weight") && head.Has("weight") ? head : embeddings;
}
