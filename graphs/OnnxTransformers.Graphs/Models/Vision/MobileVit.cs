using System.Collections.Immutable;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>MobileViT (Mehta and Rastegari, 2021): MobileNet's blocks, and transformers over the cells that have one place in their patches. apple/mobilevit-small. Reference: transformers, models/mobilevit.</summary>
internal sealed class MobileVit(MobileVit.Config c, Module m)
{
    internal sealed record Config(PixelSize Image, int Channels, int Patch, ImmutableArray<int> Widths, ImmutableArray<int> Necks, int Heads, double Ratio, double Expansion, Activation Activation, int Kernel, int OutputStride, bool QkvBias,
        float Epsilon, int AsppWidth, ImmutableArray<int> Rates, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("classifier_dropout_prob", "aspp_dropout_prob", "semantic_loss_ignore_index");
            return new(json.PixelSize("image_size", 256), json.Count("num_channels", 3), json.Count("patch_size", 2), json.Counts("hidden_sizes", [144, 192, 240], 3), json.Counts("neck_hidden_sizes", [16, 32, 64, 96, 128, 160, 640], 7),
                json.Count("num_attention_heads", 4), json.Double("mlp_ratio", 2), json.Double("expand_ratio", 4), json.Activation("hidden_act", "silu"), json.Count("conv_kernel_size", 3), json.Count("output_stride", 32),
                json.Bool("qkv_bias", true), json.Float("layer_norm_eps", 1e-5f), json.Count("aspp_out_channels", 256), json.Ints("atrous_rates", [6, 12, 18]), json.Labels());
        }
    }

    /// <summary>A convolution, its normalization and activation, as this network and its kin have them. [B, C, h, w] -> [B, width, h', w'].</summary>
    internal static Value Layer(Module at, Value x, int width, int size, Activation? activation, int stride = 1, int groups = 1, int dilation = 1)
    {
        var h = BatchNorm(at["normalization"], Conv(at["convolution"], x, width, Window.Padded(size, stride, (size - 1) / 2 * dilation, dilation), groups, bias: false), 1e-5f);
        return activation is null ? h : Activate(at, activation, h);
    }

    /// <summary>MobileNetV2's block.</summary>
    internal static Value Inverted(Module at, Value x, int width, double expansion, Activation activation, int stride, int dilation = 1)
    {
        var inner = Divisible((int)Math.Round(x.Shape[1].Size!.Value * expansion, MidpointRounding.ToEven));
        var h = Layer(at["conv_3x3"], Layer(at["expand_1x1"], x, inner, 1, activation), inner, 3, activation, stride, inner, dilation);
        h = Layer(at["reduce_1x1"], h, width, 1, null);
        return stride == 1 && x.Shape[1] == width ? x + h : h;
    }

    /// <summary>A multiple of the divisor, at most a tenth less than the value.</summary>
    internal static int Divisible(double value, int divisor = 8, int? least = null)
    {
        var near = Math.Max(least ?? divisor, (int)(value + divisor / 2.0) / divisor * divisor);
        return near < 0.9 * value ? near + divisor : near;
    }

    /// <summary>Patches, resized to whole ones; transformers over each place of a patch; back. [B, D, h, w] -> [B, D, h, w].</summary>
    private Value Transform(Module at, Value x, int blocks)
    {
        var (g, p, width, area) = (x.Graph, c.Patch, x.Shape[1].Size!.Value, c.Patch * c.Patch);
        Value h, counts, size;
        Dim high = Covering(x.Shape[2], p) * p, wide = Covering(x.Shape[3], p) * p;
        using (at["transformer"].Enter())
        {
            size = Op.ShapeOf(x, 2, 4);
            counts = (size + (p - 1)) / p;
            var whole = p == 1 ? x : Op.Cast(Op.Resize(Op.Cast(x, ElementType.Float), counts * p, high, wide, Interpolation.Linear), x.Type);
            h = Op.Transpose(Patches(whole, counts, p), [0, 2, 3, 1]);                                   // [B, a, N, D]
        }
        var (apart, block) = (h.Shape, new VisionBlock((int)width, c.Heads, (int)(width * c.Ratio), c.Activation, c.Epsilon, c.QkvBias));
        Value shape;
        using (at["transformer"].Enter())
        {
            shape = Op.ShapeOf(h, 0, 4);
            h = Op.Reshape(h, Op.Concat(0, g.Constant(-1), Op.Slice(shape, 0, 2, 4)), new Shape(apart[0] * area, apart[2], width));
        }
        h = at["transformer.layer"].Fold(blocks, h, (layer, y) => VisionTransformerBlock(layer, y, block));
        h = LayerNorm(at["layernorm"], h, c.Epsilon);
        using (at["transformer"].Enter())
        {
            var map = FromPatches(Op.Transpose(Op.Reshape(h, shape, apart), [0, 3, 1, 2]), counts, p, high, wide);
            return p == 1 ? map : Op.Cast(Op.Resize(Op.Cast(map, ElementType.Float), size, x.Shape[2], x.Shape[3], Interpolation.Linear), x.Type);
        }
    }

    private Value Mixed(Module at, Value x, int index, int blocks, int dilation)
    {
        var width = c.Necks[index];
        var h = Inverted(at["downsampling_layer"], x, width, c.Expansion, c.Activation, dilation == 1 ? 2 : 1, dilation > 1 ? dilation / 2 : 1);
        var inner = Conv(at["conv_1x1.convolution"], Layer(at["conv_kxk"], h, width, c.Kernel, c.Activation), c.Widths[index - 3], new Window(1), bias: false);
        var seen = Layer(at["conv_projection"], Transform(at, inner, blocks), width, 1, c.Activation);
        return Layer(at["fusion"], Op.Concat(1, h, seen), width, c.Kernel, c.Activation);
    }

    /// <summary>What each layer makes, the stem first. [B, C, height, width] -> [B, D, h, w] each.</summary>
    internal ImmutableArray<Value> States(Value pixels)
    {
        // From the output stride on, layers dilate instead of making maps smaller.
        int fourth = c.OutputStride == 8 ? 2 : 1, fifth = c.OutputStride is 8 or 16 ? fourth * 2 : fourth;
        var stem = Layer(m["conv_stem"], pixels, c.Necks[0], 3, c.Activation, 2);
        return m["encoder.layer"].Through(5, stem, (at, i, x) => i switch
        {
            0 => Inverted(at["layer.0"], x, c.Necks[1], c.Expansion, c.Activation, 1),
            1 => at["layer"].Fold(3, x, (block, j, y) => Inverted(block, y, c.Necks[2], c.Expansion, c.Activation, j == 0 ? 2 : 1)),
            2 => Mixed(at, x, 3, 2, 1),
            3 => Mixed(at, x, 4, 4, fourth),
            _ => Mixed(at, x, 5, 3, fifth),
        });
    }

    private Value Encode() => Layer(m["conv_1x1_exp"], States(PixelValues(m.Graph, c.Channels, c.Image.Pixels))[^1], c.Necks[6], 1, c.Activation);

    private GraphOutputs Features()
    {
        var h = Encode();
        return [("last_hidden_state", h), ("pooler_output", PooledMap(h))];
    }

    private GraphOutputs Classify() => Logits(m.Root["classifier"], PooledMap(Encode()), c.Labels);

    private GraphOutputs Segment()
    {
        m["conv_1x1_exp"].LeaveOut("the classifier's last convolution");
        return [("logits", DeepLabLabels(m.Root["segmentation_head"], States(PixelValues(m.Graph, c.Channels, c.Image.Pixels))[^1], c.AsppWidth, c.Rates, c.Labels))];
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("mobilevit", "mobilevit", Config.Read, (c, m) => new MobileVit(c, m), [SkippedTensors.BatchCounts],
        [
            new TaskGraphs<MobileVit>("feature-extraction", v => v.Features()),
            new TaskGraphs<MobileVit>("image-classification", v => v.Classify()),
            new TaskGraphs<MobileVit>("image-segmentation", v => v.Segment()),
        ]);
}
