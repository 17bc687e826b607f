using System.Collections.Immutable;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Layers;

/// <remarks>Attention inside of windows: W windows of an image, n cells of a window.</remarks>
internal static partial class Layer
{
    /// <summary>Patches by a convolution that leaves no pixel out: zeros fill up the last ones. [B, C, height, width] -> [B, D, h, w].</summary>
    internal static Value CoveringPatches(Module m, Value pixels, int width, int rows, int columns)
    {
        Value padded;
        using (m.Enter()) padded = PadToWindows(pixels, 2, rows, columns).Padded;
        var map = Patches(m, padded, width, rows, columns);
        return Op.Known(map, map.Shape.With(2, Covering(pixels.Shape[2], rows)).With(3, Covering(pixels.Shape[3], columns)));
    }

    /// <summary>Four neighbours as one cell, column by column; zeros where a side is odd. [B, h, w, C] -> [B, h/2, w/2, 4 C].</summary>
    internal static Value FourAsOne(Value x)
    {
        var (padded, counts) = PadToWindows(x, 1, 2, 2);
        var g = x.Graph;
        Dim rows = Covering(x.Shape[1], 2), columns = Covering(x.Shape[2], 2), channels = x.Shape[3];
        Value batch = Op.ShapeOf(x, 0, 1), two = g.Constant(2), last = g.Constant(channels.Size!.Value);
        var apart = Op.Reshape(padded, Op.Concat(0, batch, Op.Slice(counts, 0, 0, 1), two, Op.Slice(counts, 0, 1, 2), two, last), new Shape(x.Shape[0], rows, 2, columns, 2, channels));
        return Op.Reshape(Op.Transpose(apart, [0, 1, 3, 4, 2, 5]), Op.Concat(0, batch, counts, last * 4), new Shape(x.Shape[0], rows, columns, channels * 4));
    }

    /// <summary>A learned number for each distance of two cells of a window, as a bias of attention. [(2s-1)^2, H] -> [1, H, n, n].</summary>
    /// <param name="m">For names.</param>
    /// <param name="table">The numbers, distances in reading order.</param>
    /// <param name="size">Rows and columns s of the window.</param>
    internal static Value WindowBias(Module m, Value table, int size)
    {
        using var scope = m.Enter();
        var bias = Op.Gather(table, m.Graph.Integers([(long)size * size, (long)size * size], WindowDistances(size, size)));       // [n, n, H]
        return Op.Unsqueeze(Op.Transpose(bias, [2, 0, 1]), 0);
    }

    /// <summary>For each two cells of a grid, which distance they have: row of the first less row of the second, likewise columns, counted in reading order from the most negative.</summary>
    internal static ImmutableArray<long> WindowDistances(int rows, int columns)
    {
        var cells = rows * columns;
        return [.. Enumerable.Range(0, cells * cells).Select(i =>
        {
            var (a, b) = (i / cells, i % cells);
            return (long)(a / columns - b / columns + rows - 1) * (2 * columns - 1) + (a % columns - b % columns + columns - 1);
        })];
    }

    /// <summary>What keeps cells apart that moving has brought into one window: -100 between them. -> [W, 1, n, n].</summary>
    /// <param name="padded">The map before it was moved [B, a*s, b*s, C].</param>
    /// <param name="counts">How many windows, int64 [2].</param>
    /// <param name="size">s.</param>
    /// <param name="shift">By how many cells it was moved, int64 [1].</param>
    internal static Value ShiftedWindowMask(Value padded, Value counts, int size, Value shift)
    {
        var g = padded.Graph;
        Value Regions(int axis)
        {
            var length = Op.Squeeze(Op.ShapeOf(padded, axis, axis + 1), 0);
            var at = Op.Range(g.Scalar(0, ElementType.Int64), length, padded.Shape[axis]);
            Value Whether(Value condition) => Op.Cast(condition, ElementType.Int64);
            return Whether(Op.GreaterOrEqual(at, length - size)) + Whether(Op.GreaterOrEqual(at, length - Op.Squeeze(shift, 0)));
        }
        var regions = Op.Unsqueeze(Op.Unsqueeze(Regions(1), 1) * 3 + Op.Unsqueeze(Regions(2), 0), 0, 3);                      // [1, a*s, b*s, 1]
        var cells = Op.Squeeze(Op.Squeeze(Windows(regions, counts, size), 3), 0);                                              // [W, n]
        var same = Op.Equal(Op.Unsqueeze(cells, 1), Op.Unsqueeze(cells, 2));
        return Op.Unsqueeze(Op.Where(same, g.Scalar(0, g.Options.ComputeType), g.Scalar(-100, g.Options.ComputeType)), 1);
    }

    /// <summary>Vectors of the last axis at length 1. [..., D] -> [..., D].</summary>
    internal static Value UnitLength(Value x)
    {
        var wide = Op.Cast(x, ElementType.Float);
        return Op.Cast(wide / Op.Max(Op.ReduceL2(wide, -1, keep: true), x.Graph.Scalar(1e-12, ElementType.Float)), x.Type);
    }

    /// <summary>Attention inside of each window. q, k, v: [B, W, n, H*d] -> [B, W, n, H*d].</summary>
    /// <param name="m">The module, for names.</param>
    /// <param name="q">Projected queries, heads side by side.</param>
    /// <param name="k">Projected keys.</param>
    /// <param name="v">Projected values.</param>
    /// <param name="heads">H.</param>
    /// <param name="bias">Added to the scaled scores of every window: [1, H, n, n].</param>
    /// <param name="mask">Added to those of each: [W, 1, n, n]; null for none.</param>
    /// <param name="cosine">Where scores are cosines of the angles between queries and keys: what they are multiplied by, [H, 1, 1].</param>
    internal static Value AttendInWindows(Module m, Value q, Value k, Value v, int heads, Value bias, Value? mask, Value? cosine = null)
    {
        using var scope = m.Enter();
        var (cells, width) = (q.Shape[2].Size!.Value, LastSize(q));
        var d = width / heads;
        if (mask is null && cosine is null)
        {
            Dim all = q.Shape[0] * q.Shape[1];
            Value Flat(Value x) => Op.Reshape(x, [-1, cells, width], all);
            return m.Result(Op.Reshape(Attend(m, Flat(q), Flat(k), Flat(v), heads, null, bias), Op.ShapeOf(q, 0, 4), q.Shape));
        }
        Value Heads(Value x) => Op.Transpose(Op.Reshape(x, [0, 0, cells, heads, d]), [0, 1, 3, 2, 4]);                         // [B, W, H, n, d]
        Value Turned(Value x) => cosine is null ? Heads(x) : UnitLength(Heads(x));
        var scores = Op.MatMul(Turned(q), Op.Transpose(Turned(k), [0, 1, 2, 4, 3]));
        scores = cosine is null ? scores * (1 / Math.Sqrt(d)) : scores * cosine;
        scores += bias;
        if (mask is not null) scores += mask;
        return m.Result(Op.Reshape(Op.Transpose(Op.MatMul(Op.Softmax(scores, -1), Heads(v)), [0, 1, 3, 2, 4]), [0, 0, cells, width]));
    }
}
