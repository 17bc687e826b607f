using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>DeiT (Touvron et al., 2021): the vision transformer with a second special token that learned from a teacher. facebook/deit-base-distilled-patch16-224. Reference: transformers, models/deit.</summary>
internal sealed class Deit(Deit.Config c, Module m)
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

        internal PixelSize Grid => Image.Over(Patch);
    }

    /// <summary>Patches with positions, behind the class and the distillation token. [B, C, height, width] -> [B, 2 + N, D].</summary>
    private (Value Tokens, GridSize Size) Embed(Module e, Value pixels, Value? hidden)
    {
        var map = Patches(e["patch_embeddings.projection"], pixels, c.Width, c.Patch.Height, c.Patch.Width);
        using var scope = e.Enter();
        var (size, h) = (GridSize.Of(map), Tokens(map));
        if (hidden is not null) h = WithHidden(h, hidden, e.Weight("mask_token", 1, 1, c.Width));
        var table = e.Weight("position_embeddings", 1, c.Grid.Cells + 2, c.Width);
        h += InterpolatePositions(table.Slice(1, 2, c.Grid.Cells), c.Grid.Height, c.Grid.Width, size);
        var first = Op.Concat(1, e.Weight("cls_token", 1, 1, c.Width), e.Weight("distillation_token", 1, 1, c.Width)) + table.Slice(1, 0, 2);
        return (e.Result(Op.Concat(1, ForEachRow(first, h), h)), size);
    }

    /// <summary>[B, C, height, width] -> [B, 2 + N, D].</summary>
    private (Value Hidden, GridSize Size) Encode(Value pixels, Value? hidden = null)
    {
        var (h, size) = Embed(m["embeddings"], pixels, hidden);
        h = m["encoder.layer"].Fold(c.Layers, h, (layer, x) => VisionTransformerBlock(layer, x, c.Block));
        return (LayerNorm(m["layernorm"], h, c.Block.Epsilon), size);
    }

    private Value Pixels() => PixelValues(m.Graph, c.Channels, c.Image.Pixels);

    private GraphOutputs Features()
    {
        var (h, _) = Encode(Pixels());
        var dense = m["pooler.dense"];
        return dense.Has("weight") ? [("last_hidden_state", h), ("pooler_output", Linear(dense, FirstToken(h), c.PoolerWidth, c.Pooler))] : [("last_hidden_state", h)];
    }

    /// <summary>By the class token; where the checkpoint has the teacher's classifier as well, by the mean of both.</summary>
    private GraphOutputs Classify()
    {
        var (h, _) = Encode(Pixels());
        if (!m.Root["distillation_classifier"].Has("weight")) return Logits(m.Root["classifier"], FirstToken(h), c.Labels);
        Value own = Logits(m.Root["cls_classifier"], FirstToken(h), c.Labels)["logits"], teacher = Logits(m.Root["distillation_classifier"], Op.Select(h, 1, 1), c.Labels)["logits"];
        return [("logits", (own + teacher) / 2), ("cls_logits", own), ("distillation_logits", teacher)];
    }

    /// <summary>The image with hidden patches made up. The reference leaves out the first token and the last, not the two special ones.</summary>
    private GraphOutputs MakeUp() => Reconstruction(m.Root["decoder.0"], c.Channels, c.Image, c.Grid, c.EncoderStride, (pixels, hidden) =>
    {
        var (h, size) = Encode(pixels, hidden);
        return Map(Op.Slice(h, 1, 1, -1), size);
    });

    internal static readonly ModelFamily Family = ModelFamily.Of("deit", "deit", Config.Read, (c, m) => new Deit(c, m), [SkippedTensors.Pooler, SkippedTensors.MaskToken],
        [
            new TaskGraphs<Deit>("feature-extraction", v => v.Features()),
            new TaskGraphs<Deit>("image-classification", v => v.Classify()),
            new TaskGraphs<Deit>("masked-image-modeling", v => v.MakeUp()) { Traits = SharedLoss },
        ]);
}
