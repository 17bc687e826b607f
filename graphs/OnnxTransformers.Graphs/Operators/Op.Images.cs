namespace OnnxTransformers.Graphs.Operators;

public static partial class Op
{
    /// <summary>a times a line from 0 at -3 to 1 at 3.</summary>
    public static Value HardSwish(Value a) => a.Graph.Node("HardSwish", [a], a.Type, a.Shape);

    /// <summary>The largest of all places. [B, C, spatial...] -> [B, C, 1...].</summary>
    public static Value GlobalMaxPool(Value x) => x.Graph.Node("GlobalMaxPool", [x], x.Type, new Shape([x.Shape[0], x.Shape[1], .. Enumerable.Repeat((Dim)1, x.Shape.Rank - 2)]));

    /// <summary>Channels spread over blocks of cells, as PyTorch's PixelShuffle. [B, C * block^2, h, w] -> [B, C, h * block, w * block].</summary>
    public static Value DepthToSpace(Value x, int block)
    {
        if (x.Shape.Rank != 4 || x.Shape[1].Size is not { } depth || depth % (block * block) != 0) throw x.Graph.Error($"DepthToSpace({x}, {block}): the channels don't divide");
        return x.Graph.Node("DepthToSpace", [x], x.Type, new Shape(x.Shape[0], depth / (block * block), x.Shape[2] * block, x.Shape[3] * block), [Attributes.Of("blocksize", block), Attributes.Of("mode", "CRD")]);
    }
}
