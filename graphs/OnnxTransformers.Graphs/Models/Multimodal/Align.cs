using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Models.Text;
using OnnxTransformers.Graphs.Models.Vision;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Multimodal;

/// <summary>ALIGN (Jia et al., 2021): EfficientNet's blocks beside BERT, whose first token stands for the text. kakaobrain/align-base. Reference: transformers, models/align.</summary>
internal sealed class Align(Align.Config c, Module m)
{
    internal sealed record Config(Bert.Config Text, EfficientNet.Config Image, int Space)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("temperature_init_value");                                          // the stored temperature counts
            var space = json.Count("projection_dim", 640);
            var image = json.Tower("vision_config");
            if (image.Int("hidden_dim", 2560) != space) json.Problem("projection_dim", $"{space}", "the hidden_dim of the image tower");
            return new(Bert.Config.Read(json.Tower("text_config")), EfficientNet.Config.Read(image), space);
        }
    }

    private DualEncoder Both => new(m, TextTower, ImageTower, cosines => cosines / Op.Cast(m.Weight("temperature").Stored, ElementType.Float));

    private Tower TextTower()
    {
        var h = new Bert(c.Text, m["text_model"]).Encode(TextInputs.Declare(m.Graph, tokenTypes: true));
        return new(h, null, Linear(m["text_projection"], FirstToken(h), c.Space));
    }

    private Tower ImageTower()
    {
        var tower = new EfficientNet(c.Image, m["vision_model"]);
        var h = tower.Blocks();
        var pooled = tower.Pooled(h);
        return new(h, pooled, pooled);
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("align", [], Config.Read, (c, m) => new Align(c, m),
        [SkippedTensors.BatchCounts, new(".embeddings.position_ids", "a buffer of consecutive numbers"), new("text_model.pooler", "BERT's pooler, which the network does not read")], DualEncoder.ZeroShot<Align>(x => x.Both));
}
