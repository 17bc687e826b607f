using System.Collections.Immutable;

namespace OnnxTransformers;

/// <summary>How a sentence-transformers package prepares texts and what it does with the result. Reference: sentence-transformers 5.x, modules.json and its neighbours.</summary>
/// <param name="Folder">Where the transformer and its tokenizer are, from the package on.</param>
/// <param name="MaxLength">Tokens a text is cut to; null for the tokenizer's limit.</param>
/// <param name="LowerCase">Whether texts are lower-cased first.</param>
/// <param name="Prompts">Prompts by name.</param>
/// <param name="DefaultPrompt">The name of the prompt that is used where none is asked for, or null.</param>
/// <param name="Similarity">The function that compares embeddings.</param>
/// <param name="Pooling">The folder of what pools token embeddings, where the package's graph doesn't; null where there is no pooling.</param>
/// <param name="IncludePrompt">Whether the prompt's tokens take part in pooling.</param>
/// <param name="Normalize">Whether the last module normalizes.</param>
/// <param name="Other">The first module that can't be computed outside the graph, as Dense; null where there is none.</param>
internal sealed record SentenceConfig(
    string Folder, int? MaxLength, bool LowerCase, ImmutableDictionary<string, string> Prompts, string? DefaultPrompt, SimilarityFunction Similarity,
    string? Pooling, bool IncludePrompt, bool Normalize, string? Other)
{
    // Names under which versions of sentence-transformers wrote it.
    private static readonly ImmutableArray<string> TransformerFiles =
    [
        "sentence_bert_config.json", "sentence_roberta_config.json", "sentence_distilbert_config.json", "sentence_camembert_config.json", "sentence_albert_config.json",
        "sentence_xlm-roberta_config.json", "sentence_xlnet_config.json",
    ];

    /// <summary>Reads the package; a folder without modules.json is a transformer with mean pooling, as the reference makes one of it.</summary>
    internal static SentenceConfig Read(Package package)
    {
        var (folder, pooling, other, normalize) = ("", default(string), default(string), false);
        foreach (var module in Modules(package))
        {
            if (module.Class == "Transformer" && pooling is null) folder = module.Path;
            else if (module.Class == "Pooling" && pooling is null) pooling = module.Path;
            else if (module.Class == "Normalize") normalize = true;
            else if (module.Class != "Dropout") other ??= module.Class;
        }
        var json = pooling is null ? null : package.ReadJson(Path.Combine(pooling, "config.json"));
        var includePrompt = json?.Bool("include_prompt", true) ?? true;
        json?.ThrowIfInvalid();
        var (length, lower) = Transformer(package, folder);
        var (prompts, name, similarity) = Model(package);
        return new(folder, length, lower, prompts, name, similarity, pooling, includePrompt, normalize, other);
    }

    /// <summary>The modes of pooling outside the graph; mean where the module has no configuration. Not read where the graph pools: what it can do there is its own business.</summary>
    /// <exception cref="UnsupportedCheckpointException">One is not known.</exception>
    internal ImmutableArray<PoolingMode> PoolingModes(Package package)
    {
        if (package.ReadJson(Path.Combine(Pooling!, "config.json")) is not { } json) return [PoolingMode.Mean];
        var pooling = PoolingConfig.Read(json);
        json.ThrowIfInvalid();
        return pooling.Modes;
    }

    private static ImmutableArray<ModuleEntry> Modules(Package package) =>
        ModuleList.Read(package.Folder) is { IsEmpty: false } modules ? modules : [new ModuleEntry("Transformer", ""), new ModuleEntry("Pooling", "")];

    private static (int? MaxLength, bool LowerCase) Transformer(Package package, string folder)
    {
        var json = TransformerFiles.Select(f => package.ReadJson(Path.Combine(folder, f))).FirstOrDefault(j => j is not null);
        var (length, lower) = (json?.IntOrNull("max_seq_length"), json?.Bool("do_lower_case", false) ?? false);
        json?.ThrowIfInvalid();
        return (length, lower);
    }

    private static (ImmutableDictionary<string, string> Prompts, string? Default, SimilarityFunction Similarity) Model(Package package)
    {
        var prompts = ImmutableDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        if (package.ReadJson("config_sentence_transformers.json") is not { } json) return (prompts.ToImmutable(), null, SimilarityFunction.Cosine);
        if (json.Object("prompts") is { } named)
            foreach (var prompt in named.Element.EnumerateObject())
                if (named.String(prompt.Name) is { } text) prompts[prompt.Name] = text;
        var name = json.String("default_prompt_name");
        var similarity = json.OneOf("similarity_fn_name", SimilarityFunction.Cosine, [.. Similarities.Names]);
        json.ThrowIfInvalid();
        return (prompts.ToImmutable(), name, similarity);
    }
}
