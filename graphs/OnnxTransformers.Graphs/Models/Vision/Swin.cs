using System.Collections.Immutable;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>Swin (Liu et al., 2021): attention inside of windows, which every other block moves by half of their size; stages halve the map. microsoft/swin-tiny-patch4-window7-224.
/// Reference: transformers, models/swin.</summary>
internal sealed class Swin(Swin.Config c, Module m)
{
    internal sealed record Config(PixelSize Image, PixelSize Patch, int Channels, int Width, ImmutableArray<int> Depths, ImmutableArray<int> Heads, int Window, double Ratio, bool QkvBias, Activation Activation, float Epsilon,
        int EncoderStride, ImmutableArray<int> Stages, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            var depths = json.Counts("depths", [2, 2, 6, 2]);
            json.Ignore("drop_path_rate", "hidden_size", "num_layers", "path_norm");
            json.MustBe("use_absolute_embeddings", false, "positions are inside of windows; the reference's table of absolute ones fits no picture");
            return new(json.PixelSize("image_size", 224), json.PixelSize("patch_size", 4), json.Count("num_channels", 3), json.Count("embed_dim", 96), depths, json.Counts("num_heads", [3, 6, 12, 24], depths.Length),
                json.Count("window_size", 7), json.Double("mlp_ratio", 4), json.Bool("qkv_bias", true), json.Activation("hidden_act", "gelu"), json.Float("layer_norm_eps", 1e-5f), json.Count("encoder_stride", 32),
                json.OutStages(depths.Length), json.Labels());
        }

