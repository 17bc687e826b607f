using System.Collections.Immutable;
using System.Text.Json;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>Swin2SR (Conde et al., 2022): an image made larger by windows of attention around which convolutions pass it. caidas/swin2SR-classical-sr-x2-64, swin2SR-lightweight-x2-64, swin2SR-realworld-sr-x4-64-bsrgan-psnr.
/// Reference: transformers, models/swin2sr.</summary>
internal sealed class Swin2Sr(Swin2Sr.Config c, Module m)
{
    /// <summary>How maps become a larger image.</summary>
    internal enum Upsampler
    {
        /// <summary>Not at all: they are added to the image.</summary>
        None,
        /// <summary>Several convolutions whose channels become cells.</summary>
        Shuffle,
        /// <summary>The same, with a small image between and the picture's bicubic enlargement beside.</summary>
        ShuffleAuxiliary,
        /// <summary>One convolution whose channels become cells.</summary>
        ShuffleDirect,
        /// <summary>Nearest cells and convolutions.</summary>
        Nearest,
    }

    internal sealed record Config(PixelSize Image, int Channels, int ResultChannels, int Width, ImmutableArray<int> Depths, ImmutableArray<int> Heads, int Window, double Ratio, bool QkvBias, Activation Activation, float Epsilon, int Times, double Range,
        bool ThreeConvolutions, Upsampler Upsampler)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("num_layers", "hidden_size", "num_attention_heads", "num_hidden_layers");
            json.MustBe("use_absolute_embeddings", false, "the reference's table of absolute positions fits no picture");
            if (json.Int("patch_size", 1) is not 1 and var patch) json.Problem("patch_size", $"{patch}", "1: the reference itself can't put larger patches together again");
            var depths = json.Counts("depths", [6, 6, 6, 6, 6, 6]);
            var image = json.PixelSize("image_size", 64);
            if (Math.Min(image.Height, image.Width) >> (depths.Length - 1) == 0) json.Problem("image_size", $"{image.Height} x {image.Width}", $"at least {1 << (depths.Length - 1)}: the reference halves windows with the stages");
            int channels = json.Count("num_channels", 3), times = json.Count("upscale", 2);
            var upsampler = json.Element.TryGetProperty("upsampler", out var value) && value.ValueKind == JsonValueKind.Null ? Upsampler.None : json.OneOf("upsampler", Upsampler.Shuffle, ("pixelshuffle", Upsampler.Shuffle),
                ("pixelshuffle_aux", Upsampler.ShuffleAuxiliary), ("pixelshuffledirect", Upsampler.ShuffleDirect), ("nearest+conv", Upsampler.Nearest), ("", Upsampler.None));
            if (upsampler is Upsampler.Shuffle or Upsampler.ShuffleAuxiliary && times != 3 && (times & (times - 1)) != 0) json.Problem("upscale", $"{times}", "3 and powers of 2");
            if (upsampler == Upsampler.Nearest && times != 4) json.Problem("upscale", $"{times}", "4, as upsampler is nearest+conv");
            return new(image, channels, json.Count("num_channels_out", channels), json.Count("embed_dim", 180), depths, json.Counts("num_heads", [6, 6, 6, 6, 6, 6], depths.Length), json.Count("window_size", 8),
                json.Double("mlp_ratio", 2), json.Bool("qkv_bias", true), json.Activation("hidden_act", "gelu"), json.Float("layer_norm_eps", 1e-5f), times, json.Double("img_range", 1),
                json.OneOf("resi_connection", false, ("1conv", false), ("3conv", true)), upsampler);
        }
    }

    private const float OwnEpsilon = 1e-5f;

    private const int Features = 64;

    private static Value Conv3(Module at, Value x, int width) => Conv(at, x, width, Window.Padded(3, 1, 1));

    /// <summary>The mean colour of the pictures it was trained on.</summary>
    private Value? Mean => c.Channels == 3 && c.ResultChannels == 3 ? Numbers(m.Graph, m.Graph.Options.ComputeType, [1, 3, 1, 1], [0.4488, 0.4371, 0.4040]) : null;

    /// <summary>Rows and columns mirrored until windows fill the picture. [B, C, height, width] -> [B, C, h, w].</summary>
    private Value Padded(Value pixels)
    {
        var g = m.Graph;
        using var scope = g.Enter("padding");
        Value size = Op.ShapeOf(pixels, 2, 4), window = g.Constant(c.Window, c.Window);
        var more = (size + g.Constant(c.Window - 1, c.Window - 1)) / window * window - size;
        Dim Filled(int axis) => Covering(pixels.Shape[axis], c.Window) * c.Window;
        return Op.Pad(pixels, Op.Concat(0, g.Constant(0, 0, 0, 0, 0, 0), more), pixels.Shape.With(2, Filled(2)).With(3, Filled(3)), Outside.Reflected);
    }

    /// <summary>[B, h, w, D] -> [B, h, w, D], with normalization behind each part.</summary>
    private Value Block(Module at, Value h, int heads, int window, int shift)
    {
        var by = m.Graph.Constant(shift);
        var (padded, counts) = PadToWindows(h, 1, window, window);
        var moved = shift == 0 ? padded : Roll(padded, by);
        var mask = shift == 0 ? null : ShiftedWindowMask(padded, counts, window, by);
        var attended = FromWindows(CosineAttention(at["attention"], Windows(moved, counts, window), heads, window, 0, c.QkvBias, mask), counts, window, padded.Shape);
        h += LayerNorm(at["layernorm_before"], CropLike(shift == 0 ? attended : Roll(attended, -by), h), c.Epsilon);
        var wide = Linear(at["intermediate.dense"], h, (long)(c.Ratio * c.Width), c.Activation);
        return h + LayerNorm(at["layernorm_after"], Linear(at["output.dense"], wide, c.Width), c.Epsilon);
    }

    /// <summary>Blocks, then convolutions, and what came in added. Windows are never larger than the trained size halved by each stage before, as in the reference.</summary>
    private Value Stage(Module at, int stage, Value h)
    {
        PixelSize own = new(c.Image.Height >> stage, c.Image.Width >> stage);
        var window = Math.Min(c.Window, own.Height);
        var shift = own.Height <= window ? 0 : c.Window / 2;
        var map = ChannelsFirst(at["layers"].Fold(c.Depths[stage], h, (layer, i, x) => Block(layer, x, c.Heads[stage], window, i % 2 == 0 ? 0 : shift)));
        if (c.ThreeConvolutions)
        {
            map = Op.LeakyRelu(Conv3(at["conv"]["0"], map, c.Width / 4), 0.2f);
            map = Op.LeakyRelu(Conv(at["conv"]["2"], map, c.Width / 4, new Window(1)), 0.2f);
            map = Conv3(at["conv"]["4"], map, c.Width);
        }
        else map = Conv3(at["conv"], map, c.Width);
        return h + ChannelsLast(Conv(at["patch_embed.projection"], map, c.Width, new Window(1)));
    }

    /// <summary>[B, C, height, width] -> [B, D, h, w].</summary>
    private Value Encode(Value pixels)
    {
        var normal = Padded(pixels);
        if (Mean is { } mean) normal -= mean;
        var first = Conv3(m["first_convolution"], normal * c.Range, c.Width);
        var e = m["embeddings.patch_embeddings"];
        var h = LayerNorm(e["layernorm"], ChannelsLast(Conv(e["projection"], first, c.Width, new Window(1))), OwnEpsilon);
        h = m["encoder.stages"].Fold(c.Depths.Length, h, Stage);
        return Conv3(m["conv_after_body"], ChannelsFirst(LayerNorm(m["layernorm"], h, c.Epsilon)), c.Width) + first;
    }

    /// <summary>Channels that become cells, twice as many each time, or three times.</summary>
    private Value Enlarged(Module at, Value x)
    {
        if (c.Times == 3) return Op.DepthToSpace(Conv3(at["convolution"], x, 9 * Features), 3);
        for (var i = 0; 1 << i < c.Times; i++) x = Op.DepthToSpace(Conv3(at[$"convolution_{i}"], x, 4 * Features), 2);
        return x;
    }

    private static Value Doubled(Value x)
    {
        var size = GridSize.Of(x);
        return Op.Resize(x, size.Vector * x.Graph.Scalar(2, ElementType.Int64), size.Height * 2, size.Width * 2, Interpolation.Nearest);
    }

    /// <summary>The first rows and columns: those of the picture, made larger.</summary>
    private Value Cropped(Value x, GridSize size, int times)
    {
        var g = m.Graph;
        using var scope = g.Enter("cropping");
        var end = size.Vector * g.Scalar(times, ElementType.Int64);
        Value start = g.Constant(0), rows = Op.Slice(x, 2, start, Op.Slice(end, 0, 0, 1), size.Height * times);
        return Op.Slice(rows, 3, start, Op.Slice(end, 0, 1, 2), size.Width * times);
    }

    /// <summary>Before the mean colour is put back. -> [B, C, h * times, w * times].</summary>
    private Value Reconstruct(Value h, Value pixels, GridSize size)
    {
        var at = m.Root["upsample"];
        Value Before() => Op.LeakyRelu(Conv3(at["conv_before_upsample"], h, Features), 0.01f);
        switch (c.Upsampler)
        {
            case Upsampler.Shuffle:
                return Conv3(at["final_convolution"], Enlarged(at["upsample"], Before()), c.ResultChannels);
            case Upsampler.ShuffleDirect:
                return Op.DepthToSpace(Conv3(at["conv"], h, c.Times * c.Times * c.ResultChannels), c.Times);
            case Upsampler.Nearest:
                var x = Op.LeakyRelu(Conv3(at["conv_up1"], Doubled(Before()), Features), 0.2f);
                x = Op.LeakyRelu(Conv3(at["conv_up2"], Doubled(x), Features), 0.2f);
                return Conv3(at["final_convolution"], Op.LeakyRelu(Conv3(at["conv_hr"], x, Features), 0.2f), c.ResultChannels);
            case Upsampler.ShuffleAuxiliary:
                var larger = Op.Resize(pixels, size.Vector * m.Graph.Scalar(c.Times, ElementType.Int64), size.Height * c.Times, size.Width * c.Times, Interpolation.Cubic);
                var small = Op.LeakyRelu(Conv3(at["conv_after_aux.0"], Conv3(at["conv_aux"], Before(), c.Channels), Features), 0.01f);
                return Conv3(at["final_convolution"], Cropped(Enlarged(at["upsample"], small), size, c.Times) + Conv3(at["conv_bicubic"], larger, Features), c.ResultChannels);
            default:
                return pixels + Cropped(Conv3(m.Root["final_convolution"], h, c.ResultChannels), size, 1);
        }
    }

    private Value Pixels() => PixelValues(m.Graph, c.Channels, c.Image.Pixels);

    private GraphOutputs Restore()
    {
        var pixels = Pixels();
        var size = GridSize.Of(pixels);
        var result = Reconstruct(Encode(pixels), pixels, size) / c.Range;
        if (Mean is { } mean) result += mean;
        return [("reconstruction", c.Upsampler is Upsampler.None or Upsampler.ShuffleAuxiliary ? result : Cropped(result, size, c.Times))];
    }

    private GraphOutputs States() => [("last_hidden_state", Encode(Pixels()))];

    internal static readonly ModelFamily Family = ModelFamily.Of("swin2sr", "swin2sr", Config.Read, (c, m) => new Swin2Sr(c, m), [new(".relative_position_index", "a buffer that the window's size tells"), new(".relative_coords_table", "a buffer that the window's size tells")],
        [
            new TaskGraphs<Swin2Sr>("feature-extraction", s => s.States()),
            new TaskGraphs<Swin2Sr>("image-to-image", s => s.Restore()),
        ]);
}
