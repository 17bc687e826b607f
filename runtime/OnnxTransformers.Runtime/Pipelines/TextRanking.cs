using System.Collections.Immutable;
using System.Text.Json;

namespace OnnxTransformers;

/// <summary>A document and how well it answers a query.</summary>
/// <param name="Index">Its place in the list that was given.</param>
/// <param name="Score">How well it fits; greater is better.</param>
public readonly record struct RankedDocument(int Index, float Score);

/// <summary>Options of <see cref="TextRanking"/>.</summary>
public sealed record TextRankingOptions
{
    /// <summary>What turns the graph's values into scores; null for what the package says: sigmoid for one label, nothing for several.</summary>
    public ScoreFunction? Function { get; init; }

    /// <summary>Whether a softmax over the labels follows.</summary>
    public bool Softmax { get; init; }

    /// <summary>Tokens of a pair; null for the model's limit. Longer ones are cut.</summary>
    public int? MaxLength { get; init; }

    /// <summary>How many documents of a ranking are given; null for all.</summary>
    public int? TopK { get; init; }
}

/// <summary>Judges pairs of texts, or ranks documents for a query: cross-encoders. Reference: sentence-transformers 5.x, CrossEncoder.predict and rank. Thread-safe.</summary>
public sealed class TextRanking : IPipeline
{
    internal const string Name = "text-ranking";
    private static readonly string[] Outputs = ["logits"];

    // Activations by the last part of their name in torch.
    private static readonly ImmutableArray<(string Text, ScoreFunction Value)> Activations =
        [("Identity", ScoreFunction.None), ("Sigmoid", ScoreFunction.Sigmoid), ("identity", ScoreFunction.None), ("sigmoid", ScoreFunction.Sigmoid)];

    private readonly TextModel _model;
    private readonly ScoreFunction _function;
    private readonly int? _maxLength;

    private TextRanking(TextModel model, ScoreFunction function)
    {
        (_model, _function) = (model, function);
        var positions = model.Config.Json?.IntOrNull("max_position_embeddings");
        _maxLength = positions is > 0 and var p ? Math.Min(p, model.Tokenizer.ModelMaxLength) : null;
    }

    /// <inheritdoc/>
    public string Task => Name;

    /// <summary>Number of scores a pair gets.</summary>
    public int LabelCount => _model.Config.Labels.Length;

    /// <summary>Opens a package of a cross-encoder.</summary>
    /// <exception cref="UnsupportedCheckpointException">It has no classification head, or an activation that is not known here.</exception>
    /// <exception cref="CorruptCheckpointException">A file is missing or damaged.</exception>
    /// <exception cref="ProviderUnavailableException">A provider can't be loaded.</exception>
    public static TextRanking Load(string package, PipelineOptions? options = null) =>
        Owned.By(TextModel.Load(package, Name, Outputs, 2, options), model => new TextRanking(model, FunctionOf(model.Package)));

    /// <summary>The scores of each pair: one a label.</summary>
    public IReadOnlyList<float[]> Score(IReadOnlyList<(string First, string Second)> pairs, TextRankingOptions? options = null, CancellationToken cancellation = default)
    {
        options ??= new();
        var rows = _model.Encode([.. pairs.Select(p => new TextInput(p.First, p.Second))], new(CutSide.Longest, options.MaxLength ?? _maxLength));
        var scores = new float[rows.Length][];
        _model.Forward(rows, Outputs, (row, outputs) =>
        {
            scores[row] = Scores.Apply(options.Function ?? _function, outputs.Whole("logits"));
            Labels.Match(_model, scores[row].Length);
            if (options.Softmax) Scores.SoftmaxInPlace(scores[row]);
        }, cancellation);
        return scores;
    }

    /// <summary>The documents, the best for the query first.</summary>
    /// <exception cref="InvalidInputException">The model gives several scores a pair.</exception>
    public IReadOnlyList<RankedDocument> Rank(string query, IReadOnlyList<string> documents, TextRankingOptions? options = null, CancellationToken cancellation = default)
    {
        if (LabelCount != 1) throw new InvalidInputException("ranking documents", new Problem("$.id2label", $"{LabelCount} labels", "1 to rank by", "score the pairs instead"));
        var scores = Score([.. documents.Select(d => (query, d))], options, cancellation);
        return [.. scores.Select((s, i) => new RankedDocument(i, s[0])).OrderByDescending(r => r.Score).Take(options?.TopK ?? int.MaxValue)];
    }

