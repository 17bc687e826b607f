using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Layers;

/// <remarks>Windows of a map with channels last: [B, h, w, C].</remarks>
internal static partial class Layer
{
    /// <summary>How many windows of a size cover an axis, the last one perhaps in part.</summary>
    internal static Dim Covering(Dim size, long window) => window == 1 ? size : size.Size is { } n ? (n + window - 1) / window : $"ceil({size} / {window})";

    /// <summary>A map with channels last. [B, C, h, w] -> [B, h, w, C].</summary>
    internal static Value ChannelsLast(Value map) => Op.Transpose(map, [0, 2, 3, 1]);

    /// <summary>A map with channels first. [B, h, w, C] -> [B, C, h, w].</summary>
    internal static Value ChannelsFirst(Value map) => Op.Transpose(map, [0, 3, 1, 2]);

    /// <summary>Zeros below and at the right until windows fill two axes. -> the value, and how many windows of each axis, int64 [2].</summary>
    /// <param name="x">The value.</param>
    /// <param name="axis">The axis of rows; that of columns is the next.</param>
    /// <param name="rows">Rows of a window.</param>
    /// <param name="columns">Columns of a window.</param>
    internal static (Value Padded, Value Counts) PadToWindows(Value x, int axis, int rows, int columns)
    {
        var (g, rank) = (x.Graph, x.Shape.Rank);
        Value size = Op.ShapeOf(x, axis, axis + 2), window = g.Constant(rows, columns);
        var counts = (size + g.Constant(rows - 1, columns - 1)) / window;
        var shape = x.Shape.With(axis, Covering(x.Shape[axis], rows) * rows).With(axis + 1, Covering(x.Shape[axis + 1], columns) * columns);
        if (shape == x.Shape) return (x, counts);
        var pads = Op.Concat(0, g.Constant([.. new long[rank + axis]]), counts * window - size, g.Constant([.. new long[rank - axis - 2]]));
        return (Op.Pad(x, pads, shape), counts);
    }

    /// <summary>Square windows one after the other, cells of each in reading order. [B, n*size, m*size, C] -> [B, n*m, size*size, C].</summary>
    internal static Value Windows(Value x, Value counts, int size)
    {
        var g = x.Graph;
        Dim n = Covered(x.Shape[1], size), m = Covered(x.Shape[2], size), channels = x.Shape[3];
        Value one = g.Constant(1), side = g.Constant(size), batch = Op.ShapeOf(x, 0, 1), last = g.Constant(channels.Size!.Value);
        var apart = Op.Reshape(x, Op.Concat(0, batch, Op.Slice(counts, 0, 0, 1), side, Op.Slice(counts, 0, 1, 2), side, last), new Shape(x.Shape[0], n, size, m, size, channels));
        var together = Op.Transpose(apart, [0, 1, 3, 2, 4, 5]);
        return Op.Reshape(together, Op.Concat(0, batch, one * -1, side * size, last), new Shape(x.Shape[0], n * m, (long)size * size, channels));
    }

    /// <summary>Windows back in their places. [B, n*m, size*size, C] -> [B, n*size, m*size, C].</summary>
    internal static Value FromWindows(Value windows, Value counts, int size, Shape padded)
    {
        var g = windows.Graph;
        var channels = windows.Shape[3];
        Value side = g.Constant(size), batch = Op.ShapeOf(windows, 0, 1), last = g.Constant(channels.Size!.Value);
        Dim n = Covered(padded[1], size), m = Covered(padded[2], size);
        var apart = Op.Reshape(windows, Op.Concat(0, batch, counts, side, side, last), new Shape(padded[0], n, m, size, size, channels));
        return Op.Reshape(Op.Transpose(apart, [0, 1, 3, 2, 4, 5]), Op.Concat(0, batch, counts * side, last), padded.With(3, channels));
    }

    /// <summary>The first rows and columns of a map: those of another one. [B, n*size, m*size, C] -> [B, h, w, C].</summary>
    internal static Value CropLike(Value x, Value like)
    {
        var g = x.Graph;
        if (x.Shape[1] == like.Shape[1] && x.Shape[2] == like.Shape[2]) return x;
        Value start = g.Constant(0), rows = Op.ShapeOf(like, 1, 2), columns = Op.ShapeOf(like, 2, 3);
        return Op.Slice(Op.Slice(x, 1, start, rows, like.Shape[1]), 2, start, columns, like.Shape[2]);
    }

    /// <summary>Rows and columns moved towards the beginning, those that leave coming back at the end. [B, h, w, C] -> the same.</summary>
    /// <param name="x">The map.</param>
    /// <param name="by">By how many, int64 [1]; negative ones move towards the end.</param>
    internal static Value Roll(Value x, Value by)
    {
        Value start = x.Graph.Constant(0), end = x.Graph.Constant(int.MaxValue);
        foreach (var axis in (int[])[1, 2])
        {
            Dim moved = $"{x.Shape[axis]} moved";
            var both = Op.Concat(axis, Op.Slice(x, axis, by, end, moved), Op.Slice(x, axis, start, by, moved));
            x = Op.Known(both, both.Shape.With(axis, x.Shape[axis]));
        }
        return x;
    }

    private static Dim Covered(Dim padded, long size) => padded.Size is { } n ? n / size : $"{padded} / {size}";
}
