using System.Collections.Immutable;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Multimodal;

/// <summary>CLIP (Radford et al., 2021): texts and images in one space. openai/clip-vit-*, laion/CLIP-ViT-*; its text tower steers Stable Diffusion. Reference: transformers, models/clip.</summary>
internal sealed class Clip(Clip.Config c, Module m)
{
    internal sealed record Config(ClipTextTower.Config? Text, ClipImageTower.Config? Image, int Space, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("logit_scale_init_value");                                          // the stored scale counts
            ConfigReader text = json.Tower("text_config"), image = json.Tower("vision_config");
            foreach (var tower in new[] { text, image }) tower.Ignore("projection_dim");     // the whole network's counts
            return new(ClipTextTower.Config.Read(text), ClipImageTower.Config.Read(image), json.Count("projection_dim", 512), json.Labels());
        }

        /// <summary>The configuration of a text tower alone.</summary>
        internal static Config ReadText(ConfigReader json)
        {
            json.RefuseDecoder();
            return new(ClipTextTower.Config.Read(json), null, json.Count("projection_dim", 512), 0);
        }

        /// <summary>The configuration of an image tower alone.</summary>
        internal static Config ReadImage(ConfigReader json)
        {
            json.RefuseDecoder();
            return new(null, ClipImageTower.Config.Read(json), json.Count("projection_dim", 512), 0);
        }
    }

    private ClipTextTower Text => new(c.Text!, m["text_model"]);

    private ClipImageTower Image => new(c.Image!, m["vision_model"]);

    private DualEncoder Both => new(m, TextTower, ImageTower, cosines => DualEncoder.Scaled(m, cosines));

    private Tower TextTower()
    {
        var (h, pooled) = Text.Encode();
        return new(h, pooled, Linear(m["text_projection"], pooled, c.Space, bias: false));
    }

    private Tower ImageTower()
    {
        var h = Image.Encode();
        var pooled = Image.Pool(h);
        return new(h, pooled, Linear(m["visual_projection"], pooled, c.Space, bias: false));
    }

    /// <summary>A tower alone: its hidden states and its vector, and that vector in the common space where the checkpoint has the projection.</summary>
    private GraphOutputs TextFeatures() => Has("text_projection", TextTower, "text_embeds") ?? Plain(Text.Encode());

    private GraphOutputs ImageFeatures()
    {
        if (Has("visual_projection", ImageTower, "image_embeds") is { } projected) return projected;
        var h = Image.Encode();
        return Plain((h, Image.Pool(h)));
    }

    private GraphOutputs? Has(string projection, Func<Tower> make, string name)
    {
        if (!m[projection].Has("weight")) return null;
        var tower = make();
        return [(name, tower.Features), ("last_hidden_state", tower.Hidden!), ("pooler_output", tower.Pooled!)];
    }

    private static GraphOutputs Plain((Value Hidden, Value Pooled) tower) => [("last_hidden_state", tower.Hidden), ("pooler_output", tower.Pooled)];

    /// <summary>A number for each label, from the mean of the patches: the norm behind the blocks is not applied.</summary>
    private GraphOutputs Classify() => Logits(m["classifier"], Op.ReduceMean(Op.Slice(Image.Encode(), 1, 1, int.MaxValue), 1, keep: false), c.Labels);

    private static readonly ImmutableArray<SkippedTensors> Skipped = [new(".embeddings.position_ids", "a buffer of consecutive numbers"), new("vision_model.post_layernorm", "a norm that classes of images do not read")];

    internal static readonly ModelFamily Family = ModelFamily.Of("clip", [], Config.Read, (c, m) => new Clip(c, m), Skipped,
    [
        DualEncoder.ZeroShot<Clip>(x => x.Both),
        new TaskGraphs<Clip>("image-classification", x => x.Classify()),
    ]);

    internal static readonly ModelFamily TextModel = ModelFamily.Of("clip_text_model", [], Config.ReadText, (c, m) => new Clip(c, m), Skipped, new TaskGraphs<Clip>("feature-extraction", x => x.TextFeatures()));

    internal static readonly ModelFamily VisionModel = ModelFamily.Of("clip_vision_model", [], Config.ReadImage, (c, m) => new Clip(c, m), Skipped, new TaskGraphs<Clip>("feature-extraction", x => x.ImageFeatures()));
}
