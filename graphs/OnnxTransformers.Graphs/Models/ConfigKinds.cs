using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models;

/// <summary>Kinds of configuration values that several model types have.</summary>
internal static class ConfigKinds
{
    /// <summary>An activation by name.</summary>
    internal static Activation Activation(this ConfigReader json, string key, string absent)
    {
        var name = json.String(key, absent);
        if (Layers.Activation.All.TryGetValue(name, out var activation)) return activation;
        json.Problem(key, $"\"{name}\"", string.Join(", ", Layers.Activation.All.Keys));
        return Layers.Activation.All[absent];
    }

    /// <summary>position_embedding_type.</summary>
    internal static PositionKind Positions(this ConfigReader json) => json.OneOf("position_embedding_type", PositionKind.Absolute,
        ("absolute", PositionKind.Absolute), ("relative_key", PositionKind.RelativeKey), ("relative_key_query", PositionKind.RelativeKeyQuery));

    /// <summary>How many labels a head has: as many as id2label names, else num_labels, else two.</summary>
    internal static int Labels(this ConfigReader json)
    {
        if (json.Raw("id2label") is { ValueKind: System.Text.Json.JsonValueKind.Object } labels) return labels.GetPropertyCount();
        return json.IntOrNull("num_labels") ?? json.IntOrNull("_num_labels") ?? 2;
    }

    /// <summary>The width of heads: the hidden size must divide by their number.</summary>
    internal static int Heads(this ConfigReader json, string key, int absent, int hiddenSize)
    {
        var heads = json.Count(key, absent);
        if (hiddenSize % heads != 0) json.Problem(key, $"{heads}", $"a divisor of the hidden size {hiddenSize}");
        return heads;
    }

    /// <summary>Refuses what turns an encoder into a decoder: another graph than this family builds.</summary>
    internal static void RefuseDecoder(this ConfigReader json)
    {
        json.MustBe("is_decoder", false, "the encoder; as a decoder it is not supported yet");
        json.MustBe("add_cross_attention", false, "the encoder alone; cross-attention is not supported yet");
        json.MustBe("is_encoder_decoder", false, "the encoder alone");
        if (json.Raw("pruned_heads") is { ValueKind: System.Text.Json.JsonValueKind.Object } pruned && pruned.GetPropertyCount() > 0) json.Problem("pruned_heads", pruned.GetRawText(), "no pruned heads");
    }
}
