using System.Collections.Immutable;
using System.Text.Json;
using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models;

/// <summary>Kinds of configuration values that several model types have.</summary>
internal static class ConfigKinds
{
    /// <summary>An activation by name. Those with learned parameters only where the type's own has some: elsewhere a network has no place for them.</summary>
    internal static Activation Activation(this ConfigReader json, string key, string absent)
    {
        var name = json.String(key, absent);
        var own = Layers.Activation.Named(absent);
        if (Layers.Activation.All.TryGetValue(name, out var activation) && (own.HasParameters || !activation.HasParameters)) return activation;
        json.Problem(key, $"\"{name}\"", string.Join(", ", Layers.Activation.All.Values.Where(a => own.HasParameters || !a.HasParameters).Select(a => a.Name)));
        return own;
    }

    /// <summary>The sizes of BERT's block; parameters are the type's own defaults for keys that are absent.</summary>
    internal static BertBlock BertBlock(this ConfigReader json, int hidden = 768, int heads = 12, int intermediate = 3072)
    {
        var width = json.Count("hidden_size", hidden);
        return new(width, json.Heads("num_attention_heads", heads, width), json.Count("intermediate_size", intermediate), json.Activation("hidden_act", "gelu"), json.Float("layer_norm_eps", 1e-12f), json.Positions(),
            json.Count("max_position_embeddings", 512));
    }

    /// <summary>position_embedding_type.</summary>
    internal static PositionKind Positions(this ConfigReader json) => json.OneOf("position_embedding_type", PositionKind.Absolute,
        ("absolute", PositionKind.Absolute), ("relative_key", PositionKind.RelativeKey), ("relative_key_query", PositionKind.RelativeKeyQuery));

    /// <summary>How many labels a head has.</summary>
    internal static int Labels(this ConfigReader json) => LabelNames.Count(json);

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
        json.RefusePrunedHeads();
    }

    /// <summary>Refuses networks that have lost some of their heads.</summary>
    internal static void RefusePrunedHeads(this ConfigReader json)
    {
        if (json.Raw("pruned_heads") is { ValueKind: JsonValueKind.Object } pruned && pruned.GetPropertyCount() > 0) json.Problem("pruned_heads", pruned.GetRawText(), "no pruned heads");
    }

    /// <summary>A whole number of at least 1 under the first of several names that is there.</summary>
    internal static int CountOf(this ConfigReader json, int absent, params ReadOnlySpan<string> names)
    {
        var first = names[0];
        foreach (var name in names)
        {
            if (!json.Has(name)) continue;
            first = name;
            break;
        }
        json.Ignore(names);
        return json.Count(first, absent);
    }

    /// <summary>Refuses a configuration without keys whose defaults are not known.</summary>
    internal static void MustHave(this ConfigReader json, params ReadOnlySpan<string> keys)
    {
        foreach (var key in keys)
            if (!json.Has(key)) json.Problem(key, "missing", "a value: this type's sizes have no defaults here");
    }

    /// <summary>Which layers slide: those that layer_types names, else those of an older pattern.</summary>
    /// <param name="json">The configuration.</param>
    /// <param name="layers">Number of layers.</param>
    /// <param name="absent">Whether a layer slides where there is no list.</param>
    internal static ImmutableArray<bool> Sliding(this ConfigReader json, int layers, Func<int, bool> absent) => Marked(json, "layer_types", layers, absent, "full_attention", "sliding_attention");

    /// <summary>Which layers have experts: those that mlp_layer_types names as sparse, else those of an older pattern.</summary>
    internal static ImmutableArray<bool> SparseLayers(this ConfigReader json, int layers, Func<int, bool> absent) => Marked(json, "mlp_layer_types", layers, absent, "dense", "sparse");

    private static ImmutableArray<bool> Marked(ConfigReader json, string key, int layers, Func<int, bool> absent, string plain, string marked) =>
        [.. Listed(json, key, json.Strings(key, []), layers, i => absent(i) ? marked : plain, plain, marked).Select(k => k == marked)];

    /// <summary>A kind for each layer: as listed, else as an older pattern says. What is missing or unknown is reported, and stands as the first kind.</summary>
    private static ImmutableArray<string> Listed(ConfigReader json, string key, ImmutableArray<string> types, int layers, Func<int, string> absent, params string[] known)
    {
        if (types.IsEmpty) return [.. Enumerable.Range(0, layers).Select(absent)];
        if (types.Length < layers) json.Problem(key, $"{types.Length} entries", $"one for each of the {layers} layers");
        foreach (var type in types.Except(known)) json.Problem(key, $"\"{type}\"", string.Join(", ", known));
        return [.. Enumerable.Range(0, layers).Select(i => i < types.Length && known.Contains(types[i]) ? types[i] : known[0])];
    }

    /// <summary>How groups of experts are chosen by the sum of their best two; null where all of them are.</summary>
    /// <param name="json">The configuration.</param>
    /// <param name="outside">The score for the choice of experts outside of these groups: below all others in types of transformers 5, but for one.</param>
    internal static ExpertGroups? BestGroups(this ConfigReader json, double outside = double.NegativeInfinity)
    {
        var (all, kept) = (json.Count("n_group", 1), json.Count("topk_group", 1));
        return kept < all ? new(all, kept, BestTwo: true, outside) : null;
    }

    /// <summary>What each layer is, as layer_types says, else as an older pattern does. Names of today stand for older ones.</summary>
    /// <param name="json">The configuration.</param>
    /// <param name="layers">Number of layers.</param>
    /// <param name="absent">A layer's kind where there is no list.</param>
    /// <param name="known">The kinds.</param>
    internal static ImmutableArray<string> LayerKinds(this ConfigReader json, int layers, Func<int, string> absent, params string[] known)
    {
        var key = json.Has("layers_block_type") ? "layers_block_type" : "layer_types";
        ImmutableArray<string> types = [.. json.Strings(key, []).Select(t => OlderKinds.GetValueOrDefault(t) is { } today && known.Contains(today) ? today : t)];
        return Listed(json, key, types, layers, absent, known);
    }

    private static readonly Dictionary<string, string> OlderKinds = new() { ["attention"] = "full_attention", ["mamba"] = "linear_attention" };

    /// <summary>time_step_limit: the shortest and the longest time step of a state space. An infinity may be written as an object.</summary>
    internal static (double Least, double Most) TimeSteps(this ConfigReader json)
    {
        (double, double) none = (0, double.PositiveInfinity);
        if (json.Raw("time_step_limit") is not { } limits) return none;
        double[] both = limits.ValueKind == JsonValueKind.Array ? [.. limits.EnumerateArray().Select(Number)] : [];
        if (both is [var least, var most] && least <= most) return (least, most);
        json.Problem("time_step_limit", limits.GetRawText(), "two numbers, the smaller first");
        return none;

        static double Number(JsonElement e) => e.ValueKind == JsonValueKind.Number ? e.GetDouble()
            : e.ValueKind == JsonValueKind.Object && e.TryGetProperty("__float__", out var name) && name.ValueEquals("Infinity") ? double.PositiveInfinity : double.NaN;
    }
}
