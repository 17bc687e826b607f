using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Layers;

/// <summary>The size of a feature map: the names of its height and width, and both as the graph computes them.</summary>
/// <param name="Height">Rows.</param>
/// <param name="Width">Columns.</param>
/// <param name="Vector">Both, int64 [2].</param>
internal sealed record GridSize(Dim Height, Dim Width, Value Vector)
{
    /// <summary>The size of a map [B, C, h, w].</summary>
    internal static GridSize Of(Value map)
    {
        using var scope = map.Graph.Enter("grid_size");
        return new(map.Shape[2], map.Shape[3], Op.ShapeOf(map, 2, 4));
    }

    /// <summary>Number of cells.</summary>
    internal Dim Cells => Height * Width;
}

/// <remarks>Shapes of images: B batch, C channels, h and w rows and columns of a map, N tokens (cells in reading order, after any special ones).</remarks>
internal static partial class Layer
{
    /// <summary>Declares pixel_values: float [B, channels, height, width], in the type that the graph computes in.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="channels">C.</param>
    /// <param name="size">Height and width that the network was trained on, or that suit it.</param>
    internal static Value PixelValues(Graph graph, int channels, (int Height, int Width) size)
    {
        graph.ImageSize = size;
        return Op.Cast(graph.Input("pixel_values", ElementType.Float, new Shape(graph.ImageRows, channels, "height", "width")), graph.Options.ComputeType);
    }

    /// <summary>Declares pixel_values of the trained size alone, for networks that tell of each of its patches: float [batch_size, channels, rows, columns].</summary>
    internal static Value FixedPixelValues(Graph graph, int channels, (int Height, int Width) size)
    {
        graph.ImageSize = size;
        return Op.Cast(graph.Input("pixel_values", ElementType.Float, new Shape("batch_size", channels, size.Height, size.Width)), graph.Options.ComputeType);
    }

    /// <summary>Convolution over two axes with one window for both. [B, C, h, w] -> [B, channels, h', w'].</summary>
    internal static Value Conv(Module m, Value x, int channels, Window window, int groups = 1, bool bias = true) => Conv(m, x, channels, window, window, groups, bias);

    /// <summary>Convolution over two axes.</summary>
    internal static Value Conv(Module m, Value x, int channels, Window rows, Window columns, int groups = 1, bool bias = true)
    {
        using var scope = m.Enter();
        Value weight = m.Weight("weight", channels, x.Shape[1].Size!.Value / groups, rows.Size, columns.Size);
        Value? shift = bias ? (Value)m.Weight("bias", channels) : null;
        return m.Result(Op.Conv(x, weight, shift, [rows, columns], groups));
    }

    /// <summary>Patches side by side: a convolution whose window is a patch; what is left over at the right and below is not read. [B, C, height, width] -> [B, D, h, w].</summary>
    internal static Value Patches(Module m, Value pixels, int width, int rows, int columns, bool bias = true) => Conv(m, pixels, width, new Window(rows, rows), new Window(columns, columns), bias: bias);

    /// <summary>Batch normalization by stored statistics. [B, C, ...] -> the same.</summary>
    internal static Value BatchNorm(Module m, Value x, float epsilon)
    {
        using var scope = m.Enter();
        var c = x.Shape[1].Size!.Value;
        return m.Result(Op.BatchNormalization(x, m.Weight("weight", c).Exact, m.Weight("bias", c).Exact, m.Weight("running_mean", c).Exact, m.Weight("running_var", c).Exact, epsilon));
    }

    /// <summary>Batch normalization of the last axis by stored statistics, as one scale and shift. [..., C] -> the same.</summary>
    internal static Value BatchNormLast(Module m, Value x, float epsilon)
    {
        using var scope = m.Enter();
        var c = LastSize(x);
        var scale = m.Weight("weight", c) / Op.Sqrt((Value)m.Weight("running_var", c) + epsilon);
        return m.Result(x * scale + (m.Weight("bias", c) - m.Weight("running_mean", c) * scale));
    }

