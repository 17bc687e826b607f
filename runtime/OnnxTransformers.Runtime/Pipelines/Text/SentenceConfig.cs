using System.Collections.Immutable;
using System.Text.Json;

namespace OnnxTransformers;

/// <summary>How a sentence-transformers package prepares texts and what it does with the result. Reference: sentence-transformers 5.x, modules.json and its neighbours.</summary>
/// <param name="Folder">Where the transformer and its tokenizer are, from the package on.</param>
/// <param name="MaxLength">Tokens a text is cut to; null for the tokenizer's limit.</param>
/// <param name="LowerCase">Whether texts are lower-cased first.</param>
/// <param name="Prompts">Prompts by name.</param>
/// <param name="DefaultPrompt">The name of the prompt that is used where none is asked for, or null.</param>
/// <param name="Similarity">The function that compares embeddings.</param>
/// <param name="Pooling">What pools token embeddings, where the package's graph doesn't; null where modules.json has no pooling.</param>
/// <param name="IncludePrompt">Whether the prompt's tokens take part in pooling.</param>
/// <param name="Normalize">Whether the last module normalizes.</param>
/// <param name="Other">The first module that can't be computed outside the graph, as Dense; null where there is none.</param>
internal sealed record SentenceConfig(
    string Folder, int? MaxLength, bool LowerCase, ImmutableDictionary<string, string> Prompts, string? DefaultPrompt, SimilarityFunction Similarity,
    ImmutableArray<PoolingMode>? Pooling, bool IncludePrompt, bool Normalize, string? Other)
{
    // Names under which versions of sentence-transformers wrote it.
    private static readonly ImmutableArray<string> TransformerFiles =
    [
        "sentence_bert_config.json", "sentence_roberta_config.json", "sentence_distilbert_config.json", "sentence_camembert_config.json", "sentence_albert_config.json",
        "sentence_xlm-roberta_config.json", "sentence_xlnet_config.json",
    ];

    /// <summary>Reads the package; a folder without modules.json is a transformer with mean pooling, as the reference makes one of it.</summary>
    internal static SentenceConfig Read(Package package, string task)
    {
        var modules = Modules(package);
        var (folder, other, normalize, includePrompt) = ("", default(string), false, true);
        ImmutableArray<PoolingMode>? pooling = null;
        foreach (var (type, path) in modules)
        {
            if (type == "Transformer" && pooling is null) folder = path;
            else if (type == "Pooling" && pooling is null) (pooling, includePrompt) = PoolingModes.Read(package.ReadJson(Path.Combine(path, "config.json")), task);
            else if (type == "Normalize") normalize = true;
            else if (type != "Dropout") other ??= type;
        }
        var (length, lower) = Transformer(package, folder);
        var (prompts, name, similarity) = Model(package);
        return new(folder, length, lower, prompts, name, similarity, pooling, includePrompt, normalize, other);
    }

    private static List<(string Type, string Path)> Modules(Package package)
    {
        var path = package.PathOf("modules.json");
        if (!File.Exists(path)) return [("Transformer", ""), ("Pooling", "")];
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            return [.. document.RootElement.EnumerateArray().Select(m => (m.GetProperty("type").GetString()!.Split('.')[^1], m.TryGetProperty("path", out var p) ? p.GetString() ?? "" : ""))];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new CorruptCheckpointException($"reading {path}", new Problem("$", "not a list of modules", "[{\"idx\", \"name\", \"path\", \"type\"}]"), e);
        }
    }

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
