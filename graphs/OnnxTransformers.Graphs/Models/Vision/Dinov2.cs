using System.Collections.Immutable;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>DINOv2 (Oquab et al., 2023): the vision transformer with a learned scale behind each part; its successor has registers, tokens without a place (Darcet et al., 2023). facebook/dinov2-base,
/// facebook/dinov2-with-registers-base. Reference: transformers, models/dinov2 and models/dinov2_with_registers.</summary>
internal sealed class Dinov2(Dinov2.Config c, Module m)
{
    internal sealed record Config(PixelSize Image, PixelSize Patch, int Channels, int Layers, VisionBlock Block, bool Gated, int Registers, bool Antialias, bool NormMaps, bool ReshapeMaps, ImmutableArray<int> Stages, int Labels)
    {
        internal static Config Read(ConfigReader json) => Read(json, patch: 14, registers: false);

        internal static Config ReadWithRegisters(ConfigReader json) => Read(json, patch: 16, registers: true);

        private static Config Read(ConfigReader json, int patch, bool registers)
        {
            int width = json.Count("hidden_size", 768), layers = json.Count("num_hidden_layers", 12);
            var block = new VisionBlock(width, json.Heads("num_attention_heads", 12, width), (int)(width * json.Double("mlp_ratio", 4)), json.Activation("hidden_act", "gelu"), json.Float("layer_norm_eps", 1e-6f), json.Bool("qkv_bias", true));
            json.Ignore("layerscale_value", "drop_path_rate", "use_mask_token");
            return new(json.PixelSize("image_size", 224), json.PixelSize("patch_size", patch), json.Count("num_channels", 3), layers, block, json.Bool("use_swiglu_ffn", false),
                registers ? json.Count("num_register_tokens", 4, least: 0) : 0, registers, json.Bool("apply_layernorm", true), json.Bool("reshape_hidden_states", true), json.OutStages(layers), json.Labels());
        }

        internal int Width => Block.HiddenSize;

        internal PixelSize Grid => Image.Over(Patch);

        /// <summary>Tokens in front of those of patches.</summary>
        internal int Special => 1 + Registers;
    }

    /// <summary>Patches with positions, behind the class token and registers. [B, C, height, width] -> [B, 1 + R + N, D].</summary>
    private (Value Tokens, GridSize Size) Embed(Module e, Value pixels)
    {
        var map = Patches(e["patch_embeddings.projection"], pixels, c.Width, c.Patch.Height, c.Patch.Width);
        using var scope = e.Enter();
        var (size, h) = (GridSize.Of(map), Tokens(map));
        var table = e.Weight("position_embeddings", 1, c.Grid.Cells + 1, c.Width);
        h += InterpolatePositions(table.Slice(1, 1, c.Grid.Cells), c.Grid.Height, c.Grid.Width, size, antialias: c.Antialias);
        var first = ForEachRow((Value)e.Weight("cls_token", 1, 1, c.Width) + table.Slice(1, 0, 1), h);
        var all = c.Registers > 0 ? Op.Concat(1, first, ForEachRow(e.Weight("register_tokens", 1, c.Registers, c.Width), h), h) : Op.Concat(1, first, h);
        return (e.Result(all), size);
    }

    /// <summary>[B, N, D] -> [B, N, D].</summary>
    private Value Block(Module layer, Value h)
    {
        h += VisionAttention(layer["attention"], LayerNorm(layer["norm1"], h, c.Block.Epsilon), c.Block) * layer["layer_scale1"].Weight("lambda1", c.Width);
        return h + FeedForward(layer["mlp"], LayerNorm(layer["norm2"], h, c.Block.Epsilon)) * layer["layer_scale2"].Weight("lambda1", c.Width);
    }

    private Value FeedForward(Module mlp, Value h)
    {
        if (!c.Gated) return Linear(mlp["fc2"], Linear(mlp["fc1"], h, c.Block.IntermediateSize, c.Block.Activation), c.Width);
        var inner = (c.Block.IntermediateSize * 2 / 3 + 7) / 8 * 8;
        var both = Split(Linear(mlp["weights_in"], h, 2 * inner), inner, inner);
        return Linear(mlp["weights_out"], Activate(mlp, Activation.Named("silu"), both[0]) * both[1], c.Width);
    }

    private Value Pixels() => PixelValues(m.Graph, c.Channels, c.Image.Pixels);

    /// <summary>Declares the inputs. -> [B, 1 + R + N, D].</summary>
    private (Value Hidden, GridSize Size) Encode()
    {
        var (h, size) = Embed(m["embeddings"], Pixels());
        return (LayerNorm(m["layernorm"], m["encoder.layer"].Fold(c.Layers, h, Block), c.Block.Epsilon), size);
    }

    private GraphOutputs Features()
    {
        var (h, _) = Encode();
        return [("last_hidden_state", h), ("pooler_output", FirstToken(h))];
    }

    /// <summary>The class token beside the mean of the patches.</summary>
    private GraphOutputs Classify()
    {
        var (h, size) = Encode();
        var both = Op.Concat(1, FirstToken(h), Op.ReduceMean(TokensAfter(h, c.Special, size), 1, keep: false));
        return Logits(m.Root["classifier"], both, c.Labels);
    }

    private ImmutableArray<Value> Maps(Value pixels)
    {
        var (h, size) = Embed(m["embeddings"], pixels);
        var states = m["encoder.layer"].Through(c.Layers, h, (layer, _, x) => Block(layer, x));
        if (!c.NormMaps) m["layernorm"].LeaveOut("the last normalization, which apply_layernorm leaves out");
        return [.. c.Stages.Select(stage =>
        {
            var state = c.NormMaps ? LayerNorm(m["layernorm"], states[stage], c.Block.Epsilon) : states[stage];
            return c.ReshapeMaps ? Map(TokensAfter(state, c.Special, size), size) : state;
        })];
    }

    internal static Backbone AsBackbone(ConfigReader json) => AsBackbone(Config.Read(json));

    internal static Backbone WithRegistersAsBackbone(ConfigReader json) => AsBackbone(Config.ReadWithRegisters(json));

    private static Backbone AsBackbone(Config c) => new(c.Image, c.Patch, (at, pixels) => new Dinov2(c, at).Maps(pixels));

    internal static readonly ModelFamily Family = Of("dinov2", Config.Read);

    internal static readonly ModelFamily WithRegisters = Of("dinov2_with_registers", Config.ReadWithRegisters);

    private static ModelFamily Of(string type, Func<ConfigReader, Config> read) => ModelFamily.Of(type, type, read, (c, m) => new Dinov2(c, m), [SkippedTensors.MaskToken],
        [
            new TaskGraphs<Dinov2>("feature-extraction", d => d.Features()),
            new TaskGraphs<Dinov2>("image-classification", d => d.Classify()),
            new TaskGraphs<Dinov2>("backbone", d => Backbone.Outputs(d.Maps(d.Pixels()))),
        ]);
}
