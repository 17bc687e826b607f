namespace OnnxTransformers.Graphs.Operators;

public static partial class Op
{
    /// <summary>Of each row of a batch the entries that its own indices name. a [B, N, ...], indices int64 [B, Q] -> [B, Q, ...].</summary>
    public static Value GatherRows(Value a, Value indices)
    {
        if (indices.Shape.Rank != 2 || a.Shape.Rank < 2 || a.Shape[0] != indices.Shape[0]) throw a.Graph.Error($"GatherRows({a}, {indices}): the operands don't fit");
        return a.Graph.Node("GatherND", [a, Unsqueeze(indices, 2)], a.Type, new Shape([a.Shape[0], indices.Shape[1], .. a.Shape.Dims[2..]]), [Attributes.Of("batch_dims", 1)]);
    }
}
