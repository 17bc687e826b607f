using System.Collections.Immutable;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>RegNet (Radosavovic et al., 2020), X and Y (with squeezed channels): facebook/regnet-y-040. Reference: transformers, models/regnet.</summary>
internal sealed class RegNet(RegNet.Config c, Module m)
{
    internal sealed record Config(int Channels, int Stem, ImmutableArray<int> Widths, ImmutableArray<int> Depths, int GroupWidth, bool Squeezes, Activation Activation, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            json.MustBe("downsample_in_first_stage", true, "the reference has no other");
            var depths = json.Counts("depths", [2, 6, 12, 2]);
            return new(json.Count("num_channels", 3), json.Count("embedding_size", 32), json.Counts("hidden_sizes", [128, 192, 512, 1088], depths.Length), depths, json.Count("groups_width", 64),
                json.OneOf("layer_type", true, ("x", false), ("y", true)), json.Activation("hidden_act", "relu"), json.Labels());
        }
    }

    private Value Layer(Module at, Value x, int width, int size, int stride = 1, int groups = 1, bool activate = true)
    {
        var h = BatchNorm(at["normalization"], Conv(at["convolution"], x, width, Window.Padded(size, stride, size / 2), groups, bias: false), 1e-5f);
        return activate ? Activate(at, c.Activation, h) : h;
    }

    private Value Block(Module at, Value x, int width, int stride)
    {
        var (input, layer, groups) = ((int)x.Shape[1].Size!.Value, at["layer"], Math.Max(1, width / c.GroupWidth));
        var shortcut = input != width || stride != 1 ? Layer(at["shortcut"], x, width, 1, stride, activate: false) : x;
        var h = Layer(layer[1], Layer(layer[0], x, width, 1), width, 3, stride, groups);
        if (c.Squeezes) h = SqueezeExcite(layer["2.attention.0"], layer["2.attention.2"], h, (int)Math.Round(input / 4.0, MidpointRounding.ToEven), Activation.Named("relu"), Activation.Named("sigmoid"));
        return Activate(at, c.Activation, Layer(layer[c.Squeezes ? 3 : 2], h, width, 1, activate: false) + shortcut);
    }

    private Value Encode()
    {
        var stem = Layer(m["embedder.embedder"], PixelValues(m.Graph, c.Channels, (224, 224)), c.Stem, 3, 2);
        return m["encoder.stages"].Fold(c.Depths.Length, stem, (stage, i, x) => stage["layers"].Fold(c.Depths[i], x, (block, j, y) => Block(block, y, c.Widths[i], j == 0 ? 2 : 1)));
    }

    private GraphOutputs Features()
    {
        var h = Encode();
        return [("last_hidden_state", h), ("pooler_output", Op.GlobalAveragePool(h))];
    }

    private GraphOutputs Classify() => Logits(m.Root["classifier.1"], PooledMap(Encode()), c.Labels);

    internal static readonly ModelFamily Family = ModelFamily.Of("regnet", "regnet", Config.Read, (c, m) => new RegNet(c, m), [SkippedTensors.BatchCounts],
        [
            new TaskGraphs<RegNet>("feature-extraction", r => r.Features()),
            new TaskGraphs<RegNet>("image-classification", r => r.Classify()),
        ]);
}
