using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>MobileNet (Howard et al., 2017): convolutions of each channel by itself, and of each cell by itself. google/mobilenet_v1_1.0_224. Reference: transformers, models/mobilenet_v1.</summary>
internal sealed class MobileNetV1(MobileNetV1.Config c, Module m)
{
    internal sealed record Config(PixelSize Image, int Channels, double Multiplier, int LeastDepth, Activation Activation, bool Same, float Epsilon, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("classifier_dropout_prob");
            return new(json.PixelSize("image_size", 224), json.Count("num_channels", 3), json.Double("depth_multiplier", 1), json.Int("min_depth", 8), json.Activation("hidden_act", "relu6"), json.Bool("tf_padding", true),
                json.Float("layer_norm_eps", 0.001f), json.Labels());
        }

        internal int Width(int depth) => Math.Max((int)(depth * Multiplier), LeastDepth);
    }

    /// <summary>The stride of each of its thirteen pairs of convolutions; where it is 2, and in the first, the width doubles.</summary>
    private static readonly int[] Strides = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1];

    private Value Layer(Module at, Value x, int width, int size, int stride = 1, int groups = 1)
    {
        var window = c.Same ? new Window(size, stride, Same: true) : Window.Padded(size, stride, (size - 1) / 2);
        return Activate(at, c.Activation, BatchNorm(at["normalization"], Conv(at["convolution"], x, width, window, groups, bias: false), c.Epsilon));
    }

    private Value Encode()
    {
        var (depth, layers) = (32, m["layer"]);
        var h = Layer(m["conv_stem"], PixelValues(m.Graph, c.Channels, c.Image.Pixels), c.Width(depth), 3, 2);
        for (var i = 0; i < Strides.Length; i++)
        {
            var width = (int)h.Shape[1].Size!.Value;
            if (Strides[i] == 2 || i == 0) depth *= 2;
            h = Layer(layers[2 * i + 1], Layer(layers[2 * i], h, width, 3, Strides[i], width), c.Width(depth), 1);
        }
        return h;
    }

    private GraphOutputs Features()
    {
        var h = Encode();
        return [("last_hidden_state", h), ("pooler_output", PooledMap(h))];
    }

    private GraphOutputs Classify() => Logits(m.Root["classifier"], PooledMap(Encode()), c.Labels);

    internal static readonly ModelFamily Family = ModelFamily.Of("mobilenet_v1", "mobilenet_v1", Config.Read, (c, m) => new MobileNetV1(c, m), [SkippedTensors.BatchCounts],
        [
            new TaskGraphs<MobileNetV1>("feature-extraction", v => v.Features()),
            new TaskGraphs<MobileNetV1>("image-classification", v => v.Classify()),
        ]);
}
