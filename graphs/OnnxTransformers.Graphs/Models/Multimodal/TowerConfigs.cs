using System.Text.Json;
using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Multimodal;

/// <summary>Configurations inside a configuration: one for each tower.</summary>
internal static class TowerConfigs
{
    private static readonly JsonElement Empty = JsonDocument.Parse("{}").RootElement;

    /// <summary>The configuration of a tower. The reference takes an older "<paramref name="key"/>_dict" before it, and its own defaults where there is neither.</summary>
    internal static ConfigReader Tower(this ConfigReader json, string key)
    {
        var older = json.Object($"{key}_dict");
        if (older is not null) json.Ignore(key);
        var tower = older ?? json.Object(key) ?? ConfigReader.Of(Empty, json.File);
        tower.RefuseDecoder();
        // A tower has no table of words at its end.
        tower.Ignore("tie_word_embeddings");
        return tower;
    }

    /// <summary>The sizes of CLIP's block; parameters are the type's own defaults for keys that are absent.</summary>
    internal static ClipBlock ClipBlock(this ConfigReader json, int hidden, int heads, int intermediate, string activation = "quick_gelu", float epsilon = 1e-5f)
    {
        var width = json.Count("hidden_size", hidden);
        return new(width, json.Heads("num_attention_heads", heads, width), json.Count("intermediate_size", intermediate), json.Activation("hidden_act", activation), json.Float("layer_norm_eps", epsilon));
    }
}
