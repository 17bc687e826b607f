using System.Collections.Immutable;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Layers;

/// <summary>How maps of one transformer become maps of several sizes and are fused into one (Ranftl et al., 2021).</summary>
/// <param name="Widths">Channels of each map before it is fused.</param>
/// <param name="Factors">How much larger each becomes.</param>
/// <param name="Width">Channels of what is fused.</param>
internal sealed record DepthFusion(ImmutableArray<int> Widths, ImmutableArray<double> Factors, int Width)
{
    /// <summary>Whether convolutions are followed by normalization.</summary>
    internal bool BatchNorm { get; init; }

    /// <summary>Whether convolutions have biases.</summary>
    internal bool Bias { get; init; } = true;

    /// <summary>Whether each result gets the size of the next map; otherwise twice its own, always so the last.</summary>
    internal bool ToNextSize { get; init; }

    /// <summary>Reads neck_hidden_sizes, reassemble_factors and fusion_hidden_size.</summary>
    internal static DepthFusion Read(ConfigReader json, ImmutableArray<int> widths, int width)
    {
        var found = json.Ints("neck_hidden_sizes", widths);
        var factors = json.Doubles("reassemble_factors", [4, 2, 1, 0.5]);
        if (factors.Length != found.Length) json.Problem("reassemble_factors", $"{factors.Length} entries", $"one for each of the {found.Length} of neck_hidden_sizes");
        foreach (var factor in factors.Where(f => f <= 0 || (f > 1 && f != Math.Floor(f)))) json.Problem("reassemble_factors", $"{factor}", "whole numbers of at least 1, and parts of 1");
        return new(found, factors.Length == found.Length ? factors : [.. found.Select(_ => 1.0)], json.Count("fusion_hidden_size", width));
    }
}

internal static partial class Layer
{
    /// <summary>A map at a multiple of its size. [B, C, h, w] -> [B, C, h * times, w * times].</summary>
    internal static Value Enlarge(Value map, int times, bool alignCorners)
    {
        var size = GridSize.Of(map);
        return Op.Resize(map, size.Vector * map.Graph.Scalar(times, ElementType.Int64), size.Height * times, size.Width * times, Interpolation.Linear, alignCorners);
    }

    /// <summary>A map at another width and size: projection, resize. [B, C, h, w] -> [B, width, h * factor, w * factor].</summary>
    internal static Value Reassemble(Module m, Value map, int width, double factor)
    {
        map = Conv(m["projection"], map, width, new Window(1));
        if (factor < 1) return Conv(m["resize"], map, width, Window.Padded(3, (int)(1 / factor), 1));
        if (factor == 1) return map;
        var (at, times) = (m["resize"], (int)factor);
        using var scope = at.Enter();
        return Op.ConvTranspose(map, at.Weight("weight", width, width, times, times), at.Weight("bias", width), [new Window(times, times), new Window(times, times)]);
    }

    /// <summary>Fuses maps from the last to the first: convs, fusion_stage.layers. -> each step's result [B, width, h, w].</summary>
    internal static ImmutableArray<Value> FuseMaps(Module m, IReadOnlyList<Value> maps, DepthFusion c)
    {
        Value[] features = [.. maps.Select((map, i) => Conv(m["convs"][i], map, c.Width, Window.Padded(3, 1, 1), bias: false)).Reverse()];
        var results = ImmutableArray.CreateBuilder<Value>(features.Length);
        for (var i = 0; i < features.Length; i++)
        {
            var at = m["fusion_stage.layers"][i];
            if (i == 0) at["residual_layer1"].LeaveOut("there is nothing before the first map that it could be added to");
            var h = i == 0 ? features[0] : results[^1] + FusionResidual(at["residual_layer1"], SizedAs(features[i], results[^1]), c);
            h = FusionResidual(at["residual_layer2"], h, c);
            h = c.ToNextSize && i < features.Length - 1 ? Sized(h, GridSize.Of(features[i + 1])) : Enlarge(h, 2, alignCorners: true);
            results.Add(Conv(at["projection"], h, c.Width, new Window(1)));
        }
        return results.ToImmutable();
    }

    /// <summary>A map at another's size, where that differs.</summary>
    private static Value SizedAs(Value map, Value like)
    {
        if (map.Shape == like.Shape) return map;
        var size = GridSize.Of(like);
        return Op.Resize(map, size.Vector, size.Height, size.Width, Interpolation.Linear);
    }

    private static Value Sized(Value map, GridSize size) => Op.Resize(map, size.Vector, size.Height, size.Width, Interpolation.Linear, alignCorners: true);

    /// <summary>Two convolutions with ReLU in front of each, around which the map passes: convolution1, batch_norm1, convolution2, batch_norm2.</summary>
    private static Value FusionResidual(Module m, Value x, DepthFusion c)
    {
        var h = x;
        foreach (var i in (int[])[1, 2])
        {
            h = Conv(m[$"convolution{i}"], Op.Relu(h), c.Width, Window.Padded(3, 1, 1), bias: c.Bias);
            if (c.BatchNorm) h = BatchNorm(m[$"batch_norm{i}"], h, 1e-5f);
        }
        return h + x;
    }
}
