using System.Collections.Immutable;
using OnnxTransformers.Graphs.Heads;

namespace OnnxTransformers.Graphs.Models.Multimodal;

/// <summary>Any text encoder beside any image encoder, both with a pooled vector, compared as CLIP's are: clip-italian, vision-text-dual-encoders of one's own. Reference: transformers, models/vision_text_dual_encoder.</summary>
internal sealed class VisionTextDualEncoder(VisionTextDualEncoder.Config c, Module m)
{
    private const string Pooled = "pooler_output";

    /// <summary>A tower: its family, and how its graph is built.</summary>
    internal sealed record Part(string Type, ModelFamily.BuildTask Build);

    internal sealed record Config(Part? Text, Part? Image, int Space)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("logit_scale_init_value");                                          // the stored scale counts
            return new(ReadPart(json, "text_config"), ReadPart(json, "vision_config"), json.Count("projection_dim", 512));
        }

        private static Part? ReadPart(ConfigReader json, string key)
        {
            if (json.Object(key) is not { } tower)
            {
                json.Problem(key, "missing", "the configuration of an encoder");
                return null;
            }
            var type = tower.String("model_type");
            tower.Ignore("model_type", "projection_dim");
            var family = ModelCatalog.Families.FirstOrDefault(f => f.ModelType == type && f.Tasks.Contains("feature-extraction"));
            if (family is not null) return new(family.ModelType, family.Read(tower));
            tower.Problem("model_type", $"\"{type}\"", "encoders with a feature-extraction graph (docs/families)");
            return null;
        }
    }

    private DualEncoder Both => new(m, () => Encode(c.Text!, "text_model", "text_projection"), () => Encode(c.Image!, "vision_model", "visual_projection"), cosines => DualEncoder.Scaled(m, cosines));

    /// <summary>The tower's own graph becomes a part of this one.</summary>
    private Tower Encode(Part part, string place, string projection)
    {
        GraphOutputs? made = null;
        part.Build(new("feature-extraction", _ => m.Graph, place, (_, outputs) => made = outputs));
        if (made!.All(o => o.Name != Pooled))
            throw new UnsupportedCheckpointException($"building {place}", new Problem(place, $"{part.Type} without {Pooled}", "encoders that pool what they read, with the weights of their pooler"));
        var pooled = made![Pooled];
        return new(made["last_hidden_state"], pooled, Linear(m[projection], pooled, c.Space, bias: false));
    }

    private static readonly ImmutableArray<SkippedTensors> Skipped = [new(".embeddings.position_ids", "a buffer of consecutive numbers"), new("vision_model.embeddings.mask_token", "what stands for hidden patches, which the task does not hide")];

    internal static readonly ModelFamily Family = ModelFamily.Of("vision-text-dual-encoder", [], Config.Read, (c, m) => new VisionTextDualEncoder(c, m), Skipped, DualEncoder.ZeroShot<VisionTextDualEncoder>(x => x.Both));
}