    /// <summary>Normalization of groups of channels. [B, C, ...] -> the same.</summary>
    /// <remarks>Not GroupNormalization: its variance is the mean of squares less the square of the mean, which leaves nothing of a small map with a large mean.</remarks>
    internal static Value GroupNorm(Module m, Value x, int groups, float epsilon)
    {
        using var scope = m.Enter();
        var (g, c) = (x.Graph, x.Shape[1].Size!.Value);
        Value Same(double value) => Numbers(g, x.Type, [groups], Enumerable.Repeat(value, groups));
        var normal = Op.InstanceNormalization(Op.Reshape(x, [0, groups, -1], remaining: "group"), Same(1), Same(0), epsilon);
        Value PerChannel(Weight weight) => Op.Unsqueeze(weight, [.. Enumerable.Range(1, x.Shape.Rank - 2).Select(i => (long)i)]);
        return m.Result(Op.Reshape(normal, Op.ShapeOf(x, 0, x.Shape.Rank), x.Shape) * PerChannel(m.Weight("weight", c)) + PerChannel(m.Weight("bias", c)));
    }

    /// <summary>Layer normalization over the channels of a map. [B, C, h, w] -> the same.</summary>
    internal static Value ChannelNorm(Module m, Value x, float epsilon) => Op.Transpose(LayerNorm(m, Op.Transpose(x, [0, 2, 3, 1]), epsilon), [0, 3, 1, 2]);

    /// <summary>The cells of a map as a sequence, row by row. [B, C, h, w] -> [B, h*w, C].</summary>
    internal static Value Tokens(Value map) => Op.Transpose(Op.Reshape(map, [0, 0, -1], map.Shape[2] * map.Shape[3]), [0, 2, 1]);

    /// <summary>A sequence of cells as a map. [B, h*w, C] -> [B, C, h, w].</summary>
    internal static Value Map(Value tokens, GridSize size)
    {
        var g = tokens.Graph;
        var turned = Op.Transpose(tokens, [0, 2, 1]);                                                    // [B, C, h*w]
        return Op.Reshape(turned, Op.Concat(0, g.Constant(0, 0), size.Vector), new Shape(turned.Shape[0], turned.Shape[1], size.Height, size.Width));
    }

    /// <summary>A learned vector for every row, in front of or behind its tokens. [count, D] -> [B, count, D].</summary>
    /// <param name="vectors">The vectors [count, D] or [1, count, D].</param>
    /// <param name="like">A value with the batch as its first dimension.</param>
    internal static Value ForEachRow(Value vectors, Value like)
    {
        var (count, width) = (vectors.Shape[-2], vectors.Shape[-1]);
        var shape = Op.Concat(0, Op.ShapeOf(like, 0, 1), like.Graph.Constant(count.Size!.Value, width.Size!.Value));
        return Op.Expand(vectors, shape, new Shape(like.Shape[0], count, width));
    }

    /// <summary>A table of positions on a grid, interpolated to another grid. [1, rows*columns, D] -> [1, h*w, D]. At the table's own size it is the table.</summary>
    /// <param name="table">The positions, row by row.</param>
    /// <param name="rows">Rows of its grid.</param>
    /// <param name="columns">Columns of its grid.</param>
    /// <param name="to">The size that is needed.</param>
    /// <param name="how">How values between positions are found.</param>
    /// <param name="antialias">Whether a smaller grid averages.</param>
    internal static Value InterpolatePositions(Value table, int rows, int columns, GridSize to, Interpolation how = Interpolation.Cubic, bool antialias = false)
    {
        var width = LastSize(table);
        var map = Op.Transpose(Op.Reshape(table, [1, rows, columns, width]), [0, 3, 1, 2]);              // [1, D, rows, columns]
        var type = map.Type;
        var resized = Op.Resize(Op.Cast(map, ElementType.Float), to.Vector, to.Height, to.Width, how, antialias: antialias);
        return Tokens(Op.Cast(resized, type));
    }
}
