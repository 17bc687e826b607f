using System.Collections.Immutable;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>FocalNet (Yang et al., 2022): each cell is modulated by its surroundings at several distances. microsoft/focalnet-tiny. Reference: transformers, models/focalnet.</summary>
internal sealed class FocalNet(FocalNet.Config c, Module m)
{
    internal sealed record Config(PixelSize Image, PixelSize Patch, int Channels, int Width, bool Overlaps, ImmutableArray<int> Depths, ImmutableArray<int> Levels, ImmutableArray<int> Windows, Activation Activation, double Ratio, bool Scaled,
        bool PostNorm, bool NormInside, bool Averages, float Epsilon, int EncoderStride, ImmutableArray<int> Stages, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("hidden_sizes", "drop_path_rate", "layerscale_value");                           // widths double from embed_dim
            var depths = json.Counts("depths", [2, 2, 6, 2]);
            return new(json.PixelSize("image_size", 224), json.PixelSize("patch_size", 4), json.Count("num_channels", 3), json.Count("embed_dim", 96), json.Bool("use_conv_embed", false), depths,
                json.Counts("focal_levels", [2, 2, 2, 2], depths.Length), json.Counts("focal_windows", [3, 3, 3, 3], depths.Length), json.Activation("hidden_act", "gelu"), json.Double("mlp_ratio", 4), json.Bool("use_layerscale", false),
                json.Bool("use_post_layernorm", false), json.Bool("use_post_layernorm_in_modulation", false), json.Bool("normalize_modulator", false), json.Float("layer_norm_eps", 1e-5f), json.Count("encoder_stride", 32),
                json.OutStages(depths.Length), json.Labels());
        }

        internal PixelSize Grid => Image.Over(Patch);
    }

    /// <summary>Patches, zeros filling up the last ones. [B, C, h, w] -> [B, h', w', D].</summary>
    private Value Project(Module at, Value x, int width, PixelSize patch, Window overlapping)
    {
        if (!c.Overlaps) return ChannelsLast(CoveringPatches(at["projection"], x, width, patch.Height, patch.Width));
        Value padded;
        using (at.Enter()) padded = PadToWindows(x, 2, patch.Height, patch.Width).Padded;
        return ChannelsLast(Conv(at["projection"], padded, width, overlapping));
    }

    /// <summary>[B, h, w, D] -> [B, h, w, D].</summary>
    private Value Modulate(Module at, Value x, int stage)
    {
        var (levels, width) = (c.Levels[stage], (int)x.Shape[3].Size!.Value);
        var parts = Split(Linear(at["projection_in"], x, 2 * width + levels + 1), width, width, levels + 1);
        Value query = parts[0], context = ChannelsFirst(parts[1]), gates = ChannelsFirst(parts[2]);
        Value? all = null;
        for (var level = 0; level < levels; level++)
        {
            var layer = at[$"focal_layers.{level}"];
            var size = 2 * level + c.Windows[stage];
            context = Activate(layer, Activation.Named("gelu"), Conv(layer["0"], context, width, Window.Padded(size, 1, size / 2), width, bias: false));
            var part = context * Op.Slice(gates, 1, level, level + 1);
            all = all is null ? part : all + part;
        }
        Value sum;
        using (at.Enter()) sum = all! + Op.Gelu(Op.GlobalAveragePool(context), tanh: false) * Op.Slice(gates, 1, levels, levels + 1);
        if (c.Averages) sum /= levels + 1;
        var made = query * ChannelsLast(Conv(at["projection_context"], sum, width, new Window(1)));
        if (c.NormInside) made = LayerNorm(at["layernorm"], made, c.Epsilon);
        return Linear(at["projection_out"], made, width);
    }

    private Value Scaled(Module at, string scale, Value x) => c.Scaled ? x * at.Weight(scale, x.Shape[3].Size!.Value) : x;

    private Value Block(Module at, Value h, int stage)
    {
        var width = h.Shape[3].Size!.Value;
        Value Norm(string name, Value x) => LayerNorm(at[name], x, c.Epsilon);
        Value FeedForward(Value x) => Linear(at["mlp.fc2"], Linear(at["mlp.fc1"], x, (int)(width * c.Ratio), c.Activation), width);
        h += Scaled(at, "gamma_1", c.PostNorm ? Norm("norm1", Modulate(at["modulation"], h, stage)) : Modulate(at["modulation"], Norm("norm1", h), stage));
        return h + Scaled(at, "gamma_2", c.PostNorm ? Norm("norm2", FeedForward(h)) : FeedForward(Norm("norm2", h)));
    }

    /// <summary>What each stage makes, its smaller map already, the embeddings first. [B, C, height, width] -> [B, h, w, D] each.</summary>
    private ImmutableArray<Value> States(Value pixels, Value? hidden = null)
    {
        var e = m["embeddings"];
        var start = LayerNorm(e["norm"], Project(e["patch_embeddings"], pixels, c.Width, c.Patch, Window.Padded(7, 4, 2)), c.Epsilon);
        if (hidden is not null)
            using (e.Enter()) start = Op.Where(Op.Reshape(hidden, [0, c.Grid.Height, c.Grid.Width, 1]), e.Weight("mask_token", 1, 1, c.Width), start);
        return m["encoder.stages"].Through(c.Depths.Length, start, (at, i, x) =>
        {
            var h = at["layers"].Fold(c.Depths[i], x, (layer, y) => Block(layer, y, i));
            if (i == c.Depths.Length - 1) return h;
            var down = at["downsample"];
            return LayerNorm(down["norm"], Project(down, ChannelsFirst(h), c.Width << (i + 1), new(2, 2), Window.Padded(3, 2, 1)), c.Epsilon);
        });
    }

    private Value Pixels() => PixelValues(m.Graph, c.Channels, c.Image.Pixels);

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
        m["layernorm"].LeaveOut("the last normalization, which maps go without");
        var states = States(pixels);
        return [.. c.Stages.Select(i => ChannelsFirst(states[i]))];
    }

    /// <summary>A backbone's class keeps the network one level down.</summary>
    internal static Backbone AsBackbone(ConfigReader json)
    {
        var c = Config.Read(json);
        return new(c.Image, null, (at, pixels) => new FocalNet(c, at["focalnet"]).Maps(pixels));
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("focalnet", "focalnet", Config.Read, (c, m) => new FocalNet(c, m), [SkippedTensors.MaskToken],
        [
            new TaskGraphs<FocalNet>("feature-extraction", f => f.Features()),
            new TaskGraphs<FocalNet>("image-classification", f => f.Classify()),
            new TaskGraphs<FocalNet>("masked-image-modeling", f => f.MakeUp()) { Traits = SharedLoss },
            new TaskGraphs<FocalNet>("backbone", f => Backbone.Outputs(f.Maps(f.Pixels()))),
        ]);
}
