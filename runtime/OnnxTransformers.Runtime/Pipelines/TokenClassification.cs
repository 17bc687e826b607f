using System.Text.Json;
using OnnxTransformers.Tokenizers;

namespace OnnxTransformers;

/// <summary>How tokens become entities.</summary>
public enum Aggregation
{
    /// <summary>Not at all: each token is one.</summary>
    None,
    /// <summary>Neighbours of one tag are joined, parts of a word may differ.</summary>
    Simple,
    /// <summary>Words first, each with the tag of its first token.</summary>
    First,
    /// <summary>Words first, each with the tag of the highest average score.</summary>
    Average,
    /// <summary>Words first, each with the tag of its most certain token.</summary>
    Max,
}

/// <summary>A token or a stretch of tokens with its tag.</summary>
/// <param name="Tag">The label; without its B- or I- where tokens were joined.</param>
/// <param name="Score">Its probability; the mean over joined tokens.</param>
/// <param name="Word">The token's name, or the joined tokens as text.</param>
/// <param name="Start">Where it begins in the text, in UTF-16 units.</param>
/// <param name="End">Where it ends, exclusively.</param>
/// <param name="Index">The number of the token in its row, or null where tokens were joined.</param>
public sealed record TaggedEntity(string Tag, float Score, string Word, int Start, int End, int? Index);

/// <summary>Options of <see cref="TokenClassification"/>.</summary>
public sealed record TokenClassificationOptions
{
    /// <summary>How tokens become entities.</summary>
    public Aggregation Aggregation { get; init; } = Aggregation.Simple;

    /// <summary>Tags that are left out.</summary>
    public IReadOnlyList<string> IgnoreLabels { get; init; } = ["O"];

    /// <summary>Tokens that neighbouring windows of a long text share; null to cut a long text.</summary>
    public int? Stride { get; init; }
}

/// <summary>Tags the tokens of a text: names, places, parts of speech. Reference: pipelines/token_classification.py. Thread-safe.</summary>
public sealed class TokenClassification : IPipeline
{
    internal const string Name = "token-classification";
    private static readonly string[] Outputs = ["logits"];
    private readonly TextModel _model;

    private TokenClassification(TextModel model) => _model = model;

    /// <inheritdoc/>
    public string Task => Name;

    /// <summary>Opens a package of a model that labels tokens.</summary>
    /// <exception cref="UnsupportedCheckpointException">It has no such head.</exception>
    /// <exception cref="CorruptCheckpointException">A file is missing or damaged.</exception>
    /// <exception cref="ProviderUnavailableException">A provider can't be loaded.</exception>
    public static TokenClassification Load(string package, PipelineOptions? options = null) => new(TextModel.Load(package, Name, Outputs, 3, options));

    /// <summary>The entities of a text, in its order.</summary>
    public IReadOnlyList<TaggedEntity> Run(string text) => Run([text], new TokenClassificationOptions())[0];

    /// <summary>The entities of each text, in its order.</summary>
    /// <exception cref="InvalidInputException">An option is out of range.</exception>
    public IReadOnlyList<IReadOnlyList<TaggedEntity>> Run(IReadOnlyList<string> texts, TokenClassificationOptions options, CancellationToken cancellation = default) =>
        Tag([.. texts.Select(t => new Source(t, null, 1))], options, cancellation);

    /// <summary>The entities of a text that is split into words already; places are those in the words joined by <paramref name="delimiter"/>.</summary>
    /// <exception cref="InvalidInputException">An option is out of range.</exception>
    public IReadOnlyList<TaggedEntity> RunWords(IReadOnlyList<string> words, TokenClassificationOptions options, string delimiter = " ", CancellationToken cancellation = default) =>
        Tag([new Source(string.Join(delimiter, words), words, delimiter.Length)], options, cancellation)[0];

    /// <inheritdoc/>
    public void Answer(JsonElement line, Utf8JsonWriter output, CancellationToken cancellation = default)
    {
        var call = new CallArguments(Name, line);
        var asked = call.Inputs("inputs");
        var (split, delimiter) = (call.Bool("is_split_into_words") ?? false, call.Text("delimiter") ?? " ");
        var sources = Sources(call, asked, split, delimiter);
        var stride = call.Count("stride");
        var options = new TokenClassificationOptions { Aggregation = Strategy(call, stride), IgnoreLabels = call.Texts("ignore_labels") ?? ["O"], Stride = stride };
        call.RefuseOthers();

        var results = Tag(sources, options, cancellation);
        // Words come back as a list of one, a text as itself.
        var single = asked.ValueKind == JsonValueKind.String;
        if (!single) output.WriteStartArray();
        for (var i = 0; i < results.Length; i++) Write(output, sources[i].Text, results[i]);
        if (!single) output.WriteEndArray();
    }

