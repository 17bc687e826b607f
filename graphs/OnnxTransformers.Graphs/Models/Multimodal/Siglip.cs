using System.Collections.Immutable;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Multimodal;

/// <summary>SigLIP (Zhai et al., 2023): CLIP without a causal mask and a class token; a text's vector is that of its last place, so that texts are padded to one length. google/siglip-*. Reference: transformers, models/siglip.</summary>
internal sealed class Siglip(Siglip.Config c, Module m)
{
    /// <summary>The text tower.</summary>
    internal sealed record TextConfig(int VocabSize, int MaxPositions, int Layers, ClipBlock Block, int Space)
    {
        internal static TextConfig Read(ConfigReader json)
        {
            var block = json.ClipBlock(768, 12, 3072, "gelu_pytorch_tanh", 1e-6f);
            return new(json.Count("vocab_size", 32000), json.Count("max_position_embeddings", 64), json.Count("num_hidden_layers", 12), block, json.Count("projection_size", block.HiddenSize));
        }
    }

    /// <summary>The image tower.</summary>
    internal sealed record ImageConfig(int Image, int Patch, int Channels, int Layers, ClipBlock Block, bool Head)
    {
        internal static ImageConfig Read(ConfigReader json) => new(json.Count("image_size", 224), json.Count("patch_size", 16), json.Count("num_channels", 3), json.Count("num_hidden_layers", 12),
            json.ClipBlock(768, 12, 3072, "gelu_pytorch_tanh", 1e-6f), json.Bool("vision_use_head", true));
    }

    internal sealed record Config(TextConfig? Text, ImageConfig? Image, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            ConfigReader text = json.Tower("text_config"), image = json.Tower("vision_config");
            return new(TextConfig.Read(text), ImageConfig.Read(image), json.Labels());
        }

        internal static Config ReadImage(ConfigReader json)
        {
            json.RefuseDecoder();
            return new(null, ImageConfig.Read(json), 0);
        }
    }

    private DualEncoder Both => new(m, TextTower, ImageTower, cosines => Score(m, cosines));

    /// <summary>Cosines, scaled and shifted.</summary>
    internal static Value Score(Module m, Value cosines) => DualEncoder.Scaled(m, cosines, 1) + Op.Cast(m.Weight("logit_bias", 1).Stored, ElementType.Float);

    /// <summary>Declares a text. Its vector is that of the last place, whatever stands there.</summary>
    private Tower TextTower() => TextTower(m["text_model"], c.Text!);

    /// <summary>The same for relatives.</summary>
    internal static Tower TextTower(Module t, TextConfig text)
    {
        var x = TextInputs.Declare(t.Graph, tokenTypes: false);
        var h = ClipWords(t["embeddings"], x, text.VocabSize, text.MaxPositions, text.Block.HiddenSize);
        h = t["encoder.layers"].Fold(text.Layers, h, (layer, y) => ClipLayer(layer, y, text.Block, x.Mask));
        h = LayerNorm(t["final_layer_norm"], h, text.Block.Epsilon);
        var pooled = Linear(t["head"], Op.Select(h, 1, -1), text.Space);
        return new(h, pooled, pooled);
    }

    /// <summary>Declares images. -> [B, N, D].</summary>
    private Value Encode()
    {
        var (v, image) = (m["vision_model"], c.Image!);
        var h = ClipPatches(v["embeddings"], PixelValues(m.Graph, image.Channels, (image.Image, image.Image)), image.Block.HiddenSize, image.Patch, image.Image / image.Patch, classToken: false, bias: true);
        h = v["encoder.layers"].Fold(image.Layers, h, (layer, y) => ClipLayer(layer, y, image.Block));
        return LayerNorm(v["post_layernorm"], h, image.Block.Epsilon);
    }

    private Tower ImageTower()
    {
        var h = Encode();
        RequireHead(c.Image!.Head);
        var pooled = AttentionPool(m["vision_model.head"], h, c.Image.Block);
        return new(h, pooled, pooled);
    }

    internal static void RequireHead(bool head)
    {
        if (!head) throw new UnsupportedCheckpointException("building the vector of an image", new Problem("$.vision_config.vision_use_head", "false", "true, where images and texts are compared", "ask for image-classification"));
    }

    /// <summary>What a learned query finds in the patches, and a feed-forward part. [B, N, D] -> [B, D].</summary>
    internal static Value AttentionPool(Module m, Value h, ClipBlock c, AttentionMask? mask = null)
    {
        var probe = ForEachRow(m.Weight("probe", 1, 1, c.HiddenSize), h);
        var found = TorchAttention(m["attention"], probe, h, h, c.Heads, mask);
        return FirstToken(found + ClipFeedForward(m["mlp"], LayerNorm(m["layernorm"], found, c.Epsilon), c));
    }

    private GraphOutputs ImageFeatures()
    {
        var h = Encode();
        return c.Image!.Head ? [("last_hidden_state", h), ("pooler_output", AttentionPool(m["vision_model.head"], h, c.Image.Block))] : [("last_hidden_state", h)];
    }

    /// <summary>A number for each label, from the mean of the patches.</summary>
    private GraphOutputs Classify() => Logits(m["classifier"], Op.ReduceMean(Encode(), 1, keep: false), c.Labels);

    private static readonly ImmutableArray<SkippedTensors> Skipped = [new(".embeddings.position_ids", "a buffer of consecutive numbers"), new("vision_model.head", "what pools the patches, which the task does not read")];

    // The last place counts: one more place of padding gives another vector.
    internal static readonly NetworkTraits OneLength = new() { PaddingIsNeutral = false, MaskedIdsAreNeutral = false };

    internal static readonly ModelFamily Family = ModelFamily.Of("siglip", [], Config.Read, (c, m) => new Siglip(c, m), Skipped,
    [
        DualEncoder.ZeroShot<Siglip>(x => x.Both) with { Traits = OneLength },
        new TaskGraphs<Siglip>("image-classification", x => x.Classify()),
    ]);

    internal static readonly ModelFamily VisionModel = ModelFamily.Of("siglip_vision_model", [], Config.ReadImage, (c, m) => new Siglip(c, m), Skipped, new TaskGraphs<Siglip>("feature-extraction", x => x.ImageFeatures()));
}
