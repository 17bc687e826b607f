using System.Collections.Immutable;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>MobileNetV2 (Sandler et al., 2018): blocks that are narrow outside and wide inside. google/mobilenet_v2_1.0_224. Reference: transformers, models/mobilenet_v2.</summary>
internal sealed class MobileNetV2(MobileNetV2.Config c, Module m)
{
    internal sealed record Config(PixelSize Image, int Channels, double Multiplier, int Divisor, int LeastDepth, double Expansion, int OutputStride, bool FirstExpands, bool FineOutput, Activation Activation, bool Same, float Epsilon, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("classifier_dropout_prob", "semantic_loss_ignore_index");
            return new(json.PixelSize("image_size", 224), json.Count("num_channels", 3), json.Double("depth_multiplier", 1), json.Count("depth_divisible_by", 8), json.Int("min_depth", 8), json.Double("expand_ratio", 6),
                json.Count("output_stride", 32), json.Bool("first_layer_is_expansion", true), json.Bool("finegrained_output", true), json.Activation("hidden_act", "relu6"), json.Bool("tf_padding", true), json.Float("layer_norm_eps", 0.001f),
                json.Labels());
        }

        /// <summary>A width that the divisor divides, at most a tenth less than the value.</summary>
        internal int Rounded(int value)
        {
            var near = Math.Max(LeastDepth, (int)(value + Divisor / 2.0) / Divisor * Divisor);
            return near < 0.9 * value ? near + Divisor : near;
        }

        internal int Width(int channels) => Rounded((int)Math.Round(channels * Multiplier, MidpointRounding.ToEven));

        internal int LastWidth => FineOutput && Multiplier < 1 ? 1280 : Width(1280);
    }

    private static readonly int[] Widths = [16, 24, 24, 32, 32, 32, 64, 64, 64, 64, 96, 96, 96, 160, 160, 160, 320];

    private static readonly int[] Strides = [2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1];

    private Value Layer(Module at, Value x, int width, int size, int stride = 1, int groups = 1, int dilation = 1, bool activate = true)
    {
        // A dilated convolution has no stride here, so that its padding is the same on both sides whatever the size.
        var window = c.Same && dilation == 1 ? new Window(size, stride, Same: true) : Window.Padded(size, stride, (size - 1) / 2 * dilation, dilation);
        var h = BatchNorm(at["normalization"], Conv(at["convolution"], x, width, window, groups, bias: false), c.Epsilon);
        return activate ? Activate(at, c.Activation, h) : h;
    }

    private Value Block(Module at, Value x, int width, int stride, int dilation)
    {
        var inner = c.Rounded((int)Math.Round(x.Shape[1].Size!.Value * c.Expansion, MidpointRounding.ToEven));
        var h = Layer(at["conv_3x3"], Layer(at["expand_1x1"], x, inner, 1), inner, 3, stride, inner, dilation);
        h = Layer(at["reduce_1x1"], h, width, 1, activate: false);
        return stride == 1 && x.Shape[1] == width ? x + h : h;
    }

    private Value Stem(Value pixels)
    {
        var (stem, width) = (m["conv_stem"], c.Width(32));
        var h = Layer(stem["first_conv"], pixels, width, 3, 2);
        if (!c.FirstExpands) h = Layer(stem["expand_1x1"], h, width, 1);
        return Layer(stem["reduce_1x1"], Layer(stem["conv_3x3"], h, width, 3, groups: width), c.Width(Widths[0]), 1, activate: false);
    }

    /// <summary>What each block makes, the stem first. [B, C, height, width] -> [B, D, h, w] each. From the configured output stride on, blocks dilate instead of making maps smaller.</summary>
    internal ImmutableArray<Value> States(Value pixels)
    {
        var (reached, dilation) = (2, 1);
        return m["layer"].Through(Strides.Length, Stem(pixels), (at, i, x) =>
        {
            if (reached == c.OutputStride)
            {
                var own = dilation;
                dilation *= Strides[i];
                return Block(at, x, c.Width(Widths[i + 1]), 1, own);
            }
            reached *= Strides[i];
            return Block(at, x, c.Width(Widths[i + 1]), Strides[i], 1);
        });
    }

    private Value Encode() => Layer(m["conv_1x1"], States(PixelValues(m.Graph, c.Channels, c.Image.Pixels))[^1], c.LastWidth, 1);

    private GraphOutputs Features()
    {
        var h = Encode();
        return [("last_hidden_state", h), ("pooler_output", PooledMap(h))];
    }

    private GraphOutputs Classify() => Logits(m.Root["classifier"], PooledMap(Encode()), c.Labels);

    /// <summary>The last map beside its mean, through a few convolutions. -> [B, labels, h, w].</summary>
    private GraphOutputs Segment()
    {
        var (map, head) = (States(PixelValues(m.Graph, c.Channels, c.Image.Pixels))[^1], m.Root["segmentation_head"]);
        m["conv_1x1"].LeaveOut("the classifier's last convolution");
        Value Normed(Module at, Value x) => Op.Relu(BatchNorm(at["normalization"], Conv(at["convolution"], x, 256, new Window(1), bias: false), 1e-5f));
        var both = Op.Concat(1, EverywhereIn(Normed(head["conv_pool"], Op.GlobalAveragePool(map)), map), Normed(head["conv_aspp"], map));
        return [("logits", Conv(head["classifier.convolution"], Normed(head["conv_projection"], both), c.Labels, new Window(1)))];
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("mobilenet_v2", "mobilenet_v2", Config.Read, (c, m) => new MobileNetV2(c, m), [SkippedTensors.BatchCounts],
        [
            new TaskGraphs<MobileNetV2>("feature-extraction", v => v.Features()),
            new TaskGraphs<MobileNetV2>("image-classification", v => v.Classify()),
            new TaskGraphs<MobileNetV2>("image-segmentation", v => v.Segment()),
        ]);
}
