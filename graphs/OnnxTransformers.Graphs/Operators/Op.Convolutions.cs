namespace OnnxTransformers.Graphs.Operators;

/// <summary>How a window moves over one axis of a feature map.</summary>
/// <param name="Size">Cells that it covers.</param>
/// <param name="Stride">Cells from one place to the next.</param>
/// <param name="Before">Padding above or left.</param>
/// <param name="After">Padding below or right.</param>
/// <param name="Dilation">Cells from one element of the window to the next.</param>
/// <param name="Ceiling">True where a last window that is not full counts, too.</param>
/// <param name="Same">True where the padding follows from the size of what it moves over, so that there are size / stride places, rounded up: TensorFlow's "SAME".</param>
public readonly record struct Window(int Size, int Stride = 1, int Before = 0, int After = 0, int Dilation = 1, bool Ceiling = false, bool Same = false)
{
    /// <summary>A window with the same padding on both sides.</summary>
    public static Window Padded(int size, int stride, int padding, int dilation = 1) => new(size, stride, padding, padding, dilation);

    /// <summary>How many places there are on an axis of a size: equal windows on equal names give equal names.</summary>
    internal Dim Places(Dim size)
    {
        if (Same) return Stride == 1 ? size : size.Size is { } whole ? (whole + Stride - 1) / Stride : $"ceil({size} / {Stride})";
        var offset = Before + After - Dilation * (Size - 1) - 1;
        if (size.Size is { } n) return Ceiling ? (n + offset + Stride - 1) / Stride + 1 : (n + offset) / Stride + 1;
        var moved = offset == 0 ? $"{size}" : offset < 0 ? $"({size} - {-offset})" : $"({size} + {offset})";
        if (Stride == 1) return offset == -1 ? size : offset + 1 < 0 ? $"({size} - {-offset - 1})" : $"({size} + {offset + 1})";
        return Ceiling ? $"ceil({moved} / {Stride}) + 1" : $"({moved} / {Stride} + 1)";
    }
}

/// <summary>What stands outside of a value that is padded or sampled.</summary>
public enum Outside
{
    /// <summary>Zeros.</summary>
    Zeros,
    /// <summary>The value mirrored at its border, which is not repeated.</summary>
    Reflected,
    /// <summary>The border.</summary>
    Edge,
}

/// <summary>How values between cells are found.</summary>
public enum Interpolation
{
    /// <summary>The nearest cell: floor of the unrounded place, as PyTorch's "nearest".</summary>
    Nearest,
    /// <summary>Linear along each axis.</summary>
    Linear,
    /// <summary>Cubic along each axis (a = -0.75).</summary>
    Cubic,
}

public static partial class Op
{
    /// <summary>Convolution. x [B, C, spatial...], w [M, C / groups, kernel...], bias [M] -> [B, M, places...].</summary>
    public static Value Conv(Value x, Value w, Value? bias, ReadOnlySpan<Window> windows, int groups = 1)
    {
        var g = x.Graph;
        if (x.Shape.Rank != w.Shape.Rank || windows.Length != x.Shape.Rank - 2 || w.Shape[1].Size * groups != x.Shape[1].Size || x.Type != w.Type) throw g.Error($"Conv({x}, {w}, groups {groups}): the operands don't fit");
        return g.Node("Conv", [x, w, bias], x.Type, new Shape([x.Shape[0], w.Shape[0], .. Places(x, windows)]), [.. WindowAttributes(windows), Attributes.Of("dilations", Each(windows, v => v.Dilation)), Attributes.Of("group", groups)]);
    }

    /// <summary>Transposed convolution with kernels as large as their strides or overlapping. x [B, C, h, w], w [C, M / groups, k, k] -> [B, M, (h - 1) * stride + k - padding, ...].</summary>
    public static Value ConvTranspose(Value x, Value w, Value? bias, ReadOnlySpan<Window> windows, int groups = 1)
    {
        var g = x.Graph;
        if (x.Shape.Rank != w.Shape.Rank || w.Shape[0] != x.Shape[1] || x.Type != w.Type) throw g.Error($"ConvTranspose({x}, {w}): the operands don't fit");
        var dims = new Dim[windows.Length];
        for (var i = 0; i < dims.Length; i++)
        {
            var v = windows[i];
            var rest = (long)v.Size - v.Stride - v.Before - v.After;
            var size = x.Shape[i + 2] * v.Stride;
            dims[i] = rest == 0 ? size : rest > 0 ? size + rest : $"({size} - {-rest})";
        }
        return g.Node("ConvTranspose", [x, w, bias], x.Type, new Shape([x.Shape[0], w.Shape[1].Size!.Value * groups, .. dims]), [.. WindowAttributes(windows), Attributes.Of("group", groups)]);
    }

