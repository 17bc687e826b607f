using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Layers;

/// <remarks>Where the cells of a map are, and positions made of sines.</remarks>
internal static partial class Layer
{
    /// <summary>A constant of numbers of one floating type.</summary>
    internal static Value Numbers(Graph graph, ElementType type, ReadOnlySpan<long> shape, IEnumerable<double> values) =>
        graph.Constant(type, [.. shape], values.SelectMany(v => Scalars.Bytes(v, type)).ToArray());

    /// <summary>Row and column of each cell of a map, in reading order. -> twice int64 [h*w].</summary>
    internal static (Value Rows, Value Columns) Cells(GridSize size)
    {
        var g = size.Vector.Graph;
        using var scope = g.Enter("cells");
        Value all = CellNumbers(size), width = Op.Select(size.Vector, 0, 1);
        var rows = all / width;
        return (rows, all - rows * width);
    }

    /// <summary>The middle of each cell, as parts of the whole map. -> x and y, float32 [h*w, 1] each.</summary>
    internal static (Value X, Value Y) CellCentres(GridSize size)
    {
        var (rows, columns) = Cells(size);
        using var scope = rows.Graph.Enter("cells");
        Value Part(Value cells, int axis) => Op.Unsqueeze((Op.Cast(cells, ElementType.Float) + 0.5) / Op.Cast(Op.Select(size.Vector, 0, axis), ElementType.Float), 1);
        return (Part(columns, 1), Part(rows, 0));
    }

    /// <summary>The grid of whole patches of an image.</summary>
    internal static GridSize PatchesOf(Value pixels, Models.PixelSize patch)
    {
        using var scope = pixels.Graph.Enter("patches");
        return new(new Window(patch.Height, patch.Height).Places(pixels.Shape[2]), new Window(patch.Width, patch.Width).Places(pixels.Shape[3]), Op.ShapeOf(pixels, 2, 4) / pixels.Graph.Constant(patch.Height, patch.Width));
    }

    /// <summary>0, 1, ... for all cells of a map. -> int64 [h*w].</summary>
    internal static Value CellNumbers(GridSize size)
    {
        var g = size.Vector.Graph;
        return Op.Range(g.Scalar(0, ElementType.Int64), Op.ReduceProd(size.Vector, 0, keep: false), size.Cells);
    }

    /// <summary>Several values of vectors as one list of parts, by computed lengths along an axis.</summary>
    /// <param name="x">What is divided.</param>
    /// <param name="axis">Along which axis.</param>
    /// <param name="sizes">The maps whose cells lie one after the other.</param>
    internal static Value[] SplitLevels(Value x, int axis, IReadOnlyList<GridSize> sizes)
    {
        if (sizes.Count == 1) return [x];
        var parts = new Value[sizes.Count];
        var start = x.Graph.Constant(0);
        for (var i = 0; i < parts.Length; i++)
        {
            var end = start + Op.ReduceProd(sizes[i].Vector, 0, keep: true);
            parts[i] = Op.Slice(x, axis, start, end, sizes[i].Cells);
            start = end;
        }
        return parts;
    }
}
