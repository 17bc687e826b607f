using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Layers;

/// <summary>Which pixels are of the image and which are padding, at the size of any map. Pixels: int64 [batch_size, height, width], 1 where real.</summary>
internal sealed class PixelMask(Value pixels)
{
    /// <summary>Declares pixel_mask.</summary>
    internal static PixelMask Declare(Graph graph) => new(graph.Input("pixel_mask", ElementType.Int64, new Shape("batch_size", "height", "width")));

    /// <summary>For each cell of a map whether the pixel at its beginning is real. -> bool [B, h, w].</summary>
    internal Value At(GridSize size)
    {
        var g = pixels.Graph;
        using var scope = g.Enter("pixel_mask");
        Value Taken(int axis, Dim name)
        {
            var count = Op.Slice(size.Vector, 0, axis, axis + 1);
            var cells = Op.Range(g.Scalar(0, ElementType.Int64), Op.Squeeze(count, 0), name);
            return cells * Op.ShapeOf(pixels, axis + 1, axis + 2) / count;
        }
        return Op.Cast(Op.Gather(Op.Gather(pixels, Taken(0, size.Height), 1), Taken(1, size.Width), 2), ElementType.Bool);
    }

    /// <summary>The cells of a map as keys of attention.</summary>
    /// <param name="real">bool [B, h, w].</param>
    internal static AttentionMask Keys(Value real) => new(Op.Cast(Op.Reshape(real, [0, -1], real.Shape[1] * real.Shape[2]), ElementType.Int64));
}