    /// <summary>The largest of each window. [B, C, spatial...] -> [B, C, places...].</summary>
    public static Value MaxPool(Value x, ReadOnlySpan<Window> windows) =>
        x.Graph.Node("MaxPool", [x], x.Type, new Shape([x.Shape[0], x.Shape[1], .. Places(x, windows)]), [.. WindowAttributes(windows), Attributes.Of("ceil_mode", windows[0].Ceiling ? 1 : 0)]);

    /// <summary>The mean of each window. [B, C, spatial...] -> [B, C, places...].</summary>
    /// <param name="x">The feature map.</param>
    /// <param name="windows">A window for each spatial axis.</param>
    /// <param name="countPadding">Whether padding counts as zeros; otherwise it is left out of the mean.</param>
    public static Value AveragePool(Value x, ReadOnlySpan<Window> windows, bool countPadding) =>
        x.Graph.Node("AveragePool", [x], x.Type, new Shape([x.Shape[0], x.Shape[1], .. Places(x, windows)]),
            [.. WindowAttributes(windows), Attributes.Of("ceil_mode", windows[0].Ceiling ? 1 : 0), Attributes.Of("count_include_pad", countPadding ? 1 : 0)]);

    /// <summary>The mean over all places. [B, C, spatial...] -> [B, C, 1...].</summary>
    public static Value GlobalAveragePool(Value x) => x.Graph.Node("GlobalAveragePool", [x], x.Type, new Shape([x.Shape[0], x.Shape[1], .. Enumerable.Repeat((Dim)1, x.Shape.Rank - 2)]));

    /// <summary>Normalization of each channel by stored statistics. [B, C, spatial...] -> the same.</summary>
    public static Value BatchNormalization(Value x, Value scale, Value bias, Value mean, Value variance, float epsilon) =>
        x.Graph.Node("BatchNormalization", [x, scale, bias, mean, variance], x.Type, x.Shape, [Attributes.Of("epsilon", epsilon)]);

    /// <summary>Normalization of each channel of each row by its own mean and variance, then scale and shift [C]. [B, C, places...] -> the same.</summary>
    public static Value InstanceNormalization(Value x, Value scale, Value bias, float epsilon)
    {
        if (x.Shape.Rank < 3 || scale.Shape.Rank != 1 || scale.Shape[0] != x.Shape[1]) throw x.Graph.Error($"InstanceNormalization({x}, {scale}): the operands don't fit");
        return x.Graph.Node("InstanceNormalization", [x, scale, bias], x.Type, x.Shape, [Attributes.Of("epsilon", epsilon)]);
    }

    /// <summary>A feature map at another size. [B, C, h, w] -> [B, C, height, width].</summary>
    /// <param name="x">The map.</param>
    /// <param name="size">Its new height and width: int64 [2].</param>
    /// <param name="height">Name of the new height.</param>
    /// <param name="width">Name of the new width.</param>
    /// <param name="how">How values between cells are found.</param>
    /// <param name="alignCorners">True where the corners' centres stay in place; otherwise their outer corners do.</param>
    /// <param name="antialias">True where a smaller result averages over what it leaves out.</param>
    public static Value Resize(Value x, Value size, Dim height, Dim width, Interpolation how, bool alignCorners = false, bool antialias = false)
    {
        var g = x.Graph;
        if (x.Shape.Rank != 4) throw g.Error($"Resize({x}): [B, C, h, w] is needed");
        var sizes = Concat(0, ShapeOf(x, 0, 2), size);
        var (mode, places) = how switch
        {
            Interpolation.Nearest => ("nearest", "asymmetric"),
            Interpolation.Linear => ("linear", alignCorners ? "align_corners" : "half_pixel"),
            _ => ("cubic", alignCorners ? "align_corners" : "half_pixel"),
        };
        return g.Node("Resize", [x, null, null, sizes], x.Type, new Shape(x.Shape[0], x.Shape[1], height, width),
            [Attributes.Of("mode", mode), Attributes.Of("coordinate_transformation_mode", places), Attributes.Of("nearest_mode", "floor"), Attributes.Of("cubic_coeff_a", antialias ? -0.5f : -0.75f), Attributes.Of("antialias", antialias ? 1 : 0),
                // A smaller result averages over what is inside only, as PyTorch does.
                Attributes.Of("exclude_outside", antialias ? 1 : 0)]);
    }

