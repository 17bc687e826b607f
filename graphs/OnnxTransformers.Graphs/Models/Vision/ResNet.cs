using System.Collections.Immutable;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>ResNet (He et al., 2015) with the stride in the middle of its bottlenecks: microsoft/resnet-50. Reference: transformers, models/resnet.</summary>
internal sealed class ResNet(ResNet.Config c, Module m)
{
    internal sealed record Config(int Channels, int Stem, ImmutableArray<int> Widths, ImmutableArray<int> Depths, bool Bottleneck, Activation Activation, bool DownsampleFirst, bool StrideInFirst, ImmutableArray<int> Stages, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            var depths = json.Counts("depths", [3, 4, 6, 3]);
            return new(json.Count("num_channels", 3), json.Count("embedding_size", 64), json.Counts("hidden_sizes", [256, 512, 1024, 2048], depths.Length), depths,
                json.OneOf("layer_type", true, ("bottleneck", true), ("basic", false)), json.Activation("hidden_act", "relu"), json.Bool("downsample_in_first_stage", false), json.Bool("downsample_in_bottleneck", false),
                json.OutStages(depths.Length), json.Labels());
        }
    }

    /// <summary>Convolution and normalization. [B, C, h, w] -> [B, width, h', w'].</summary>
    private static Value Normalized(Module at, Value x, int width, int size, int stride = 1) =>
        BatchNorm(at["normalization"], Conv(at["convolution"], x, width, Window.Padded(size, stride, size / 2), bias: false), 1e-5f);

    /// <summary>The same and a ReLU: inside of blocks the reference takes no other.</summary>
    private static Value Rectified(Module at, Value x, int width, int size, int stride) => Activate(at, Activation.Named("relu"), Normalized(at, x, width, size, stride));

    private Value Block(Module at, Value x, int width, int stride)
    {
        var shortcut = x.Shape[1] != width || stride != 1 ? Normalized(at["shortcut"], x, width, 1, stride) : x;
        var (layer, inner) = (at["layer"], width / 4);
        var h = c.Bottleneck
            ? Normalized(layer[2], Rectified(layer[1], Rectified(layer[0], x, inner, 1, c.StrideInFirst ? stride : 1), inner, 3, c.StrideInFirst ? 1 : stride), width, 1)
            : Normalized(layer[1], Rectified(layer[0], x, width, 3, stride), width, 3);
        return Activate(at, c.Activation, h + shortcut);
    }

    /// <summary>What each stage makes, the stem first. [B, C, height, width] -> [B, width, h, w] each.</summary>
    private ImmutableArray<Value> States(Value pixels)
    {
        var stem = m["embedder"];
        var h = Activate(stem["embedder"], c.Activation, Normalized(stem["embedder"], pixels, c.Stem, 7, 2));
        using (stem["pooler"].Enter()) h = Op.MaxPool(h, [Window.Padded(3, 2, 1), Window.Padded(3, 2, 1)]);
        return m["encoder.stages"].Through(c.Depths.Length, h, (stage, i, x) =>
            stage["layers"].Fold(c.Depths[i], x, (block, j, y) => Block(block, y, c.Widths[i], j == 0 && (i > 0 || c.DownsampleFirst) ? 2 : 1)));
    }

    private Value Pixels() => PixelValues(m.Graph, c.Channels, (224, 224));

    private GraphOutputs Features()
    {
        var h = States(Pixels())[^1];
        return [("last_hidden_state", h), ("pooler_output", Op.GlobalAveragePool(h))];
    }

    private GraphOutputs Classify() => Logits(m.Root["classifier.1"], PooledMap(States(Pixels())[^1]), c.Labels);

    private ImmutableArray<Value> Maps(Value pixels)
    {
        var states = States(pixels);
        return [.. c.Stages.Select(stage => states[stage])];
    }

    internal static Backbone AsBackbone(ConfigReader json)
    {
        var c = Config.Read(json);
        return new(new(224, 224), null, (at, pixels) => new ResNet(c, at).Maps(pixels));
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("resnet", "resnet", Config.Read, (c, m) => new ResNet(c, m), [SkippedTensors.BatchCounts],
        [
            new TaskGraphs<ResNet>("feature-extraction", r => r.Features()),
            new TaskGraphs<ResNet>("image-classification", r => r.Classify()),
            new TaskGraphs<ResNet>("backbone", r => Backbone.Outputs(r.Maps(r.Pixels()))),
        ]);
}
