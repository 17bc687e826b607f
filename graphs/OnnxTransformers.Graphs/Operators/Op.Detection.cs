namespace OnnxTransformers.Graphs.Operators;

public static partial class Op
{
    /// <summary>Of each row of a batch the entries that its own indices name. a [B, N, ...], indices int64 [B, Q] -> [B, Q, ...].</summary>
    public static Value GatherRows(Value a, Value indices)
    {
        if (indices.Shape.Rank != 2 || a.Shape.Rank < 2 || a.Shape[0] != indices.Shape[0]) throw a.Graph.Error($"GatherRows({a}, {indices}): the operands don't fit");
        return a.Graph.Node("GatherND", [a, Unsqueeze(indices, 2)], a.Type, new Shape([a.Shape[0], indices.Shape[1], .. a.Shape.Dims[2..]]), [Attributes.Of("batch_dims", 1)]);
    }

    /// <summary>Channels as finer cells: each block of <paramref name="times"/> squared channels becomes a square of cells, as PyTorch's PixelShuffle. [B, C * times^2, h, w] -> [B, C, h * times, w * times].</summary>
    public static Value DepthToSpace(Value x, int times)
    {
        if (x.Shape.Rank != 4 || x.Shape[1].Size is not { } channels || channels % (times * times) != 0) throw x.Graph.Error($"DepthToSpace({x}, {times}): the channels don't divide");
        return x.Graph.Node("DepthToSpace", [x], x.Type, new Shape(x.Shape[0], channels / (times * times), x.Shape[2] * times, x.Shape[3] * times), [Attributes.Of("blocksize", times), Attributes.Of("mode", "CRD")]);
    }
}
