using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>The vision transformer (Dosovitskiy et al., 2021): patches of an image as tokens behind a class token, learned positions, normalization in front of each part. google/vit-base-patch16-224.
/// Reference: transformers, models/vit.</summary>
internal sealed class Vit(Vit.Config c, Module m)
{
    internal sealed record Config(PixelSize Image, PixelSize Patch, int Channels, int Layers, VisionBlock Block, Activation Pooler, int PoolerWidth, int EncoderStride, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            var block = json.VisionBlock();
            return new(json.PixelSize("image_size", 224), json.PixelSize("patch_size", 16), json.Count("num_channels", 3), json.Count("num_hidden_layers", 12), block, json.Activation("pooler_act", "tanh"),
                json.Count("pooler_output_size", block.HiddenSize), json.Count("encoder_stride", 16), json.Labels());
        }

        internal int Width => Block.HiddenSize;

        /// <summary>Patches of an image of the trained size.</summary>
        internal PixelSize Grid => Image.Over(Patch);
    }

    /// <summary>Patches, the class token and positions. [B, C, height, width] -> [B, 1 + N, D].</summary>
    private (Value Tokens, GridSize Size) Embed(Module e, Value pixels, Value? hidden)
    {
        var map = Patches(e["patch_embeddings.projection"], pixels, c.Width, c.Patch.Height, c.Patch.Width);
        using var scope = e.Enter();
        var (size, h) = (GridSize.Of(map), Tokens(map));
        if (hidden is not null) h = WithHidden(h, hidden, e.Weight("mask_token", 1, 1, c.Width));
        var table = e.Weight("position_embeddings", 1, c.Grid.Cells + 1, c.Width);
        h += InterpolatePositions(table.Slice(1, 1, c.Grid.Cells), c.Grid.Height, c.Grid.Width, size);
        var first = (Value)e.Weight("cls_token", 1, 1, c.Width) + table.Slice(1, 0, 1);
        return (e.Result(Op.Concat(1, ForEachRow(first, h), h)), size);
    }

    /// <summary>[B, C, height, width] -> [B, 1 + N, D].</summary>
    private (Value Hidden, GridSize Size) Encode(Value pixels, Value? hidden = null)
    {
        var (h, size) = Embed(m["embeddings"], pixels, hidden);
        h = m["encoder.layer"].Fold(c.Layers, h, (layer, x) => VisionTransformerBlock(layer, x, c.Block));
        return (LayerNorm(m["layernorm"], h, c.Block.Epsilon), size);
    }

    private Value Pixels() => PixelValues(m.Graph, c.Channels, c.Image.Pixels);

    /// <summary>The hidden states, and the class token's through a linear layer where the checkpoint has one.</summary>
    private GraphOutputs Features()
    {
        var (h, _) = Encode(Pixels());
        var dense = m["pooler.dense"];
        return dense.Has("weight") ? [("last_hidden_state", h), ("pooler_output", Linear(dense, FirstToken(h), c.PoolerWidth, c.Pooler))] : [("last_hidden_state", h)];
    }

    private GraphOutputs Classify() => Logits(m.Root["classifier"], FirstToken(Encode(Pixels()).Hidden), c.Labels);

    /// <summary>The image with hidden patches made up.</summary>
    private GraphOutputs MakeUp() => Reconstruction(m.Root["decoder.0"], c.Channels, c.Image, c.Grid, c.EncoderStride, (pixels, hidden) =>
    {
        var (h, size) = Encode(pixels, hidden);
        return Map(TokensAfter(h, 1, size), size);
    });

    internal static readonly ModelFamily Family = ModelFamily.Of("vit", "vit", Config.Read, (c, m) => new Vit(c, m), [SkippedTensors.Pooler, SkippedTensors.MaskToken],
        [
            new TaskGraphs<Vit>("feature-extraction", v => v.Features()),
            new TaskGraphs<Vit>("image-classification", v => v.Classify()),
            new TaskGraphs<Vit>("masked-image-modeling", v => v.MakeUp()) { Traits = SharedLoss },
        ]);
}
