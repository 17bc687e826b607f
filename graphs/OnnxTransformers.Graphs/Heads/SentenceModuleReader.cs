namespace OnnxTransformers.Graphs.Heads;

/// <summary>Reads the modules of a sentence-transformers package. Reference: sentence-transformers, models/ and base/modules/.</summary>
public static class SentenceModuleReader
{
    /// <summary>Modules by the last part of their class name.</summary>
    private static readonly Dictionary<string, Func<string, ConfigReader, SentenceModule>> Rows = new(StringComparer.Ordinal)
    {
        ["Pooling"] = (_, json) => ReadPooling(json),
        ["Dense"] = ReadDense,
        ["Normalize"] = (_, _) => new SentenceModule.Normalize(),
        ["LayerNorm"] = (prefix, json) => { json.Ignore("dimension"); return new SentenceModule.LayerNorm(prefix); },
        ["Dropout"] = (_, json) => { json.Ignore("dropout"); return new SentenceModule.Identity(); },
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

    private static SentenceModule.Pooling ReadPooling(ConfigReader json)
    {
        var (modes, includePrompt) = PoolingConfig.Read(json);
        return new(modes, includePrompt);
    }

    private static SentenceModule.Dense ReadDense(string prefix, ConfigReader json)
    {
        json.Ignore("in_features", "module_input_name", "module_output_name");
        var function = json.String("activation_function", "torch.nn.modules.activation.Tanh");
        if (!TorchActivations.ContainsKey(function)) json.Problem("activation_function", $"\"{function}\"", string.Join(", ", TorchActivations.Keys));
        return new SentenceModule.Dense(prefix, json.Count("out_features", 0), json.Bool("bias", true), TorchActivations.GetValueOrDefault(function, "linear"));
    }

    private static SentenceModule.Splade ReadSplade(ConfigReader json)
    {
        json.Ignore("word_embedding_dimension", "embedding_dimension", "chunk_size");
        return new SentenceModule.Splade(json.OneOf("pooling_strategy", false, ("max", false), ("sum", true)), json.OneOf("activation_function", false, ("relu", false), ("log1p_relu", true)));
    }
}
