using System.Collections.Immutable;
using System.Text.Json;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>HGNet's second version (PaddlePaddle): blocks that join what all of their layers made. ustc-community/hgnet-v2. Reference: transformers, models/hgnet_v2.</summary>
internal sealed class HgNetV2(HgNetV2.Config c, Module m)
{
    internal sealed record Stage(int In, int Middle, int Out, int Blocks, bool Downsample, bool Light, int Kernel, int Layers);

    internal sealed record Config(ImmutableArray<int> Stem, ImmutableArray<Stage> Parts, Activation Activation, bool Affine, ImmutableArray<int> Stages, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("num_channels", "embedding_size", "hidden_sizes");                              // what the stem and the stages' own lists say
            var depths = json.Counts("depths", [3, 4, 6, 3]);
            var inputs = json.Counts("stage_in_channels", [48, 128, 512, 1024]);
            var n = inputs.Length;
            ImmutableArray<int> middles = json.Counts("stage_mid_channels", [48, 96, 192, 384], n), outputs = json.Counts("stage_out_channels", [128, 512, 1024, 2048], n), blocks = json.Counts("stage_num_blocks", [1, 1, 3, 1], n);
            ImmutableArray<int> kernels = json.Counts("stage_kernel_size", [3, 3, 5, 5], n), layers = json.Counts("stage_numb_of_layers", [6, 6, 6, 6], n);
            ImmutableArray<bool> downsample = Flags(json, "stage_downsample", [false, true, true, true], n), light = Flags(json, "stage_light_block", [false, false, true, true], n);
            return new(json.Counts("stem_channels", [3, 32, 48], 3), [.. Enumerable.Range(0, n).Select(i => new Stage(inputs[i], middles[i], outputs[i], blocks[i], downsample[i], light[i], kernels[i], layers[i]))],
                json.Activation("hidden_act", "relu"), json.Bool("use_learnable_affine_block", false), json.OutStages(depths.Length), json.Labels());
        }

        private static ImmutableArray<bool> Flags(ConfigReader json, string key, ImmutableArray<bool> absent, int length)
        {
            var flags = json.Raw(key) is { ValueKind: JsonValueKind.Array } list ? [.. list.EnumerateArray().Select(e => e.ValueKind == JsonValueKind.True)] : absent;
            if (flags.Length == length) return flags;
            json.Problem(key, $"{flags.Length} entries", $"one for each of the {length} stages");
            return [.. new bool[length]];
        }
    }

    private Value Layer(Module at, Value x, int width, int size, Activation? activation, int stride = 1, int groups = 1)
    {
        var h = BatchNorm(at["normalization"], Conv(at["convolution"], x, width, Window.Padded(size, stride, (size - 1) / 2), groups, bias: false), 1e-5f);
        if (activation is null) return h;
        h = Activate(at, activation, h);
        return c.Affine ? h * at["lab"].Weight("scale", 1) + at["lab"].Weight("bias", 1) : h;
    }

    private static Value PadOne(Value x) => Op.Pad(x, x.Graph.Constant(0, 0, 0, 0, 0, 0, 1, 1), x.Shape.With(2, x.Shape[2] + 1).With(3, x.Shape[3] + 1));

    private Value Stem(Module e, Value pixels)
    {
        var (width, last) = (c.Stem[1], c.Stem[2]);
        var first = Layer(e["stem1"], pixels, width, 3, c.Activation, 2);
        Value padded, seen, pooled;
        using (e.Enter()) padded = PadOne(first);
        seen = Layer(e["stem2a"], padded, width / 2, 2, c.Activation);
        using (e.Enter()) seen = PadOne(seen);
        seen = Layer(e["stem2b"], seen, width, 2, c.Activation);
        using (e.Enter()) pooled = Op.Known(Op.MaxPool(padded, [new(2), new(2)]), seen.Shape);
        return Layer(e["stem4"], Layer(e["stem3"], Op.Concat(1, pooled, seen), width, 3, c.Activation, 2), last, 1, c.Activation);
    }

    private Value Block(Module at, Value x, Stage s, bool residual)
    {
        var relu = Activation.Named("relu");
        var states = at["layers"].Through(s.Layers, x, (layer, _, y) => s.Light
            ? Layer(layer["conv2"], Layer(layer["conv1"], y, s.Middle, 1, null), s.Middle, s.Kernel, relu, groups: s.Middle)
            : Layer(layer, y, s.Middle, s.Kernel, relu));
        var all = Layer(at["aggregation.1"], Layer(at["aggregation.0"], Op.Concat(1, states.AsSpan()), s.Out / 2, 1, relu), s.Out, 1, relu);
        return residual ? all + x : all;
    }

    private ImmutableArray<Value> States(Value pixels) => m["encoder.stages"].Through(c.Parts.Length, Stem(m["embedder"], pixels), (at, i, x) =>
    {
        var s = c.Parts[i];
        var h = s.Downsample ? Layer(at["downsample"], x, s.In, 3, null, 2, s.In) : x;
        return at["blocks"].Fold(s.Blocks, h, (block, j, y) => Block(block, y, s, j > 0));
    });

    private Value Pixels() => PixelValues(m.Graph, c.Stem[0], (224, 224));

    private GraphOutputs Classify() => Logits(m.Root["fc"], PooledMap(States(Pixels())[^1]), c.Labels);

    private ImmutableArray<Value> Maps(Value pixels)
    {
        var states = States(pixels);
        return [.. c.Stages.Select(i => states[i])];
    }

    internal static Backbone AsBackbone(ConfigReader json)
    {
        var c = Config.Read(json);
        return new(new(224, 224), null, (at, pixels) => new HgNetV2(c, at).Maps(pixels));
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("hgnet_v2", "hgnetv2", Config.Read, (c, m) => new HgNetV2(c, m), [SkippedTensors.BatchCounts, new("fc", "the classifier, which the task does not read")],
        [
            new TaskGraphs<HgNetV2>("image-classification", h => h.Classify()),
            new TaskGraphs<HgNetV2>("backbone", h => Backbone.Outputs(h.Maps(h.Pixels()))),
        ]);
}
