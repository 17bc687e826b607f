using System.Collections.Immutable;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>ConvNeXt (Liu et al., 2022): wide depthwise convolutions and a linear layer of each cell; its second version (Woo et al., 2023) normalizes channels by their part of the whole map.
/// facebook/convnext-tiny-224, facebook/convnextv2-tiny-1k-224. Reference: transformers, models/convnext and models/convnextv2.</summary>
internal sealed class ConvNext(ConvNext.Config c, Module m)
{
    internal sealed record Config(PixelSize Image, int Patch, int Channels, ImmutableArray<int> Widths, ImmutableArray<int> Depths, Activation Activation, float Epsilon, bool Scaled, bool GlobalNorm, ImmutableArray<int> Stages, int Labels)
    {
        internal static Config ReadV1(ConfigReader json) => Read(json, json.Double("layer_scale_init_value", 1e-6) > 0, globalNorm: false);

        internal static Config ReadV2(ConfigReader json) => Read(json, scaled: false, globalNorm: true);

        private static Config Read(ConfigReader json, bool scaled, bool globalNorm)
        {
            json.Ignore("drop_path_rate");
            var depths = json.Counts("depths", [3, 3, 9, 3], json.Count("num_stages", 4));
            return new(json.PixelSize("image_size", 224), json.Count("patch_size", 4), json.Count("num_channels", 3), json.Counts("hidden_sizes", [96, 192, 384, 768], depths.Length), depths,
                json.Activation("hidden_act", "gelu"), json.Float("layer_norm_eps", 1e-12f), scaled, globalNorm, json.OutStages(depths.Length), json.Labels());
        }
    }

    /// <summary>What the reference's convolutional part adds to variances, whatever the configuration says.</summary>
    private const float OwnEpsilon = 1e-6f;

    /// <summary>[B, D, h, w] -> [B, D, h, w].</summary>
    private Value Block(Module layer, Value x)
    {
        var width = x.Shape[1].Size!.Value;
        var h = LayerNorm(layer["layernorm"], ChannelsLast(Conv(layer["dwconv"], x, (int)width, Window.Padded(7, 1, 3), (int)width)), OwnEpsilon);
        h = Linear(layer["pwconv1"], h, 4 * width, c.Activation);
        if (c.GlobalNorm) h = GlobalResponse(layer["grn"], h, layer["grn"].Weight("weight", 1, 1, 1, 4 * width), layer["grn"].Weight("bias", 1, 1, 1, 4 * width));
        h = Linear(layer["pwconv2"], h, width);
        if (c.Scaled) h *= layer.Weight("layer_scale_parameter", width);
        return x + ChannelsFirst(h);
    }

    private Value Stage(Module stage, int i, Value x)
    {
        var width = c.Widths[i];
        if (i > 0 || x.Shape[1] != width) x = Conv(stage["downsampling_layer.1"], ChannelNorm(stage["downsampling_layer.0"], x, OwnEpsilon), width, i > 0 ? new Window(2, 2) : new Window(2));
        return stage["layers"].Fold(c.Depths[i], x, Block);
    }

    /// <summary>What each stage makes, the embeddings first. [B, C, height, width] -> [B, D, h, w] each.</summary>
    private ImmutableArray<Value> States(Value pixels)
    {
        var e = m["embeddings"];
        var h = ChannelNorm(e["layernorm"], Conv(e["patch_embeddings"], pixels, c.Widths[0], new Window(c.Patch, c.Patch)), OwnEpsilon);
        return m["encoder.stages"].Through(c.Depths.Length, h, Stage);
    }

    private Value Pixels() => PixelValues(m.Graph, c.Channels, c.Image.Pixels);

    private (Value Last, Value Pooled) Encode()
    {
        var h = States(Pixels())[^1];
        return (h, LayerNorm(m["layernorm"], PooledMap(h), c.Epsilon));
    }

    private GraphOutputs Features()
    {
        var (h, pooled) = Encode();
        return [("last_hidden_state", h), ("pooler_output", pooled)];
    }

    private GraphOutputs Classify() => Logits(m.Root["classifier"], Encode().Pooled, c.Labels);

    private ImmutableArray<Value> Maps(Value pixels)
    {
        var states = States(pixels);
        return [.. c.Stages.Select(i => ChannelNorm(m["hidden_states_norms"][i == 0 ? "stem" : $"stage{i}"], states[i], OwnEpsilon))];
    }

    internal static Backbone AsBackbone(ConfigReader json) => AsBackbone(Config.ReadV1(json));

    internal static Backbone SecondAsBackbone(ConfigReader json) => AsBackbone(Config.ReadV2(json));

    private static Backbone AsBackbone(Config c) => new(c.Image, null, (at, pixels) => new ConvNext(c, at).Maps(pixels));

    internal static readonly ModelFamily Family = Of("convnext", Config.ReadV1);

    internal static readonly ModelFamily Second = Of("convnextv2", Config.ReadV2);

    private static ModelFamily Of(string type, Func<ConfigReader, Config> read) => ModelFamily.Of(type, type, read, (c, m) => new ConvNext(c, m), [],
        [
            new TaskGraphs<ConvNext>("feature-extraction", v => v.Features()),
            new TaskGraphs<ConvNext>("image-classification", v => v.Classify()),
            new TaskGraphs<ConvNext>("backbone", v => Backbone.Outputs(v.Maps(v.Pixels()))),
        ]);
}
