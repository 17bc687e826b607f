using System.Collections.Immutable;
using System.Runtime.InteropServices;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Layers;

/// <remarks>Videos: F frames.</remarks>
internal static partial class Layer
{
    /// <summary>Declares a video of the trained size: float [batch_size, F, C, height, width].</summary>
    internal static Value VideoPixels(Graph graph, string name, int frames, int channels, (int Height, int Width) size)
    {
        graph.ImageSize = size;
        return Op.Cast(graph.Input(name, ElementType.Float, new Shape("batch_size", frames, channels, size.Height, size.Width)), graph.Options.ComputeType);
    }

    /// <summary>Blocks of pixels in time and space as tokens, by a convolution. [B, F, C, height, width] -> [B, N, D].</summary>
    internal static Value Tubelets(Module m, Value video, int width, Window time, Window rows, Window columns)
    {
        using var scope = m.Enter();
        var x = Op.Transpose(video, [0, 2, 1, 3, 4]);
        Value weight = m.Weight("weight", width, x.Shape[1].Size!.Value, time.Size, rows.Size, columns.Size);
        var map = Op.Conv(x, weight, m.Weight("bias", width), [time, rows, columns]);                    // [B, D, f, h, w]
        return m.Result(Op.Transpose(Op.Reshape(map, [0, 0, -1], map.Shape[2] * map.Shape[3] * map.Shape[4]), [0, 2, 1]));
    }

    /// <summary>Sines and cosines of positions side by side, component by component (Vaswani et al., 2017), computed in double precision. -> [1, count, D].</summary>
    internal static Value InterleavedSinusoids(Graph g, int count, int width)
    {
        ImmutableArray<float> values = [.. Enumerable.Range(0, count * width).Select(i =>
        {
            var angle = i / width / Math.Pow(10000, 2 * (i % width / 2) / (double)width);
            return (float)(i % width % 2 == 0 ? Math.Sin(angle) : Math.Cos(angle));
        })];
        return Op.Cast(g.Constant(ElementType.Float, [1, count, width], MemoryMarshal.AsBytes(values.AsSpan())), g.Options.ComputeType);
    }
}