    /// <summary>Values of a map at given places. x [B, C, h, w], grid [B, p, q, 2] with (x, y) from -1 to 1 -> [B, C, p, q].</summary>
    public static Value GridSample(Value x, Value grid, Interpolation how, Outside outside, bool alignCorners = false)
    {
        if (x.Shape.Rank != 4 || grid.Shape.Rank != 4 || grid.Shape[3].Size != 2) throw x.Graph.Error($"GridSample({x}, {grid}): the operands don't fit");
        var padding = outside switch { Outside.Zeros => "zeros", Outside.Edge => "border", _ => "reflection" };
        return x.Graph.Node("GridSample", [x, grid], x.Type, new Shape(x.Shape[0], x.Shape[1], grid.Shape[1], grid.Shape[2]),
            [Attributes.Of("mode", how switch { Interpolation.Nearest => "nearest", Interpolation.Linear => "linear", _ => "cubic" }), Attributes.Of("padding_mode", padding), Attributes.Of("align_corners", alignCorners ? 1 : 0)]);
    }

    /// <summary>Cells more at the beginning and end of each axis.</summary>
    /// <param name="x">The value.</param>
    /// <param name="pads">int64 [2 * rank]: those at the beginnings, then those at the ends; negative ones cut.</param>
    /// <param name="result">The shape that comes of it.</param>
    /// <param name="outside">What stands in them.</param>
    public static Value Pad(Value x, Value pads, Shape result, Outside outside = Outside.Zeros) =>
        x.Graph.Node("Pad", outside == Outside.Zeros ? [x, pads, x.Graph.Scalar(0, x.Type)] : [x, pads], x.Type, result,
            [Attributes.Of("mode", outside switch { Outside.Zeros => "constant", Outside.Reflected => "reflect", _ => "edge" })]);

    /// <summary>The same value whose dimensions are known to be those of <paramref name="shape"/>: where arithmetic on names can't tell that two sizes are one. Adds no node.</summary>
    public static Value Known(Value x, Shape shape) =>
        shape.Rank == x.Shape.Rank && !x.Shape.Dims.Zip(shape.Dims).Any(d => d.First.Size is { } n && d.Second.Size is { } m && n != m) ? new Value(x.Graph, x.Name, x.Type, shape) : throw x.Graph.Error($"Known({x}): it can't be {shape}");

    private static Dim[] Places(Value x, ReadOnlySpan<Window> windows)
    {
        if (windows.Length != x.Shape.Rank - 2) throw x.Graph.Error($"{x}: {windows.Length} windows for {x.Shape.Rank - 2} axes");
        var dims = new Dim[windows.Length];
        for (var i = 0; i < dims.Length; i++) dims[i] = windows[i].Places(x.Shape[i + 2]);
        return dims;
    }

    private static Onnx.AttributeProto[] WindowAttributes(ReadOnlySpan<Window> windows) =>
        [Attributes.Of("kernel_shape", Each(windows, v => v.Size)), Attributes.Of("strides", Each(windows, v => v.Stride)),
            windows[0].Same ? Attributes.Of("auto_pad", "SAME_UPPER") : Attributes.Of("pads", [.. Each(windows, v => v.Before), .. Each(windows, v => v.After)])];

    private static long[] Each(ReadOnlySpan<Window> windows, Func<Window, long> part)
    {
        var values = new long[windows.Length];
        for (var i = 0; i < values.Length; i++) values[i] = part(windows[i]);
        return values;
    }
}
