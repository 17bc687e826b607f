using System.Collections.Immutable;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>Big Transfer (Kolesnikov et al., 2020): ResNet with normalized kernels and groups of channels in place of batches. google/bit-50. Reference: transformers, models/bit.</summary>
internal sealed class Bit(Bit.Config c, Module m)
{
    internal enum Padding { Symmetric, Same, Valid }

    internal sealed record Config(int Channels, int Stem, ImmutableArray<int> Widths, ImmutableArray<int> Depths, bool PreActivation, Activation Activation, Padding Pads, int Groups, bool PadStem, int OutputStride, double WidthFactor,
        ImmutableArray<int> Stages, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("drop_path_rate");
            var depths = json.Counts("depths", [3, 4, 6, 3]);
            var widths = json.Counts("hidden_sizes", [256, 512, 1024, 2048]);
            if (widths.Length < depths.Length) json.Problem("hidden_sizes", $"{widths.Length} entries", $"one for each of the {depths.Length} stages");
            var padding = json.OneOf("global_padding", Padding.Symmetric, ("SAME", Padding.Same), ("same", Padding.Same), ("VALID", Padding.Valid), ("valid", Padding.Valid));
            return new(json.Count("num_channels", 3), json.Count("embedding_size", 64), widths, depths, json.OneOf("layer_type", true, ("preactivation", true), ("bottleneck", false)), json.Activation("hidden_act", "relu"), padding,
                json.Count("num_groups", 32), json.Bool("embedding_dynamic_padding", false), json.Count("output_stride", 32), json.Double("width_factor", 1), json.OutStages(depths.Length), json.Labels());
        }
    }

    private static int Divisible(double value)
    {
        var near = Math.Max(8, (int)(value + 4) / 8 * 8);
        return near < 0.9 * value ? near + 8 : near;
    }

    /// <summary>Convolution with kernels of mean 0 and variance 1.</summary>
    private Value Standardized(Module at, Value x, int width, int size, int stride = 1, int dilation = 1)
    {
        var window = c.Pads switch
        {
            Padding.Same => new Window(size, stride, Dilation: dilation, Same: true),
            Padding.Valid => new Window(size, stride, Dilation: dilation),
            // The reference finds the padding without the dilation that the convolution then has.
            _ => Window.Padded(size, stride, (stride - 1 + dilation * (size - 1)) / 2, dilation),
        };
        using var scope = at.Enter();
        var (input, g) = (x.Shape[1].Size!.Value, x.Graph);
        var kernel = Op.Cast(Op.Reshape(at.Weight("weight", width, input, size, size), [width, input * size * size]), ElementType.Float);
        var centred = kernel - Op.ReduceMean(kernel, 1, keep: true);
        var standard = centred / Op.Sqrt(Op.ReduceMean(centred * centred, 1, keep: true) + 1e-8);
        return at.Result(Op.Conv(x, Op.Cast(Op.Reshape(standard, [width, input, size, size]), g.Options.ComputeType), null, [window, window]));
    }

    private Value Norm(Module at, Value x, bool activate = true) => GroupNorm(at, x, c.Groups, 1e-5f) is var h && activate ? Activate(at, c.Activation, h) : h;

    private Value Block(Module at, Value x, int width, int stride, bool first, int dilation)
    {
        var inner = Divisible(width * 0.25);
        if (c.PreActivation)
        {
            var active = Norm(at["norm1"], x);
            var aside = first ? Standardized(at["downsample.conv"], active, width, 1, stride) : x;
            var inside = Standardized(at["conv2"], Norm(at["norm2"], Standardized(at["conv1"], active, inner, 1)), inner, 3, stride);
            return Standardized(at["conv3"], Norm(at["norm3"], inside), width, 1) + aside;
        }
        var shortcut = first ? Norm(at["downsample.norm"], Standardized(at["downsample.conv"], x, width, 1, stride), activate: false) : x;
        var h = Norm(at["norm1"], Standardized(at["conv1"], x, inner, 1));
        h = Norm(at["norm2"], Standardized(at["conv2"], h, inner, 3, stride, dilation));
        return Activate(at, c.Activation, Norm(at["norm3"], Standardized(at["conv3"], h, width, 1), activate: false) + shortcut);
    }

    private Value Stem(Module e, Value pixels)
    {
        var h = Standardized(e["convolution"], pixels, c.Stem, 7, 2);
        Window pool = new(3, 2);
        using var scope = e["pooler"].Enter();
        if (c.Pads != Padding.Same)
        {
            // Of constant ones ONNX Runtime would make padding of the pooling, which is less than any number and not zero.
            Value none = e.Graph.Constant(0, 0), ones = Op.ShapeOf(h, 2, 4) * 0 + 1;
            h = Op.Pad(h, Op.Concat(0, none, ones, none, ones), h.Shape.With(2, h.Shape[2] + 2).With(3, h.Shape[3] + 2));
        }
        if (!c.PreActivation) h = Norm(e["norm"], h);
        return Op.MaxPool(c.PadStem ? PadSame(h, 3, 2) : h, [pool, pool]);
    }

    /// <summary>What each stage makes, the stem first. [B, C, height, width] -> [B, D, h, w] each. From the output stride on, stages dilate instead of making maps smaller.</summary>
    private ImmutableArray<Value> States(Value pixels)
    {
        var (reached, dilation) = (4, 1);
        return m["encoder.stages"].Through(c.Depths.Length, Stem(m["embedder"], pixels), (stage, i, x) =>
        {
            var (width, stride) = (Divisible(c.Widths[i] * c.WidthFactor), i == 0 ? 1 : 2);
            if (reached >= c.OutputStride) (dilation, stride) = (dilation * stride, 1);
            reached *= stride;
            var (first, own) = (dilation is 1 or 2 ? 1 : 2, dilation);
            return stage["layers"].Fold(c.Depths[i], x, (layer, j, y) => Block(layer, y, width, j == 0 ? stride : 1, j == 0, j == 0 ? first : own));
        });
    }

    private Value Pixels() => PixelValues(m.Graph, c.Channels, (224, 224));

    private Value Encode() => States(Pixels())[^1] is var h && c.PreActivation ? Norm(m["norm"], h) : h;

    private GraphOutputs Features()
    {
        var h = Encode();
        return [("last_hidden_state", h), ("pooler_output", Op.GlobalAveragePool(h))];
    }

    private GraphOutputs Classify() => Logits(m.Root["classifier.1"], PooledMap(Encode()), c.Labels);

    private ImmutableArray<Value> Maps(Value pixels)
    {
        m["norm"].LeaveOut("the last normalization, which maps go without");
        var states = States(pixels);
        return [.. c.Stages.Select(i => states[i])];
    }

    /// <summary>A backbone's class keeps the network one level down.</summary>
    internal static Backbone AsBackbone(ConfigReader json)
    {
        var c = Config.Read(json);
        return new(new(224, 224), null, (at, pixels) => new Bit(c, at["bit"]).Maps(pixels));
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("bit", "bit", Config.Read, (c, m) => new Bit(c, m), [],
        [
            new TaskGraphs<Bit>("feature-extraction", b => b.Features()),
            new TaskGraphs<Bit>("image-classification", b => b.Classify()),
            new TaskGraphs<Bit>("backbone", b => Backbone.Outputs(b.Maps(b.Pixels()))),
        ]);
}
