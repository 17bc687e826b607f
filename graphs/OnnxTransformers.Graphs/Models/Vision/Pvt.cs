using System.Collections.Immutable;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>The pyramid vision transformer (Wang et al., 2021): stages of a vision transformer whose keys come from a coarser grid. Zetatech/pvt-tiny-224. Its positions fit images of the trained size alone.
/// Reference: transformers, models/pvt.</summary>
internal sealed class Pvt(Pvt.Config c, Module m)
{
    internal sealed record Config(int Image, int Channels, ImmutableArray<int> Depths, ImmutableArray<int> Reductions, ImmutableArray<int> Widths, ImmutableArray<int> Patches, ImmutableArray<int> Strides, ImmutableArray<int> Heads,
        ImmutableArray<double> Ratios, Activation Activation, float Epsilon, bool QkvBias, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("drop_path_rate");
            var n = json.Count("num_encoder_blocks", 4);
            var ratios = json.Doubles("mlp_ratios", [8, 8, 4, 4]);
            if (ratios.Length < n) json.Problem("mlp_ratios", $"{ratios.Length} entries", $"one for each of the {n} stages");
            return new(json.Count("image_size", 224), json.Count("num_channels", 3), json.Counts("depths", [2, 2, 2, 2], n), json.Counts("sequence_reduction_ratios", [8, 4, 2, 1], n), json.Counts("hidden_sizes", [64, 128, 320, 512], n),
                json.Counts("patch_sizes", [4, 2, 2, 2], n), json.Counts("strides", [4, 2, 2, 2], n), json.Counts("num_attention_heads", [1, 2, 5, 8], n), ratios, json.Activation("hidden_act", "gelu"), json.Float("layer_norm_eps", 1e-6f),
                json.Bool("qkv_bias", true), json.Labels());
        }
    }

    /// <summary>Patches with positions; the last stage has a class token in front. [B, C, h, w] -> [B, N, D].</summary>
    private (Value Tokens, GridSize Size) Embed(Module e, Value map, int stage)
    {
        var (last, width) = (stage == c.Depths.Length - 1, c.Widths[stage]);
        var patches = Conv(e["projection"], map, width, new Window(c.Strides[stage], c.Patches[stage]));
        var (size, h) = (GridSize.Of(patches), LayerNorm(e["layer_norm"], Tokens(patches), c.Epsilon));
        using var scope = e.Enter();
        if (last) h = Op.Concat(1, ForEachRow(e.Weight("cls_token", 1, 1, width), h), h);
        return (h + e.Weight("position_embeddings", 1, h.Shape[1].Size!.Value, width), size);
    }

    private Value Block(Module at, Value h, GridSize size, int stage)
    {
        var (a, width, reduction) = (at["attention.self"], c.Widths[stage], c.Reductions[stage]);
        var x = LayerNorm(at["layer_norm_1"], h, c.Epsilon);
        var keys = reduction == 1 ? x : LayerNorm(a["layer_norm"], Tokens(Conv(a["sequence_reduction"], Map(x, size), width, new Window(reduction, reduction))), c.Epsilon);
        var context = Attend(a, Linear(a["query"], x, width, c.QkvBias), Linear(a["key"], keys, width, c.QkvBias), Linear(a["value"], keys, width, c.QkvBias), c.Heads[stage], mask: null);
        h += Linear(at["attention.output.dense"], context, width);
        return h + Linear(at["mlp.dense2"], Linear(at["mlp.dense1"], LayerNorm(at["layer_norm_2"], h, c.Epsilon), (int)(width * c.Ratios[stage]), c.Activation), width);
    }

    private Value Encode()
    {
        var (e, map) = (m["encoder"], FixedPixelValues(m.Graph, c.Channels, (c.Image, c.Image)));
        for (var i = 0; ; i++)
        {
            var (h, size) = Embed(e[$"patch_embeddings.{i}"], map, i);
            h = e[$"block.{i}"].Fold(c.Depths[i], h, (at, x) => Block(at, x, size, i));
            if (i == c.Depths.Length - 1) return LayerNorm(e["layer_norm"], h, c.Epsilon);
            map = Map(h, size);
        }
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("pvt", "pvt", Config.Read, (c, m) => new Pvt(c, m), [],
        [
            new TaskGraphs<Pvt>("feature-extraction", p => [("last_hidden_state", p.Encode())]),
            new TaskGraphs<Pvt>("image-classification", p => p.Classify()),
        ]);

    private GraphOutputs Classify() => Logits(m.Root["classifier"], FirstToken(Encode()), c.Labels);
}
