using System.Collections.Immutable;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>SegFormer (Xie et al., 2021): overlapping patches, attention over keys of a coarser grid, convolutions instead of positions, and a decoder of linear layers. nvidia/mit-b0, segformer-b0-finetuned-ade-512-512.
/// Reference: transformers, models/segformer.</summary>
internal sealed class Segformer(Segformer.Config c, Module m)
{
    /// <summary>The sizes of one of the encoder's stages.</summary>
    internal sealed record Stage(int Depth, int Width, int Patch, int Stride, int Heads, int Reduction, int FeedForward);

    internal sealed record Config(ImmutableArray<Stage> Stages, int Channels, Activation Activation, int DecoderWidth, bool ReshapeLast, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("semantic_loss_ignore_index", "layer_norm_eps", "image_size", "downsampling_rates");                     // the norms have PyTorch's epsilon, whatever the key says
            return new(Mix(json), json.Count("num_channels", 3), json.Activation("hidden_act", "gelu"), json.Count("decoder_hidden_size", 256), json.Bool("reshape_last_stage", true), json.Labels());
        }

        /// <summary>The stages of a mix transformer, whose encoder others have, too.</summary>
        internal static ImmutableArray<Stage> Mix(ConfigReader json)
        {
            var count = json.Count("num_encoder_blocks", 4);
            ImmutableArray<int> Each(string key, params ImmutableArray<int> absent)
            {
                var values = json.Ints(key, absent);
                if (values.Length >= count) return values;
                json.Problem(key, $"{values.Length} entries", $"one for each of the {count} stages (num_encoder_blocks)");
                return [.. values, .. Enumerable.Repeat(1, count - values.Length)];
            }
            ImmutableArray<int> depths = Each("depths", 2, 2, 2, 2), widths = Each("hidden_sizes", 32, 64, 160, 256), patches = Each("patch_sizes", 7, 3, 3, 3), strides = Each("strides", 4, 2, 2, 2);
            ImmutableArray<int> heads = Each("num_attention_heads", 1, 2, 5, 8), reductions = Each("sr_ratios", 8, 4, 2, 1);
            var ratios = json.Doubles("mlp_ratios", [4, 4, 4, 4]);
            if (ratios.Length < count) json.Problem("mlp_ratios", $"{ratios.Length} entries", $"one for each of the {count} stages (num_encoder_blocks)");
            return [.. Enumerable.Range(0, count).Select(i => new Stage(depths[i], widths[i], patches[i], strides[i], heads[i], reductions[i], (int)(widths[i] * ratios.ElementAtOrDefault(i))))];
        }
    }

    private const float Epsilon = 1e-5f;

    /// <summary>A size that it is proved with: it takes any, and what it was trained on would only take longer.</summary>
    internal static readonly (int Height, int Width) ProofSize = (192, 256);

    /// <summary>Attention whose keys and values come from a grid that is coarser by the stage's reduction. [B, N, D] -> [B, N, D].</summary>
    private static Value Attention(Module m, Value h, GridSize size, Stage s)
    {
        var (a, keys) = (m["self"], h);
        if (s.Reduction > 1) keys = LayerNorm(a["layer_norm"], Tokens(Conv(a["sr"], Map(h, size), s.Width, new Window(s.Reduction, s.Reduction))), Epsilon);
        var context = Attend(a, Linear(a["query"], h, s.Width), Linear(a["key"], keys, s.Width), Linear(a["value"], keys, s.Width), s.Heads, mask: null);
        return Linear(m["output.dense"], context, s.Width);
    }

    /// <summary>A feed-forward part with a convolution of each channel inside, which tells tokens where they are. [B, N, D] -> [B, N, D].</summary>
    private static Value FeedForward(Module m, Value h, GridSize size, Stage s, Activation activation)
    {
        var wide = Map(Linear(m["dense1"], h, s.FeedForward), size);
        var mixed = Op.Known(Tokens(Conv(m["dwconv.dwconv"], wide, s.FeedForward, Window.Padded(3, 1, 1), groups: s.FeedForward)), h.Shape.With(-1, s.FeedForward));
        return Linear(m["dense2"], Activate(m, activation, mixed), s.Width);
    }

    /// <summary>The encoder. [B, C, height, width] -> the map of each stage [B, D, h, w].</summary>
    internal static ImmutableArray<Value> Encode(Module m, Value pixels, ImmutableArray<Stage> stages, Activation activation)
    {
        var maps = ImmutableArray.CreateBuilder<Value>();
        var map = pixels;
        for (var i = 0; i < stages.Length; i++)
        {
            var (s, patch) = (stages[i], m["patch_embeddings"][i]);
            map = Conv(patch["proj"], map, s.Width, Window.Padded(s.Patch, s.Stride, s.Patch / 2));
            var size = GridSize.Of(map);
            var h = LayerNorm(patch["layer_norm"], Tokens(map), Epsilon);
            h = m["block"][i].Fold(s.Depth, h, (block, x) =>
            {
                x += Attention(block["attention"], LayerNorm(block["layer_norm_1"], x, Epsilon), size, s);
                return x + FeedForward(block["mlp"], LayerNorm(block["layer_norm_2"], x, Epsilon), size, s, activation);
            });
            maps.Add(map = Map(LayerNorm(m["layer_norm"][i], h, Epsilon), size));
        }
        return maps.ToImmutable();
    }

    private ImmutableArray<Value> Encode() => Encode(m["encoder"], PixelValues(m.Graph, c.Channels, ProofSize), c.Stages, c.Activation);

    /// <summary>All stages' maps at the size of the first, one label a pixel of that. -> [B, labels, h, w].</summary>
    private GraphOutputs Segment()
    {
        var (maps, d) = (Encode(), m.Root["decode_head"]);
        var size = GridSize.Of(maps[0]);
        var parts = maps.Select((map, i) =>
        {
            var narrow = Map(Linear(d["linear_c"][i]["proj"], Tokens(map), c.DecoderWidth), GridSize.Of(map));
            return Op.Resize(narrow, size.Vector, size.Height, size.Width, Interpolation.Linear);
        });
        var fused = Conv(d["linear_fuse"], Op.Concat(1, [.. parts.Reverse()]), c.DecoderWidth, new Window(1), bias: false);
        return [("logits", Conv(d["classifier"], Op.Relu(BatchNorm(d["batch_norm"], fused, Epsilon)), c.Labels, new Window(1)))];
    }

    private GraphOutputs Features()
    {
        var last = Encode()[^1];
        return [("last_hidden_state", c.ReshapeLast ? last : Tokens(last))];
    }

    private GraphOutputs Classify() => Logits(m.Root["classifier"], Op.ReduceMean(Tokens(Encode()[^1]), 1, keep: false), c.Labels);

    internal static readonly ModelFamily Family = ModelFamily.Of("segformer", "segformer", Config.Read, (c, m) => new Segformer(c, m), [],
        [
            new TaskGraphs<Segformer>("feature-extraction", s => s.Features()),
            new TaskGraphs<Segformer>("image-classification", s => s.Classify()),
            new TaskGraphs<Segformer>("image-segmentation", s => s.Segment()),
        ]);
}
