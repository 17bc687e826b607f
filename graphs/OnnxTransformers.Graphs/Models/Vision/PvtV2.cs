using System.Collections.Immutable;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>The pyramid vision transformer's second version (Wang et al., 2021): overlapping patches and convolutions in place of positions. OpenGVLab/pvt_v2_b0. Reference: transformers, models/pvt_v2.</summary>
internal sealed class PvtV2(PvtV2.Config c, Module m)
{
    internal sealed record Config(PixelSize Image, int Channels, ImmutableArray<int> Depths, ImmutableArray<int> Reductions, ImmutableArray<int> Widths, ImmutableArray<int> Patches, ImmutableArray<int> Strides, ImmutableArray<int> Heads,
        ImmutableArray<double> Ratios, Activation Activation, float Epsilon, bool QkvBias, bool Linear, ImmutableArray<int> Stages, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("drop_path_rate");
            var n = json.Count("num_encoder_blocks", 4);
            var ratios = json.Doubles("mlp_ratios", [8, 8, 4, 4]);
            if (ratios.Length < n) json.Problem("mlp_ratios", $"{ratios.Length} entries", $"one for each of the {n} stages");
            return new(json.PixelSize("image_size", 224), json.Count("num_channels", 3), json.Counts("depths", [2, 2, 2, 2], n), json.Counts("sr_ratios", [8, 4, 2, 1], n), json.Counts("hidden_sizes", [32, 64, 160, 256], n),
                json.Counts("patch_sizes", [7, 3, 3, 3], n), json.Counts("strides", [4, 2, 2, 2], n), json.Counts("num_attention_heads", [1, 2, 5, 8], n), ratios, json.Activation("hidden_act", "gelu"), json.Float("layer_norm_eps", 1e-6f),
                json.Bool("qkv_bias", true), json.Bool("linear_attention", false), json.OutStages(n, stem: false), json.Labels());
        }
    }

    /// <summary>Keys of a coarser grid: of 7 x 7 means, or of a convolution. [B, N, D] -> [B, n, D].</summary>
    private Value Keys(Module a, Value x, GridSize size, int stage)
    {
        var (reduction, width) = (c.Reductions[stage], c.Widths[stage]);
        if (c.Linear) return Activate(a, Activation.Named("gelu"), LayerNorm(a["layer_norm"], Tokens(Conv(a["spatial_reduction"], AdaptivePool(Map(x, size), 7, 7), width, new Window(1))), c.Epsilon));
        return reduction == 1 ? x : LayerNorm(a["layer_norm"], Tokens(Conv(a["spatial_reduction"], Map(x, size), width, new Window(reduction, reduction))), c.Epsilon);
    }

    private Value Block(Module at, Value h, GridSize size, int stage)
    {
        var (a, f, width, inner) = (at["attention"], at["mlp"], c.Widths[stage], (int)(c.Widths[stage] * c.Ratios[stage]));
        var x = LayerNorm(at["layer_norm_1"], h, c.Epsilon);
        var keys = Keys(a, x, size, stage);
        var context = Attend(a, Linear(a["query"], x, width, c.QkvBias), Linear(a["key"], keys, width, c.QkvBias), Linear(a["value"], keys, width, c.QkvBias), c.Heads[stage], mask: null);
        h += Linear(a["proj"], context, width);
        var wide = Linear(f["dense1"], LayerNorm(at["layer_norm_2"], h, c.Epsilon), inner);
        if (c.Linear) wide = Activate(f["relu"], Activation.Named("relu"), wide);
        var mixed = Op.Known(Tokens(Conv(f["dwconv.dwconv"], Map(wide, size), inner, Window.Padded(3, 1, 1), inner)), wide.Shape);
        return h + Linear(f["dense2"], Activate(f, c.Activation, mixed), width);
    }

    /// <summary>What each stage makes. [B, C, height, width] -> [B, D, h, w] each.</summary>
    private ImmutableArray<Value> States(Value pixels) => m["encoder.layers"].Through(c.Depths.Length, pixels, (at, i, map) =>
    {
        var (e, size) = (at["patch_embedding"], c.Patches[i]);
        var patches = Conv(e["proj"], map, c.Widths[i], Window.Padded(size, c.Strides[i], size / 2));
        var grid = GridSize.Of(patches);
        var h = at["blocks"].Fold(c.Depths[i], LayerNorm(e["layer_norm"], Tokens(patches), c.Epsilon), (block, x) => Block(block, x, grid, i));
        return Map(LayerNorm(at["layer_norm"], h, c.Epsilon), grid);
    })[1..];

    private Value Pixels() => PixelValues(m.Graph, c.Channels, c.Image.Pixels);

    private GraphOutputs Classify() => Logits(m.Root["classifier"], PooledMap(States(Pixels())[^1]), c.Labels);

    private ImmutableArray<Value> Maps(Value pixels)
    {
        var states = States(pixels);
        return [.. c.Stages.Select(i => states[i])];
    }

    internal static Backbone AsBackbone(ConfigReader json)
    {
        var c = Config.Read(json);
        return new(c.Image, null, (at, pixels) => new PvtV2(c, at).Maps(pixels));
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("pvt_v2", "pvt_v2", Config.Read, (c, m) => new PvtV2(c, m), [],
        [
            new TaskGraphs<PvtV2>("feature-extraction", p => [("last_hidden_state", p.States(p.Pixels())[^1])]),
            new TaskGraphs<PvtV2>("image-classification", p => p.Classify()),
            new TaskGraphs<PvtV2>("backbone", p => Backbone.Outputs(p.Maps(p.Pixels()))),
        ]);
}
