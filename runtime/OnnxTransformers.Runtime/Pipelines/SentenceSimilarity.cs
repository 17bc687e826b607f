using System.Collections.Immutable;
using System.Text.Json;
using OnnxTransformers.Tokenizers;

namespace OnnxTransformers;

/// <summary>Which side of a search a text is on, for models that prepare the two differently.</summary>
public enum EmbeddingRole
{
    /// <summary>Neither.</summary>
    Text,
    /// <summary>A question: the prompt "query" is used where there is one.</summary>
    Query,
    /// <summary>Something that is searched: the prompt "document", "passage" or "corpus" is used where there is one.</summary>
    Document,
}

/// <summary>Options of <see cref="SentenceSimilarity"/>.</summary>
public sealed record EmbeddingOptions
{
    /// <summary>Which side of a search the texts are on.</summary>
    public EmbeddingRole Role { get; init; }

    /// <summary>A text that is put before each; wins over <see cref="PromptName"/> and <see cref="Role"/>.</summary>
    public string? Prompt { get; init; }

    /// <summary>The name of one of the package's prompts; wins over <see cref="Role"/>.</summary>
    public string? PromptName { get; init; }

    /// <summary>Whether embeddings are scaled to length 1, if the model doesn't anyway.</summary>
    public bool Normalize { get; init; }

    /// <summary>How many numbers of an embedding are kept, for models trained so that the first ones suffice; null for all.</summary>
    public int? TruncateDimension { get; init; }
}

/// <summary>Turns texts into embeddings and compares them: sentence-transformers packages. Pooling and what follows it are part of the exported graph (output sentence_embedding);
/// for packages whose graph ends at the token vectors, pooling and normalization are done here. Reference: sentence-transformers 5.x, SentenceTransformer.encode. Thread-safe.</summary>
public sealed class SentenceSimilarity : IPipeline
{
    internal const string Name = "sentence-similarity";
    private const string Pooled = "sentence_embedding", PromptLength = "prompt_length";
    private static readonly string[] Unpooled = ["token_embeddings", "last_hidden_state"];
    private static readonly string[] DocumentPrompts = ["document", "passage", "corpus"];
    private readonly TextModel _model;
    private readonly SentenceConfig _config;
    private readonly string _output;
    private readonly ImmutableArray<PoolingMode> _pooling;
    private readonly int? _maxLength;

    private SentenceSimilarity(TextModel model, SentenceConfig config, string output, ImmutableArray<PoolingMode> pooling)
    {
        (_model, _config, _output, _pooling) = (model, config, output, pooling);
        _maxLength = config.MaxLength ?? (model.Config.Json?.IntOrNull("max_position_embeddings") is > 0 and var positions ? Math.Min(positions, model.Tokenizer.ModelMaxLength) : null);
    }

    /// <inheritdoc/>
    public string Task => Name;

    /// <summary>The function that the package compares embeddings with.</summary>
    public SimilarityFunction Similarity => _config.Similarity;

    /// <summary>Names of the package's prompts.</summary>
    public IEnumerable<string> PromptNames => _config.Prompts.Keys;

    /// <summary>Opens a package.</summary>
    /// <exception cref="UnsupportedCheckpointException">Its modules can't be computed: neither does the graph pool, nor can it be done here.</exception>
    /// <exception cref="CorruptCheckpointException">A file is missing or damaged.</exception>
    /// <exception cref="ProviderUnavailableException">A provider can't be loaded.</exception>
    public static SentenceSimilarity Load(string package, PipelineOptions? options = null)
    {
        var config = SentenceConfig.Read(Package.Open(package));
        return Owned.By(TextModel.Load(package, Name, [], 0, options, config.Folder), model =>
        {
            var output = OutputOf(model, config, package);
            return new SentenceSimilarity(model, config, output, output == Pooled ? [] : config.PoolingModes(model.Package));
        });
    }

    /// <summary>The embedding of one text.</summary>
    public float[] Embed(string text, EmbeddingOptions? options = null) => Embed([text], options)[0];

    /// <summary>The embedding of each text, in order; longer texts are cut to the model's limit.</summary>
    /// <exception cref="InvalidInputException">There is no such prompt, or this graph can't leave a prompt out of pooling as the model wants it.</exception>
    public IReadOnlyList<float[]> Embed(IReadOnlyList<string> texts, EmbeddingOptions? options = null, CancellationToken cancellation = default)
    {
        options ??= new();
        var prompt = PromptOf(options);
        var skip = _config.IncludePrompt || prompt.Length == 0 ? 0 : TokensOf(prompt);
        if (skip > 0 && _output == Pooled && !_model.Session.OptionalInputs.Any(i => i.Name == PromptLength))
            throw new InvalidInputException("embedding texts", new Problem("prompt", $"\"{prompt}\", which this model leaves out of pooling, but its graph has no input {PromptLength} to be told so", null, "export the model again, or ask for an empty prompt"));
        var rows = texts.Select(t => Encode(prompt + t)).ToList();
        var embeddings = new float[rows.Count][];
        _model.Forward(rows, [_output], (row, outputs) => embeddings[row] = Finish(outputs, options, skip), cancellation, _output == Pooled ? skip : 0);
        return embeddings;
    }