        internal PixelSize Grid => Image.Over(Patch);
    }

    /// <summary>What torch's own LayerNorm adds, where the reference gives no other.</summary>
    private const float OwnEpsilon = 1e-5f;

    /// <summary>Patches, where the image's rest counts as one. [B, C, height, width] -> [B, h, w, D].</summary>
    private Value Embed(Module e, Value pixels, Value? hidden)
    {
        var h = LayerNorm(e["norm"], ChannelsLast(CoveringPatches(e["patch_embeddings.projection"], pixels, c.Width, c.Patch.Height, c.Patch.Width)), OwnEpsilon);
        if (hidden is null) return h;
        using var scope = e.Enter();
        return Op.Where(Op.Reshape(hidden, [0, c.Grid.Height, c.Grid.Width, 1]), e.Weight("mask_token", 1, 1, c.Width), h);
    }

    /// <summary>Half of the window; nothing where one window covers the shorter side. -> int64 [1].</summary>
    private Value Shift(Value h, bool always)
    {
        var g = h.Graph;
        var half = g.Constant(c.Window / 2);
        return always ? half : Op.Where(Op.Greater(Op.ReduceMin(Op.ShapeOf(h, 1, 3), 0, keep: true), g.Constant(c.Window)), half, g.Constant(0));
    }

    /// <summary>[B, h, w, D] -> [B, h, w, D].</summary>
    private Value Block(Module at, Value h, int heads, Value? shift)
    {
        var (padded, counts) = PadToWindows(LayerNorm(at["layernorm_before"], h, c.Epsilon), 1, c.Window, c.Window);
        var moved = shift is null ? padded : Roll(padded, shift);
        var attended = Attention(at["attention"], Windows(moved, counts, c.Window), heads, shift is null ? null : ShiftedWindowMask(padded, counts, c.Window, shift));
        var back = FromWindows(attended, counts, c.Window, padded.Shape);
        h += CropLike(shift is null ? back : Roll(back, -shift), h);
        var width = h.Shape[3].Size!.Value;
        return h + Linear(at["output.dense"], Linear(at["intermediate.dense"], LayerNorm(at["layernorm_after"], h, c.Epsilon), (long)(width * c.Ratio), c.Activation), width);
    }

    /// <summary>Attention inside of each window, with a learned bias for every distance. [B, W, n, D] -> [B, W, n, D].</summary>
    private Value Attention(Module at, Value windows, int heads, Value? mask)
    {
        var (self, width) = (at["self"], windows.Shape[3].Size!.Value);
        Value q = Linear(self["query"], windows, width, c.QkvBias), k = Linear(self["key"], windows, width, c.QkvBias), v = Linear(self["value"], windows, width, c.QkvBias);
        Value bias = WindowBias(self, self.Weight("relative_position_bias_table", (2 * c.Window - 1) * (2 * c.Window - 1), heads), c.Window);
        return Linear(at["output.dense"], AttendInWindows(self, q, k, v, heads, bias, mask), width);
    }

    /// <summary>Four neighbours become one cell of twice the width. [B, h, w, D] -> [B, h/2, w/2, 2 D].</summary>
    private static Value Merge(Module at, Value h) => Linear(at["reduction"], LayerNorm(at["norm"], FourAsOne(h), OwnEpsilon), 2 * h.Shape[3].Size!.Value, bias: false);

    private Value Stage(Module at, int stage, Value h, bool always)
    {
        var shift = c.Depths[stage] > 1 && c.Window > 1 ? Shift(h, always) : null;
        return at["blocks"].Fold(c.Depths[stage], h, (block, i, x) => Block(block, x, c.Heads[stage], i % 2 == 0 ? null : shift));
    }

    /// <summary>What each stage makes before cells are merged, the embeddings first. [B, C, height, width] -> [B, h, w, D] each.</summary>
    /// <param name="pixels">The image.</param>
    /// <param name="always">Whether windows move even where one covers the map, as in a backbone.</param>
    /// <param name="hidden">Which patches are hidden.</param>
    private ImmutableArray<Value> States(Value pixels, bool always, Value? hidden = null)
    {
        var layers = m["encoder.layers"];
        return layers.Through(c.Depths.Length, Embed(m["embeddings"], pixels, hidden), (at, i, h) => Stage(at, i, i == 0 ? h : Merge(layers[i - 1]["downsample"], h), always));
    }

    private Value Pixels() => PixelValues(m.Graph, c.Channels, c.Image.Pixels);

    /// <summary>[B, C, height, width] -> [B, h*w, D], and the map's size.</summary>
    private (Value Tokens, GridSize Size) Encode(Value pixels, Value? hidden = null)
    {
        var map = ChannelsFirst(States(pixels, always: false, hidden)[^1]);
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
        var states = States(pixels, always: true);
        return [.. c.Stages.Select(i => ChannelsFirst(LayerNorm(m["hidden_states_norms"][i == 0 ? "stem" : $"stage{i}"], states[i], OwnEpsilon)))];
    }

    internal static Backbone AsBackbone(ConfigReader json)
    {
        var c = Config.Read(json);
        return new(c.Image, null, (at, pixels) => new Swin(c, at).Maps(pixels));
    }

    /// <summary>The same inside of MaskFormer: norms have numbers for names, and a configuration for a plain Swin means all stages.</summary>
    internal static Backbone AsMaskFormerBackbone(ConfigReader json)
    {
        var c = Config.Read(json);
        var stages = json.String("model_type") == "swin" ? [.. Enumerable.Range(1, c.Depths.Length)] : c.Stages.Where(stage => stage > 0).ToImmutableArray();
        return new(c.Image, null, (at, pixels) =>
        {
            at["model.layernorm"].LeaveOut("the last normalization: each map has its own");
            var states = new Swin(c, at["model"]).States(pixels, always: true);
            return [.. stages.Select(i => ChannelsFirst(LayerNorm(at["hidden_states_norms"][i - 1], states[i], OwnEpsilon)))];
        });
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("swin", "swin", Config.Read, (c, m) => new Swin(c, m), [SkippedTensors.MaskToken, new(".relative_position_index", "a buffer that the window's size tells")],
        [
            new TaskGraphs<Swin>("feature-extraction", s => s.Features()),
            new TaskGraphs<Swin>("image-classification", s => s.Classify()),
            new TaskGraphs<Swin>("masked-image-modeling", s => s.MakeUp()) { Traits = SharedLoss },
            new TaskGraphs<Swin>("backbone", s => Backbone.Outputs(s.Maps(s.Pixels()))),
        ]);
}
