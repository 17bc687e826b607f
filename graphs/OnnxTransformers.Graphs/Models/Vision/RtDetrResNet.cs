using System.Collections.Immutable;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>RT-DETR's ResNet: a stem of three small convolutions, and shortcuts that average before they project. Reference: transformers, models/rt_detr/modeling_rt_detr_resnet.py.</summary>
internal sealed class RtDetrResNet(RtDetrResNet.Config c, Module m)
{
    internal sealed record Config(int Channels, int Stem, ImmutableArray<int> Widths, ImmutableArray<int> Depths, bool Bottleneck, Activation Activation, bool DownsampleFirst, bool StrideInFirst, ImmutableArray<int> Stages)
    {
        internal static Config Read(ConfigReader json)
        {
            var depths = json.Counts("depths", [3, 4, 6, 3]);
            return new(json.Count("num_channels", 3), json.Count("embedding_size", 64), json.Counts("hidden_sizes", [256, 512, 1024, 2048], depths.Length), depths,
                json.OneOf("layer_type", true, ("bottleneck", true), ("basic", false)), json.Activation("hidden_act", "relu"), json.Bool("downsample_in_first_stage", false), json.Bool("downsample_in_bottleneck", false),
                json.OutStages(depths.Length));
        }
    }

    /// <summary>What stands between the convolutions of a block, whatever hidden_act says.</summary>
    private static readonly Activation Inner = Activation.Named("relu");

    /// <summary>Convolution and normalization. [B, C, h, w] -> [B, width, h', w'].</summary>
    private static Value Normalized(Module at, Value x, int width, int size, int stride = 1) =>
        BatchNorm(at["normalization"], Conv(at["convolution"], x, width, Window.Padded(size, stride, size / 2), bias: false), 1e-5f);

    private static Value Activated(Module at, Value x, int width, int size, int stride, Activation activation) => Activate(at, activation, Normalized(at, x, width, size, stride));

    /// <summary>What is added to a block's result: the block's input, projected where it has another shape and averaged where it is larger.</summary>
    private Value Shortcut(Module at, Value x, int width, int stride, bool first)
    {
        var averages = c.Bottleneck ? stride == 2 : x.Shape[1] != width;
        var projects = c.Bottleneck ? x.Shape[1] != width || stride != 1 : first;
        if (!averages) return projects ? Normalized(at, x, width, 1, stride) : x;
        if (!projects) return x;
        using (at[0].Enter()) x = Op.AveragePool(x, [new Window(2, 2, Ceiling: true), new Window(2, 2, Ceiling: true)], countPadding: false);
        return Normalized(at[1], x, width, 1);
    }

    private Value Block(Module at, Value x, int width, int stride, bool first)
    {
        var (layer, inner) = (at["layer"], width / 4);
        var h = c.Bottleneck
            ? Normalized(layer[2], Activated(layer[1], Activated(layer[0], x, inner, 1, c.StrideInFirst ? stride : 1, Inner), inner, 3, c.StrideInFirst ? 1 : stride, Inner), width, 1)
            : Normalized(layer[1], Activated(layer[0], x, width, 3, stride, Inner), width, 3);
        var shortcut = Op.Known(Shortcut(at["shortcut"], x, width, stride, first), h.Shape);
        return Activate(at, c.Activation, h + shortcut);
    }

    private ImmutableArray<Value> Maps(Value pixels)
    {
        var stem = m["embedder.embedder"];
        var h = Activated(stem[0], pixels, c.Stem / 2, 3, 2, c.Activation);
        h = Activated(stem[2], Activated(stem[1], h, c.Stem / 2, 3, 1, c.Activation), c.Stem, 3, 1, c.Activation);
        using (m["embedder.pooler"].Enter()) h = Op.MaxPool(h, [Window.Padded(3, 2, 1), Window.Padded(3, 2, 1)]);
        var states = m["encoder.stages"].Through(c.Depths.Length, h, (stage, i, x) =>
            stage["layers"].Fold(c.Depths[i], x, (block, j, y) => Block(block, y, c.Widths[i], j == 0 && (i > 0 || c.DownsampleFirst) ? 2 : 1, first: j == 0)));
        return [.. c.Stages.Select(stage => states[stage])];
    }

    internal static Backbone AsBackbone(ConfigReader json)
    {
        var c = Config.Read(json);
        return new(new(640, 640), null, (at, pixels) => new RtDetrResNet(c, at).Maps(pixels));
    }
}