    /// <summary>How near two embeddings are, by the package's function.</summary>
    public float Compare(ReadOnlySpan<float> first, ReadOnlySpan<float> second) => Similarities.Of(_config.Similarity, first, second);

    /// <inheritdoc/>
    public void Answer(JsonElement line, Utf8JsonWriter output, CancellationToken cancellation = default)
    {
        var call = new CallArguments(Name, line);
        var asked = call.Inputs("sentences", "inputs");
        var texts = call.Texts("sentences", asked);
        var options = new EmbeddingOptions
        {
            Role = call.OneOf<EmbeddingRole>("method", ("encode", EmbeddingRole.Text), ("encode_query", EmbeddingRole.Query), ("encode_document", EmbeddingRole.Document)) ?? EmbeddingRole.Text,
            Prompt = call.Text("prompt"),
            PromptName = call.Text("prompt_name"),
            Normalize = call.Bool("normalize_embeddings") ?? false,
            TruncateDimension = call.Count("truncate_dim", 1),
        };
        var similarity = call.OneOf("similarity_fn_name", [.. Similarities.Names]);
        _ = call.OneOf<bool>("precision", ("float32", true));
        _ = call.OneOf<bool>("output_value", ("sentence_embedding", true));
        call.RefuseOthers();

        var embeddings = Embed(texts, options, cancellation);
        output.WriteStartObject();
        output.WritePropertyName("embeddings");
        if (asked.ValueKind == JsonValueKind.String) output.WriteVector(embeddings[0]);
        else Write(output, embeddings);
        if (similarity is { } function)
        {
            output.WritePropertyName("similarity");
            Write(output, embeddings.Select(a => embeddings.Select(b => Similarities.Of(function, a, b)).ToArray()));
        }
        output.WriteEndObject();
    }

    /// <summary>Lets go of the graph; runs that have begun end as usual.</summary>
    public void Dispose() => _model.Dispose();

    private static string OutputOf(TextModel model, SentenceConfig config, string package)
    {
        if (model.Session.Output(Pooled) is not null) return Pooled;
        var doing = $"opening {package} for {Name}";
        if (config.Other is { } module)
            throw new UnsupportedCheckpointException(doing, new Problem("modules.json", $"a module {module}, and a graph without output {Pooled}", "Transformer, Pooling, Normalize outside the graph", $"export the model with --task {Name}"));
        if (config.Pooling is not null && Unpooled.FirstOrDefault(o => model.Session.Output(o) is { Shape.Length: 3 }) is { } output) return output;
        throw new UnsupportedCheckpointException(doing, new Problem("outputs", string.Join(", ", model.Session.Outputs.Select(o => o.Name)), $"{Pooled}, {string.Join(", ", Unpooled)}", $"export the model with --task {Name}"));
    }

    private string PromptOf(EmbeddingOptions options)
    {
        if (options.Prompt is { } prompt) return prompt;
        var name = options.PromptName ?? options.Role switch
        {
            EmbeddingRole.Query => _config.Prompts.ContainsKey("query") ? "query" : null,
            EmbeddingRole.Document => DocumentPrompts.FirstOrDefault(_config.Prompts.ContainsKey),
            _ => null,
        };
        if (name is null) return _config.DefaultPrompt is { } usual ? _config.Prompts.GetValueOrDefault(usual, "") : "";
        return _config.Prompts.TryGetValue(name, out var text)
            ? text
            : throw new InvalidInputException("embedding texts", new Problem("prompt_name", $"\"{name}\"", _config.Prompts.Count == 0 ? "none, as the package has no prompts" : string.Join(", ", _config.Prompts.Keys.Order(StringComparer.Ordinal))));
    }

    private Encoding Encode(string text)
    {
        text = text.Trim();
        return _model.Encode(_config.LowerCase ? text.ToLowerInvariant() : text, new(CutSide.Longest, _maxLength));
    }

    /// <summary>Tokens of a prompt, without the token that closes it.</summary>
    private int TokensOf(string prompt)
    {
        var ids = Encode(prompt).Ids;
        return ids.Length > 0 && _model.Tokenizer.Special.AllIds.Contains(ids[^1]) ? ids.Length - 1 : ids.Length;
    }

    private float[] Finish(RowOutputs outputs, EmbeddingOptions options, int skip)
    {
        float[] embedding;
        if (_output == Pooled) embedding = outputs.Whole(Pooled).ToArray();
        else
        {
            var tokens = outputs.Tokens(_output, out var width);
            embedding = TokenPooling.Pool(_pooling, tokens, width, outputs.Start, skip);
            if (_config.Normalize) Similarities.Normalize(embedding);
        }
        if (options.TruncateDimension is { } dimension && dimension < embedding.Length) embedding = embedding[..dimension];
        if (options.Normalize) Similarities.Normalize(embedding);
        return embedding;
    }

    private static void Write(Utf8JsonWriter output, IEnumerable<float[]> rows)
    {
        output.WriteStartArray();
        foreach (var row in rows) output.WriteVector(row);
        output.WriteEndArray();
    }
}