    /// <summary>Lets go of the graph; runs that have begun end as usual.</summary>
    public void Dispose() => _model.Dispose();

    private static Source[] Sources(CallArguments call, JsonElement asked, bool split, string delimiter)
    {
        if (!split) return [.. call.Texts("inputs", asked).Select(t => new Source(t, null, 1))];
        if (asked.ValueKind != JsonValueKind.Array) throw call.Wrong("inputs", asked, "a list of words, or a list of such lists");
        var lists = asked.GetArrayLength() > 0 && asked.EnumerateArray().All(i => i.ValueKind == JsonValueKind.Array) ? asked.EnumerateArray().Select(i => call.Texts("inputs", i)) : [call.Texts("inputs", asked)];
        return [.. lists.Select(words => new Source(string.Join(delimiter, words), words, delimiter.Length))];
    }

    private static Aggregation Strategy(CallArguments call, int? stride)
    {
        var asked = call.OneOf<Aggregation>("aggregation_strategy", ("none", Aggregation.None), ("simple", Aggregation.Simple), ("first", Aggregation.First), ("average", Aggregation.Average), ("max", Aggregation.Max));
        // The older pair of flags wins where it is given.
        var (grouped, subwords) = (call.Bool("grouped_entities"), call.Bool("ignore_subwords"));
        if (grouped is not null || subwords is not null) asked = grouped != true ? Aggregation.None : subwords == true ? Aggregation.First : Aggregation.Simple;
        if (stride is not null && asked == Aggregation.None) throw call.Error("stride", "given with aggregation_strategy none", "simple, first, average, max");
        return asked ?? Aggregation.None;
    }

    private IReadOnlyList<TaggedEntity>[] Tag(Source[] sources, TokenClassificationOptions options, CancellationToken cancellation)
    {
        if (options.Stride is { } stride && stride >= _model.Tokenizer.ModelMaxLength)
            throw new InvalidInputException("tagging tokens", new Problem("stride", $"{stride}", $"less than the tokenizer's limit of {_model.Tokenizer.ModelMaxLength} tokens"));
        var (windows, owners) = (new List<Encoding>(), new List<int>());
        for (var i = 0; i < sources.Length; i++)
        {
            var encode = _model.EncodeOptionsOf(new(CutSide.Longest, null), CutSide.Longest, options.Stride ?? 0);
            var encoding = sources[i].Words is { } words ? _model.Tokenizer.EncodeWords(words, null, encode) : _model.Tokenizer.Encode(sources[i].Text, null, encode);
            Encoding[] parts = options.Stride is null ? [encoding] : [encoding, .. encoding.Overflowing];
            foreach (var window in parts) _model.Check(window, sources[i].Text);
            windows.AddRange(parts);
            owners.AddRange(parts.Select(_ => i));
        }
        var found = new List<TaggedEntity>[windows.Count];
        _model.Forward(windows, Outputs, (row, outputs) =>
        {
            var scores = outputs.Tokens("logits", out var width).ToArray();
            Labels.Match(_model, width);
            for (var at = 0; at < scores.Length; at += width) Scores.SoftmaxInPlace(scores.AsSpan(at, width));
            var tokens = Entities.Tokens(_model.Tokenizer, windows[row], sources[owners[row]], scores, width);
            found[row] = Entities.Join(_model, tokens, options.Aggregation);
            found[row].RemoveAll(e => options.IgnoreLabels.Contains(e.Tag));
        }, cancellation);
        var results = new IReadOnlyList<TaggedEntity>[sources.Length];
        for (var i = 0; i < results.Length; i++)
        {
            var parts = found.Where((_, w) => owners[w] == i).ToList();
            results[i] = parts.Count == 1 ? parts[0] : Entities.WithoutOverlaps([.. parts.SelectMany(p => p)]);
        }
        return results;
    }

    private static void Write(Utf8JsonWriter output, string text, IReadOnlyList<TaggedEntity> entities)
    {
        var points = new CodePoints(text);
        output.WriteStartArray();
        foreach (var entity in entities)
        {
            output.WriteStartObject();
            output.WriteString(entity.Index is null ? "entity_group" : "entity", entity.Tag);
            output.WriteFinite("score", entity.Score);
            if (entity.Index is { } index) output.WriteNumber("index", index);
            output.WriteString("word", entity.Word);
            output.WriteNumber("start", points.At(entity.Start));
            output.WriteNumber("end", points.At(entity.End));
            output.WriteEndObject();
        }
        output.WriteEndArray();
    }

    /// <param name="Text">What places refer to.</param>
    /// <param name="Words">The words it was joined from, or null.</param>
    /// <param name="Delimiter">UTF-16 units between them.</param>
    internal sealed record Source(string Text, IReadOnlyList<string>? Words, int Delimiter);
}
