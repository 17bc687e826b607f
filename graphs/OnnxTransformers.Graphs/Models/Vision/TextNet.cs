using System.Collections.Immutable;
using System.Text.Json;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>TextNet (Chen et al., 2021): convolutions of three shapes side by side, for finding text. czczup/textnet-base. Reference: transformers, models/textnet.</summary>
internal sealed class TextNet(TextNet.Config c, Module m)
{
    /// <summary>A layer's kernel and stride.</summary>
    internal sealed record Step(int Rows, int Columns, int Stride);

    internal sealed record Config(PixelSize Image, int Channels, int StemKernel, int StemStride, int StemWidth, Activation StemActivation, ImmutableArray<ImmutableArray<Step>> Steps, ImmutableArray<int> Widths, float Epsilon, ImmutableArray<int> Stages, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("depths");
            var steps = ReadSteps(json);
            return new(json.PixelSize("image_size", 640), json.Count("stem_num_channels", 3), json.Count("stem_kernel_size", 3), json.Count("stem_stride", 2), json.Count("stem_out_channels", 64), json.Activation("stem_act_func", "relu"), steps,
                json.Counts("hidden_sizes", [64, 64, 128, 256, 512], steps.Length + 1), json.Float("batch_norm_eps", 1e-5f), json.OutStages(steps.Length), json.Labels());
        }

        private static ImmutableArray<ImmutableArray<Step>> ReadSteps(ConfigReader json)
        {
            int[][][] kernels = Lists<int[][][]>(json, "conv_layer_kernel_sizes")
                ?? [[[3, 3], [3, 3], [3, 3]], [[3, 3], [1, 3], [3, 3], [3, 1]], [[3, 3], [3, 3], [3, 1], [1, 3]], [[3, 3], [3, 1], [1, 3], [3, 3]]];
            int[][] strides = Lists<int[][]>(json, "conv_layer_strides") ?? [[1, 2, 1], [2, 1, 1, 1], [2, 1, 1, 1], [2, 1, 1, 1]];
            if (kernels.Length != strides.Length || kernels.Zip(strides).Any(p => p.First.Length != p.Second.Length || p.First.Any(k => k.Length != 2)))
            {
                json.Problem("conv_layer_strides", "other layers than conv_layer_kernel_sizes has", "a stride for each layer of each stage, and kernels of two sides");
                return [];
            }
            return [.. kernels.Zip(strides).Select(p => p.First.Zip(p.Second).Select(q => new Step(q.First[0], q.First[1], q.Second)).ToImmutableArray())];
        }

        private static T? Lists<T>(ConfigReader json, string key) where T : class
        {
            if (json.Raw(key) is not { } value) return null;
            try
            {
                return typeof(T) == typeof(int[][]) ? (T)(object)Rows(value) : (T)(object)value.EnumerateArray().Select(Rows).ToArray();
            }
            catch (InvalidOperationException)
            {
                json.Problem(key, value.GetRawText(), "lists of whole numbers");
                return null;
            }
        }

        private static int[][] Rows(JsonElement list) => [.. list.EnumerateArray().Select(row => row.EnumerateArray().Select(n => n.GetInt32()).ToArray())];
    }

    private Value Normalized(Module at, string kind, Value x, int width, int rows, int columns, int stride) =>
        BatchNorm(at[$"{kind}_batch_norm"], Conv(at[$"{kind}_conv"], x, width, Window.Padded(rows, stride, (rows - 1) / 2), Window.Padded(columns, stride, (columns - 1) / 2), bias: false), c.Epsilon);

    private Value Layer(Module at, Value x, int width, Step s)
    {
        var h = Normalized(at, "main", x, width, s.Rows, s.Columns, s.Stride);
        if (s.Columns != 1) h += Normalized(at, "vertical", x, width, s.Rows, 1, s.Stride);
        if (s.Rows != 1) h += Normalized(at, "horizontal", x, width, 1, s.Columns, s.Stride);
        if (x.Shape[1] == width && s.Stride == 1) h += BatchNorm(at["rbr_identity"], x, c.Epsilon);
        return Activate(at, Activation.Named("relu"), h);
    }

    /// <summary>What each stage makes, the stem first. [B, C, height, width] -> [B, D, h, w] each.</summary>
    private ImmutableArray<Value> States(Value pixels)
    {
        var stem = m["stem"];
        var h = Activate(stem, c.StemActivation, BatchNorm(stem["batch_norm"], Conv(stem["conv"], pixels, c.StemWidth, Window.Padded(c.StemKernel, c.StemStride, c.StemKernel / 2), bias: false), c.Epsilon));
        return m["encoder.stages"].Through(c.Steps.Length, h, (stage, i, x) => stage["stage"].Fold(c.Steps[i].Length, x, (layer, j, y) => Layer(layer, y, c.Widths[i + 1], c.Steps[i][j])));
    }

    private Value Pixels() => PixelValues(m.Graph, c.Channels, c.Image.Pixels);

    private GraphOutputs Features()
    {
        var h = States(Pixels())[^1];
        return [("last_hidden_state", h), ("pooler_output", AdaptivePool(h, 2, 2))];
    }

    private GraphOutputs Classify() => Logits(m.Root["fc"], PooledMap(States(Pixels())[^1]), c.Labels);

    private ImmutableArray<Value> Maps(Value pixels)
    {
        var states = States(pixels);
        return [.. c.Stages.Select(i => states[i])];
    }

    /// <summary>A backbone's class keeps the network one level down.</summary>
    internal static Backbone AsBackbone(ConfigReader json)
    {
        var c = Config.Read(json);
        return new(c.Image, null, (at, pixels) => new TextNet(c, at["textnet"]).Maps(pixels));
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("textnet", "textnet", Config.Read, (c, m) => new TextNet(c, m), [SkippedTensors.BatchCounts],
        [
            new TaskGraphs<TextNet>("feature-extraction", t => t.Features()),
            new TaskGraphs<TextNet>("image-classification", t => t.Classify()),
            new TaskGraphs<TextNet>("backbone", t => Backbone.Outputs(t.Maps(t.Pixels()))),
        ]);
}
