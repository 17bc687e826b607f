using System.Collections.Immutable;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>Swin's second version (Liu et al., 2022): cosines as scores, a small network that makes biases of distances, normalization behind each part. microsoft/swinv2-tiny-patch4-window8-256.
/// Reference: transformers, models/swinv2.</summary>
internal sealed class SwinV2(SwinV2.Config c, Module m)
{
    internal sealed record Config(PixelSize Image, PixelSize Patch, int Channels, int Width, ImmutableArray<int> Depths, ImmutableArray<int> Heads, int Window, ImmutableArray<int> TrainedWindows, double Ratio, bool QkvBias, Activation Activation,
        float Epsilon, int EncoderStride, ImmutableArray<int> Stages, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            var depths = json.Counts("depths", [2, 2, 6, 2]);
            json.Ignore("drop_path_rate", "hidden_size", "num_layers", "path_norm");
            json.MustBe("use_absolute_embeddings", false, "positions are inside of windows; the reference's table of absolute ones fits no picture");
            var trained = json.Ints("pretrained_window_sizes", [.. new int[depths.Length]]);
            if (trained.Length < depths.Length) json.Problem("pretrained_window_sizes", $"{trained.Length} entries", $"one for each of the {depths.Length} stages");
            return new(json.PixelSize("image_size", 224), json.PixelSize("patch_size", 4), json.Count("num_channels", 3), json.Count("embed_dim", 96), depths, json.Counts("num_heads", [3, 6, 12, 24], depths.Length), json.Count("window_size", 7),
                trained, json.Double("mlp_ratio", 4), json.Bool("qkv_bias", true), json.Activation("hidden_act", "gelu"), json.Float("layer_norm_eps", 1e-5f), json.Count("encoder_stride", 32), json.OutStages(depths.Length), json.Labels());
        }

        internal PixelSize Grid => Image.Over(Patch);

        /// <summary>The window of a stage: at most the map of the trained size. The reference takes its height for both sides.</summary>
        internal int WindowOf(int stage) => Math.Min(Window, Math.Max(1, Grid.Height >> stage));

        /// <summary>By how much every other block's windows move.</summary>
        internal int ShiftOf(int stage) => Grid.Height >> stage <= WindowOf(stage) ? 0 : Window / 2;
    }

    /// <summary>What torch's own LayerNorm adds, where the reference gives no other.</summary>
    private const float OwnEpsilon = 1e-5f;

    private Value Embed(Module e, Value pixels, Value? hidden)
    {
        var h = LayerNorm(e["norm"], ChannelsLast(CoveringPatches(e["patch_embeddings.projection"], pixels, c.Width, c.Patch.Height, c.Patch.Width)), OwnEpsilon);
        if (hidden is null) return h;
        using var scope = e.Enter();
        return Op.Where(Op.Reshape(hidden, [0, c.Grid.Height, c.Grid.Width, 1]), e.Weight("mask_token", 1, 1, c.Width), h);
    }

    /// <summary>[B, h, w, D] -> [B, h, w, D].</summary>
    private Value Block(Module at, Value h, int stage, int shift)
    {
        var window = c.WindowOf(stage);
        var (padded, counts) = PadToWindows(h, 1, window, window);
        var by = shift > 0 ? h.Graph.Constant(shift) : null;
        var moved = by is null ? padded : Roll(padded, by);
        var mask = by is null ? null : ShiftedWindowMask(padded, counts, window, by);
        var attended = CosineAttention(at["attention"], Windows(moved, counts, window), c.Heads[stage], window, c.TrainedWindows[stage], c.QkvBias, mask);
        var back = FromWindows(attended, counts, window, padded.Shape);
        h += LayerNorm(at["layernorm_before"], CropLike(by is null ? back : Roll(back, -by), h), c.Epsilon);
        var width = h.Shape[3].Size!.Value;
        return h + LayerNorm(at["layernorm_after"], Linear(at["output.dense"], Linear(at["intermediate.dense"], h, (long)(width * c.Ratio), c.Activation), width), c.Epsilon);
    }

    /// <summary>Four neighbours become one cell of twice the width. [B, h, w, D] -> [B, h/2, w/2, 2 D].</summary>
    private static Value Merge(Module at, Value h) => LayerNorm(at["norm"], Linear(at["reduction"], FourAsOne(h), 2 * h.Shape[3].Size!.Value, bias: false), OwnEpsilon);

    /// <summary>What each stage makes before cells are merged, the embeddings first. [B, C, height, width] -> [B, h, w, D] each.</summary>
    private ImmutableArray<Value> States(Value pixels, Value? hidden = null)
    {
        var layers = m["encoder.layers"];
        return layers.Through(c.Depths.Length, Embed(m["embeddings"], pixels, hidden), (at, stage, h) =>
            at["blocks"].Fold(c.Depths[stage], stage == 0 ? h : Merge(layers[stage - 1]["downsample"], h), (block, i, x) => Block(block, x, stage, i % 2 == 0 ? 0 : c.ShiftOf(stage))));
    }

    private Value Pixels() => PixelValues(m.Graph, c.Channels, c.Image.Pixels);

    /// <summary>[B, C, height, width] -> [B, h*w, D], and the map.</summary>
    private (Value Tokens, GridSize Size) Encode(Value pixels, Value? hidden = null)
    {
        var map = ChannelsFirst(States(pixels, hidden)[^1]);
        return (LayerNorm(m["layernorm"], Tokens(map), c.Epsilon), GridSize.Of(map));
    }

    private GraphOutputs Features() => MeanFeatures(Encode(Pixels()).Tokens);

    private GraphOutputs Classify() => Logits(m.Root["classifier"], Op.ReduceMean(Encode(Pixels()).Tokens, 1, keep: false), c.Labels);

    /// <summary>The image with hidden patches made up.</summary>
    private GraphOutputs MakeUp() => Reconstruction(m.Root["decoder.0"], c.Channels, c.Image, c.Grid, c.EncoderStride, (pixels, hidden) =>
    {
        var (h, size) = Encode(pixels, hidden);
        return Map(h, size);
    });

    private ImmutableArray<Value> Maps(Value pixels)
    {
        var states = States(pixels);
        return [.. c.Stages.Select(i => ChannelsFirst(states[i]))];
    }

    internal static Backbone AsBackbone(ConfigReader json)
    {
        var c = Config.Read(json);
        return new(c.Image, null, (at, pixels) => new SwinV2(c, at).Maps(pixels));
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("swinv2", "swinv2", Config.Read, (c, m) => new SwinV2(c, m),
        [SkippedTensors.MaskToken, new(".relative_position_index", "a buffer that the window's size tells"), new(".relative_coords_table", "a buffer that the window's size tells")],
        [
            new TaskGraphs<SwinV2>("feature-extraction", s => s.Features()),
            new TaskGraphs<SwinV2>("image-classification", s => s.Classify()),
            new TaskGraphs<SwinV2>("masked-image-modeling", s => s.MakeUp()) { Traits = SharedLoss },
            new TaskGraphs<SwinV2>("backbone", s => Backbone.Outputs(s.Maps(s.Pixels()))),
        ]);
}