    /// <inheritdoc/>
    public void Answer(JsonElement line, Utf8JsonWriter output, CancellationToken cancellation = default)
    {
        var call = new CallArguments(Name, line);
        var pairs = call.Raw("pairs", "sentences", "inputs");
        var (query, documents) = (call.Text("query"), call.Texts("documents"));
        var options = new TextRankingOptions
        {
            Function = Activation(call, "activation") ?? Activation(call, "activation_fn"),
            Softmax = call.Bool("apply_softmax") ?? false,
            MaxLength = call.Count("max_length", 1),
            TopK = call.Count("top_k"),
        };
        var withText = call.Bool("return_documents") ?? false;
        call.RefuseOthers();
        if (pairs is null == (query is null || documents is null)) throw call.Error("pairs, or query and documents", pairs is null ? "neither given" : "both given", "one of them");

        if (pairs is { } asked) AnswerPairs(call, asked, options, output, cancellation);
        else AnswerRanking(query!, documents!, options, withText, output, cancellation);
    }

    /// <summary>Lets go of the graph; runs that have begun end as usual.</summary>
    public void Dispose() => _model.Dispose();

    private void AnswerPairs(CallArguments call, JsonElement asked, TextRankingOptions options, Utf8JsonWriter output, CancellationToken cancellation)
    {
        if (asked.ValueKind != JsonValueKind.Array) throw call.Wrong("pairs", asked, "a list of pairs");
        var single = asked.GetArrayLength() == 2 && asked[0].ValueKind == JsonValueKind.String;
        (string, string)[] pairs = single ? [Pair(call, asked)] : [.. asked.EnumerateArray().Select(p => Pair(call, p))];
        var scores = Score(pairs, options, cancellation);
        output.WriteStartObject();
        output.WritePropertyName("scores");
        if (!single) output.WriteStartArray();
        foreach (var score in scores)
        {
            if (LabelCount == 1) output.WriteFinite(score[0]);
            else output.WriteVector(score);
        }
        if (!single) output.WriteEndArray();
        output.WriteEndObject();
    }

    private void AnswerRanking(string query, string[] documents, TextRankingOptions options, bool withText, Utf8JsonWriter output, CancellationToken cancellation)
    {
        var ranking = Rank(query, documents, options, cancellation);
        output.WriteStartObject();
        output.WriteStartArray("ranking");
        foreach (var ranked in ranking)
        {
            output.WriteStartObject();
            output.WriteNumber("corpus_id", ranked.Index);
            output.WriteFinite("score", ranked.Score);
            if (withText) output.WriteString("text", documents[ranked.Index]);
            output.WriteEndObject();
        }
        output.WriteEndArray();
        output.WriteEndObject();
    }

    private static (string First, string Second) Pair(CallArguments call, JsonElement pair) =>
        pair.ValueKind == JsonValueKind.Array && pair.GetArrayLength() == 2 && call.Texts("pairs", pair) is [var first, var second] ? (first, second) : throw call.Wrong("pairs", pair, "two texts");

    private static ScoreFunction? Activation(CallArguments call, string name)
    {
        if (call.Text(name) is not { } text) return null;
        return Find(text) ?? throw call.Error(name, $"\"{text}\"", string.Join(", ", Activations.Select(a => a.Text)));
    }

    private static ScoreFunction? Find(string name)
    {
        var last = name.Split('.')[^1];
        foreach (var (text, value) in Activations)
            if (text == last) return value;
        return null;
    }

    /// <summary>What the package says, in the three places where versions of sentence-transformers wrote it.</summary>
    private static ScoreFunction FunctionOf(Package package)
    {
        var (config, own) = (package.Config.Json, package.ReadJson("config_sentence_transformers.json"));
        var named = config?.Object("sentence_transformers")?.String("activation_fn") ?? config?.String("sbert_ce_default_activation_function") ?? own?.String("activation_fn");
        if (named is null) return package.Config.Labels.Length == 1 ? ScoreFunction.Sigmoid : ScoreFunction.None;
        return Find(named) ?? throw new UnsupportedCheckpointException($"opening {package.Folder} for {Name}", new Problem("activation_fn", $"\"{named}\"", "torch.nn.Identity, torch.nn.Sigmoid")) { Key = "activation_fn" };
    }
}
