using System.Collections.Immutable;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>MobileViT's second version (Mehta and Rastegari, 2022): attention with one score a cell, whose cost grows with their number alone. apple/mobilevitv2-1.0-imagenet1k-256. Reference: transformers, models/mobilevitv2.</summary>
internal sealed class MobileVitV2(MobileVitV2.Config c, Module m)
{
    internal sealed record Config(PixelSize Image, int Channels, int Patch, double Expansion, Activation Activation, int Kernel, int OutputStride, float Epsilon, ImmutableArray<int> Blocks, ImmutableArray<int> Units, double FeedForward, double Width,
        int AsppWidth, ImmutableArray<int> Rates, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("classifier_dropout_prob", "aspp_dropout_prob", "semantic_loss_ignore_index", "attn_dropout", "ffn_dropout");
            return new(json.PixelSize("image_size", 256), json.Count("num_channels", 3), json.Count("patch_size", 2), json.Double("expand_ratio", 2), json.Activation("hidden_act", "swish"), json.Count("conv_kernel_size", 3),
                json.Count("output_stride", 32), json.Float("layer_norm_eps", 1e-5f), json.Counts("n_attn_blocks", [2, 4, 3], 3), json.Counts("base_attn_unit_dims", [128, 192, 256], 3), json.Double("ffn_multiplier", 2),
                json.Double("width_multiplier", 1), json.Count("aspp_out_channels", 512), json.Ints("atrous_rates", [6, 12, 18]), json.Labels());
        }

        internal int Of(int channels, int divisor = 8) => MobileVit.Divisible(channels * Width, divisor);

        internal int Stem => MobileVit.Divisible(Math.Clamp(32 * Width, 16, 64), 8, 16);
    }

    private static Value Pointwise(Module at, Value x, long width) => Conv(at["convolution"], x, (int)width, new Window(1));

    /// <summary>Every cell takes the weighted sum of keys of its place in the patches. [B, D, a, N] -> [B, D, a, N].</summary>
    private static Value Attention(Module at, Value x)
    {
        var width = x.Shape[1].Size!.Value;
        var all = Pointwise(at["qkv_proj"], x, 1 + 2 * width);
        using var scope = at.Enter();
        Value scores = Op.Softmax(Op.Slice(all, 1, 0, 1), -1), keys = Op.Slice(all, 1, 1, 1 + width), values = Op.Slice(all, 1, 1 + width, 1 + 2 * width);
        return Pointwise(at["out_proj"], Op.Relu(values) * Op.ReduceSum(keys * scores, -1, keep: true), width);
    }

    private Value Block(Module at, Value h)
    {
        var width = h.Shape[1].Size!.Value;
        h += Attention(at["attention"], GroupNorm(at["layernorm_before"], h, 1, c.Epsilon));
        var f = at["ffn"];
        var inner = Activate(f["conv1"], c.Activation, Pointwise(f["conv1"], GroupNorm(at["layernorm_after"], h, 1, c.Epsilon), (long)(c.FeedForward * width / 16) * 16));
        return Pointwise(f["conv2"], inner, width) + h;
    }

    /// <summary>Whole patches through the blocks; what is left over at the right and below becomes zero. [B, D, h, w] -> [B, D, h, w].</summary>
    private Value Transform(Module at, Value x, int blocks)
    {
        var (g, p) = (x.Graph, c.Patch);
        Value h, counts, size;
        Dim high = $"floor({x.Shape[2]} / {p}) * {p}", wide = $"floor({x.Shape[3]} / {p}) * {p}";
        using (at["transformer"].Enter())
        {
            size = Op.ShapeOf(x, 2, 4);
            counts = size / p;
            Value zero = g.Constant(0), whole = counts * p;
            h = Patches(Op.Slice(Op.Slice(x, 2, zero, Op.Slice(whole, 0, 0, 1), high), 3, zero, Op.Slice(whole, 0, 1, 2), wide), counts, p);
        }
        h = GroupNorm(at["layernorm"], at["transformer.layer"].Fold(blocks, h, Block), 1, c.Epsilon);
        using (at["transformer"].Enter()) return Op.Pad(FromPatches(h, counts, p, high, wide), Op.Concat(0, g.Constant(0, 0, 0, 0, 0, 0), size - counts * p), x.Shape);
    }

    private Value Mixed(Module at, Value x, int index, int channels, int dilation)
    {
        var width = c.Of(channels);
        var h = MobileVit.Inverted(at["downsampling_layer"], x, width, c.Expansion, c.Activation, dilation == 1 ? 2 : 1, dilation > 1 ? dilation / 2 : 1);
        h = MobileVit.Layer(at["conv_kxk"], h, width, c.Kernel, c.Activation, groups: width);
        h = Conv(at["conv_1x1.convolution"], h, c.Of(c.Units[index]), new Window(1), bias: false);
        return MobileVit.Layer(at["conv_projection"], Transform(at, h, c.Blocks[index]), width, 1, null);
    }

    /// <summary>What each layer makes, the stem first. [B, C, height, width] -> [B, D, h, w] each.</summary>
    internal ImmutableArray<Value> States(Value pixels)
    {
        // From the output stride on, layers dilate instead of making maps smaller.
        int fourth = c.OutputStride == 8 ? 2 : 1, fifth = c.OutputStride is 8 or 16 ? fourth * 2 : fourth;
        var stem = MobileVit.Layer(m["conv_stem"], pixels, c.Stem, 3, c.Activation, 2);
        return m["encoder.layer"].Through(5, stem, (at, i, x) => i switch
        {
            0 => MobileVit.Inverted(at["layer.0"], x, c.Of(64, 16), c.Expansion, c.Activation, 1),
            1 => at["layer"].Fold(2, x, (block, j, y) => MobileVit.Inverted(block, y, c.Of(128), c.Expansion, c.Activation, j == 0 ? 2 : 1)),
            2 => Mixed(at, x, 0, 256, 1),
            3 => Mixed(at, x, 1, 384, fourth),
            _ => Mixed(at, x, 2, 512, fifth),
        });
    }

    private Value Encode() => States(PixelValues(m.Graph, c.Channels, c.Image.Pixels))[^1];

    private GraphOutputs Features()
    {
        var h = Encode();
        return [("last_hidden_state", h), ("pooler_output", PooledMap(h))];
    }

    private GraphOutputs Classify() => Logits(m.Root["classifier"], PooledMap(Encode()), c.Labels);

    private GraphOutputs Segment() => [("logits", DeepLabLabels(m.Root["segmentation_head"], Encode(), c.AsppWidth, c.Rates, c.Labels))];

    internal static readonly ModelFamily Family = ModelFamily.Of("mobilevitv2", "mobilevitv2", Config.Read, (c, m) => new MobileVitV2(c, m), [SkippedTensors.BatchCounts],
        [
            new TaskGraphs<MobileVitV2>("feature-extraction", v => v.Features()),
            new TaskGraphs<MobileVitV2>("image-classification", v => v.Classify()),
            new TaskGraphs<MobileVitV2>("image-segmentation", v => v.Segment()),
        ]);
}
