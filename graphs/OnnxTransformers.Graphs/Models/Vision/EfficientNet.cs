using System.Collections.Immutable;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>EfficientNet (Tan and Le, 2019): MobileNet's blocks with squeezed channels, wider and deeper by one coefficient. google/efficientnet-b0. Reference: transformers, models/efficientnet.</summary>
internal sealed class EfficientNet(EfficientNet.Config c, Module m)
{
    internal sealed record Config(PixelSize Image, int Channels, double WidthFactor, double DepthFactor, int Divisor, ImmutableArray<int> Kernels, ImmutableArray<int> Out, ImmutableArray<int> EvenlyPadded,
        ImmutableArray<int> Strides, ImmutableArray<int> Repeats, ImmutableArray<int> Expansions, double Squeeze, Activation Activation, int LastWidth, bool Mean, float Epsilon, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("batch_norm_momentum", "dropout_rate", "drop_connect_rate", "num_hidden_layers", "in_channels");                  // what comes in is what the stage before makes
            var repeats = json.Counts("num_block_repeats", [1, 2, 2, 3, 3, 4, 1]);
            var n = repeats.Length;
            return new(json.PixelSize("image_size", 600), json.Count("num_channels", 3), json.Double("width_coefficient", 2), json.Double("depth_coefficient", 3.1), json.Count("depth_divisor", 8),
                json.Counts("kernel_sizes", [3, 3, 5, 3, 5, 5, 3], n), json.Counts("out_channels", [16, 24, 40, 80, 112, 192, 320], n), json.Ints("depthwise_padding", []),
                json.Counts("strides", [1, 2, 2, 2, 1, 2, 1], n), repeats, json.Counts("expand_ratios", [1, 6, 6, 6, 6, 6, 6], n), json.Double("squeeze_expansion_ratio", 0.25), json.Activation("hidden_act", "swish"),
                json.Count("hidden_dim", 2560), json.OneOf("pooling_type", true, ("mean", true), ("max", false)), json.Float("batch_norm_eps", 0.001f), json.Labels());
        }

        /// <summary>Channels times the width's coefficient, at a multiple of the divisor.</summary>
        internal int Width(int channels)
        {
            var exact = channels * WidthFactor;
            var near = Math.Max(Divisor, (int)(exact + Divisor / 2.0) / Divisor * Divisor);
            return near < 0.9 * exact ? near + Divisor : near;
        }

        internal int Depth(int repeats) => (int)Math.Ceiling(DepthFactor * repeats);
    }

    private Value Normalized(Module convolution, Module norm, Value x, int width, Window window, int groups = 1) => BatchNorm(norm, Conv(convolution, x, width, window, groups, bias: false), c.Epsilon);

    private Value Block(Module at, int index, Value x, int stage, int width, int stride)
    {
        var (input, h) = ((int)x.Shape[1].Size!.Value, x);
        if (c.Expansions[stage] != 1)
        {
            var e = at["expansion"];
            h = Activate(e, c.Activation, Normalized(e["expand_conv"], e["expand_bn"], h, input * c.Expansions[stage], new Window(1)));
        }
        var (d, inner, size) = (at["depthwise_conv"], (int)h.Shape[1].Size!.Value, c.Kernels[stage]);
        var half = size / 2;
        var window = stride == 2 ? new Window(size, 2, c.EvenlyPadded.Contains(index) ? half : half - 1, half) : new Window(size, stride, (size - 1) / 2, half);
        h = Activate(d, c.Activation, Normalized(d["depthwise_conv"], d["depthwise_norm"], h, inner, window, inner));
        var s = at["squeeze_excite"];
        h = SqueezeExcite(s["reduce"], s["expand"], h, Math.Max(1, (int)(input * c.Squeeze)), c.Activation, Activation.Named("sigmoid"));
        var p = at["projection"];
        return Normalized(p["project_conv"], p["project_bn"], h, width, new Window(1));
    }

    private Value Encode()
    {
        var (h, top) = (Blocks(), m["encoder"]);
        return Activate(top, c.Activation, Normalized(top["top_conv"], top["top_bn"], h, c.Width(1280), new Window(1)));
    }

    /// <summary>Declares images. What the last block makes of them [B, C, h, w].</summary>
    internal Value Blocks()
    {
        var e = m["embeddings"];
        var h = Activate(e, c.Activation, Normalized(e["convolution"], e["batchnorm"], PixelValues(m.Graph, c.Channels, c.Image.Pixels), c.Width(32), new Window(3, 2, 0, 1)));
        var (index, blocks) = (0, m["encoder.blocks"]);
        for (var stage = 0; stage < c.Repeats.Length; stage++)
            for (var j = 0; j < c.Depth(c.Repeats[stage]); j++, index++)
            {
                var made = Block(blocks[index], index, h, stage, c.Width(c.Out[stage]), j == 0 ? c.Strides[stage] : 1);
                h = j == 0 ? made : made + h;
            }
        return h;
    }

    /// <summary>The mean or the largest of each channel. [B, C, h, w] -> [B, C].</summary>
    internal Value Pooled(Value h) => c.Mean ? PooledMap(h) : Op.Reshape(Op.GlobalMaxPool(h), [0, c.LastWidth]);

    private GraphOutputs Features()
    {
        var h = Encode();
        return [("last_hidden_state", h), ("pooler_output", Pooled(h))];
    }

    private GraphOutputs Classify() => Logits(m.Root["classifier"], Pooled(Encode()), c.Labels);

    internal static readonly ModelFamily Family = ModelFamily.Of("efficientnet", "efficientnet", Config.Read, (c, m) => new EfficientNet(c, m), [SkippedTensors.BatchCounts],
        [
            new TaskGraphs<EfficientNet>("feature-extraction", v => v.Features()),
            new TaskGraphs<EfficientNet>("image-classification", v => v.Classify()),
        ]);
}
