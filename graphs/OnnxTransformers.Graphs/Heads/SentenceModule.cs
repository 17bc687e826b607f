using System.Collections.Immutable;

namespace OnnxTransformers.Graphs.Heads;

/// <summary>How the vectors of a text's tokens become one. Reference: sentence-transformers, Pooling.</summary>
public enum PoolingMode
{
    /// <summary>The first token's.</summary>
    Cls,
    /// <summary>The largest of each component over real tokens.</summary>
    Max,
    /// <summary>The mean over real tokens.</summary>
    Mean,
    /// <summary>The sum over real tokens, divided by the square root of their number.</summary>
    MeanSqrtLength,
    /// <summary>The mean weighted by position, counted from 1.</summary>
    WeightedMean,
    /// <summary>The last real token's.</summary>
    LastToken,
}

/// <summary>One module of a sentence-transformers package after the network itself: an entry of modules.json.</summary>
public abstract record SentenceModule
{
    /// <summary>Pools token vectors; several modes are put side by side in the order of <see cref="PoolingMode"/>.</summary>
    public sealed record Pooling(ImmutableArray<PoolingMode> Modes, bool IncludePrompt) : SentenceModule;

    /// <summary>A linear layer with an activation over the pooled vector. Weights: <paramref name="Prefix"/>.linear.weight and .bias.</summary>
    public sealed record Dense(string Prefix, int Out, bool Bias, string Activation) : SentenceModule;

    /// <summary>Layer normalization of the pooled vector. Weights: <paramref name="Prefix"/>.norm.weight and .bias.</summary>
    public sealed record LayerNorm(string Prefix) : SentenceModule;

    /// <summary>Division by the Euclidean length.</summary>
    public sealed record Normalize : SentenceModule;

    /// <summary>SPLADE: log(1 + activation) of the vocabulary's logits, largest or sum over real tokens.</summary>
    public sealed record Splade(bool Sum, bool Log1pOfRelu) : SentenceModule;

    /// <summary>Modules by the last part of their class name.</summary>
    private static readonly Dictionary<string, Func<string, ConfigReader, SentenceModule>> Rows = new(StringComparer.Ordinal)
    {
        ["Pooling"] = (_, json) => ReadPooling(json),
        ["Dense"] = ReadDense,
        ["Normalize"] = (_, _) => new Normalize(),
        ["LayerNorm"] = (prefix, json) => { json.Ignore("dimension"); return new LayerNorm(prefix); },
        ["Dropout"] = (_, json) => { json.Ignore("dropout"); return new Identity(); },
        ["SpladePooling"] = (_, json) => ReadSplade(json),
    };

    private static readonly Dictionary<string, string> TorchActivations = new(StringComparer.Ordinal)
    {
        ["torch.nn.modules.activation.Tanh"] = "tanh",
        ["torch.nn.modules.linear.Identity"] = "linear",
        ["torch.nn.modules.activation.ReLU"] = "relu",
        ["torch.nn.modules.activation.GELU"] = "gelu",
        ["torch.nn.modules.activation.Sigmoid"] = "sigmoid",
        ["torch.nn.modules.activation.SiLU"] = "silu",
    };

    /// <summary>A module that does nothing when a network is used.</summary>
    internal sealed record Identity : SentenceModule;

    /// <summary>Reads one entry of modules.json.</summary>
    /// <param name="type">The class, as "sentence_transformers.models.Pooling".</param>
    /// <param name="prefix">Under which the module's tensors are found in the checkpoint's tensors, as "2_Dense".</param>
    /// <param name="config">The module's own config.json.</param>
    /// <exception cref="UnsupportedCheckpointException">The class or a value is not supported.</exception>
    public static SentenceModule Read(string type, string prefix, ConfigReader config)
    {
        if (!Rows.TryGetValue(type[(type.LastIndexOf('.') + 1)..], out var read))
            throw new UnsupportedCheckpointException("reading modules.json", new Problem($"the module \"{prefix}\"", type, string.Join(", ", Rows.Keys)));
        var module = read(prefix, config);
        foreach (var path in config.Unread.ToList()) config.Problem(path[2..], "a key that nothing reads", $"the keys of {type[(type.LastIndexOf('.') + 1)..]}");
        config.ThrowIfInvalid();
        return module;
    }

    private static Pooling ReadPooling(ConfigReader json)
    {
        json.Ignore("word_embedding_dimension", "embedding_dimension");
        (string Key, string Name, PoolingMode Mode)[] modes =
        [
            ("pooling_mode_cls_token", "cls", PoolingMode.Cls), ("pooling_mode_max_tokens", "max", PoolingMode.Max), ("pooling_mode_mean_tokens", "mean", PoolingMode.Mean),
            ("pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens", PoolingMode.MeanSqrtLength), ("pooling_mode_weightedmean_tokens", "weightedmean", PoolingMode.WeightedMean),
            ("pooling_mode_lasttoken", "lasttoken", PoolingMode.LastToken),
        ];
        // A mean is the reference's default where a file names no mode at all.
        var flags = modes.Where(m => json.Bool(m.Key, m.Mode == PoolingMode.Mean && !json.Has("pooling_mode"))).Select(m => m.Mode).ToList();
        if (json.Raw("pooling_mode") is { } named)
        {
            string[] names = named.ValueKind == System.Text.Json.JsonValueKind.Array ? [.. json.Strings("pooling_mode", [])] : [json.String("pooling_mode", "mean")];
            foreach (var name in names)
                if (!modes.Any(m => m.Name == name)) json.Problem("pooling_mode", $"\"{name}\"", string.Join(", ", modes.Select(m => m.Name)));
            flags = [.. modes.Where(m => names.Contains(m.Name)).Select(m => m.Mode)];
        }
        if (flags.Count == 0) json.Problem("pooling_mode", "no mode", "at least one");
        return new Pooling([.. flags], json.Bool("include_prompt", true));
    }

    private static Dense ReadDense(string prefix, ConfigReader json)
    {
        json.Ignore("in_features", "module_input_name", "module_output_name");
        var function = json.String("activation_function", "torch.nn.modules.activation.Tanh");
        if (!TorchActivations.ContainsKey(function)) json.Problem("activation_function", $"\"{function}\"", string.Join(", ", TorchActivations.Keys));
        return new Dense(prefix, json.Count("out_features", 0), json.Bool("bias", true), TorchActivations.GetValueOrDefault(function, "linear"));
    }

    private static Splade ReadSplade(ConfigReader json)
    {
        json.Ignore("word_embedding_dimension", "embedding_dimension", "chunk_size");
        return new Splade(json.OneOf("pooling_strategy", false, ("max", false), ("sum", true)), json.OneOf("activation_function", false, ("relu", false), ("log1p_relu", true)));
    }
}
