using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Layers;

/// <remarks>Images of which some patches are hidden and made up again.</remarks>
internal static partial class Layer
{
    /// <summary>What holds for a graph with a loss: it is of all rows together.</summary>
    internal static readonly NetworkTraits SharedLoss = new() { RowsAreIndependent = false };

    /// <summary>Declares bool_masked_pos: bool [batch_size, N], true where a patch is hidden.</summary>
    internal static Value HiddenPatches(Graph graph, int patches) => graph.Input("bool_masked_pos", ElementType.Bool, new Shape("batch_size", patches));

    /// <summary>Tokens of patches, with a learned one where a patch is hidden. [B, N, D] -> the same.</summary>
    internal static Value WithHidden(Value tokens, Value hidden, Value token) => Op.Where(Op.Unsqueeze(hidden, 2), token, tokens);

    /// <summary>An image from a map: a convolution makes all pixels of each cell. [B, D, h, w] -> [B, C, h * stride, w * stride].</summary>
    internal static Value PixelsOfCells(Module convolution, Value map, int channels, int stride) => Op.DepthToSpace(Conv(convolution, map, channels * stride * stride, new Window(1)), stride);

    /// <summary>The mean distance of made up pixels from real ones in hidden patches (SimMIM, Xie et al., 2021). -> [].</summary>
    /// <param name="pixels">The image [B, C, H, W].</param>
    /// <param name="made">The same, made up.</param>
    /// <param name="hidden">Which patches are hidden [B, N].</param>
    /// <param name="rows">Rows of patches.</param>
    /// <param name="columns">Columns of patches.</param>
    internal static Value DistanceInHidden(Value pixels, Value made, Value hidden, int rows, int columns)
    {
        var g = pixels.Graph;
        using var scope = g.Enter("loss");
        long high = pixels.Shape[2].Size!.Value / rows, wide = pixels.Shape[3].Size!.Value / columns;
        var cells = Op.Reshape(Op.Cast(hidden, ElementType.Float), [0, 1, rows, 1, columns, 1]);
        var spread = Op.Expand(cells, g.Constant(1, 1, 1, high, 1, wide), cells.Shape.With(3, high).With(5, wide));
        var mask = Op.Reshape(spread, [0, 1, rows * high, columns * wide]);                              // [B, 1, H, W]
        var apart = Op.Abs(Op.Cast(pixels, ElementType.Float) - Op.Cast(made, ElementType.Float)) * mask;
        return SumOfAll(apart) / (SumOfAll(mask) + 1e-5) / pixels.Shape[1].Size!.Value;
    }

    /// <summary>The sum of all elements. -> [].</summary>
    internal static Value SumOfAll(Value x) => Op.ReduceSum(Op.Reshape(x, [-1]), 0, keep: false);
}
