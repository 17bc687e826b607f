using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Models.Text;

namespace OnnxTransformers.Graphs.Models.Multimodal;

/// <summary>Chinese CLIP (Yang et al., 2022): CLIP's image tower beside BERT, whose first token stands for the text. OFA-Sys/chinese-clip-*. Reference: transformers, models/chinese_clip.</summary>
internal sealed class ChineseClip(ChineseClip.Config c, Module m)
{
    internal sealed record Config(Bert.Config Text, ClipImageTower.Config Image, int Space)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("logit_scale_init_value");                                          // the stored scale counts
            ConfigReader text = json.Tower("text_config"), image = json.Tower("vision_config");
            foreach (var tower in new[] { text, image }) tower.Ignore("projection_dim");     // the whole network's counts
            return new(Bert.Config.Read(text), ClipImageTower.Config.Read(image), json.Count("projection_dim", 512));
        }
    }

    private DualEncoder Both => new(m, TextTower, ImageTower, cosines => DualEncoder.Scaled(m, cosines));

    private Tower TextTower()
    {
        var h = new Bert(c.Text, m["text_model"]).Encode(TextInputs.Declare(m.Graph, tokenTypes: true));
        return new(h, null, Linear(m["text_projection"], FirstToken(h), c.Space, bias: false));
    }

    private Tower ImageTower()
    {
        var tower = new ClipImageTower(c.Image, m["vision_model"]);
        var h = tower.Encode();
        var pooled = tower.Pool(h);
        return new(h, pooled, Linear(m["visual_projection"], pooled, c.Space, bias: false));
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("chinese_clip", [], Config.Read, (c, m) => new ChineseClip(c, m),
        [new(".embeddings.position_ids", "a buffer of consecutive numbers"), new("text_model.pooler", "BERT's pooler, which the network does not read")], DualEncoder.ZeroShot<ChineseClip>(x => x.Both));
}
