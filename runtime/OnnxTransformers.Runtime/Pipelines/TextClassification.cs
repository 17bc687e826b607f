using System.Text.Json;

namespace OnnxTransformers;

/// <summary>Options of <see cref="TextClassification"/>.</summary>
public sealed record TextClassificationOptions
{
    /// <summary>How many labels an input gets, the best first; null for all.</summary>
    public int? TopK { get; init; } = 1;

    /// <summary>What turns logits into scores; null for what config.json implies: nothing for a regression, sigmoid for one label or several at once, softmax otherwise.</summary>
    public ScoreFunction? Function { get; init; }

    /// <summary>Whether a text that is too long is cut; if not, it is refused.</summary>
    public bool Truncate { get; init; }

    /// <summary>Tokens an input may have when it is cut; null for the tokenizer's limit.</summary>
    public int? MaxLength { get; init; }
}

/// <summary>Labels texts: sentiment, topic, entailment, ... Reference: pipelines/text_classification.py. Thread-safe.</summary>
public sealed class TextClassification : IPipeline
{
    internal const string Name = "text-classification";
    private static readonly string[] Outputs = ["logits"];
    private readonly TextModel _model;
    private readonly ScoreFunction _function;

    private TextClassification(TextModel model)
    {
        _model = model;
        var labels = model.Config.Labels.Length;
        _function = model.Config.ProblemType switch
        {
            "regression" => ScoreFunction.None,
            "multi_label_classification" => ScoreFunction.Sigmoid,
            _ => labels == 1 ? ScoreFunction.Sigmoid : ScoreFunction.Softmax,
        };
    }

    /// <inheritdoc/>
    public string Task => Name;

    /// <summary>Opens a package of a model with a classification head.</summary>
    /// <exception cref="UnsupportedCheckpointException">It has no such head.</exception>
    /// <exception cref="CorruptCheckpointException">A file is missing or damaged.</exception>
    /// <exception cref="ProviderUnavailableException">A provider can't be loaded.</exception>
    public static TextClassification Load(string package, PipelineOptions? options = null) => new(TextModel.Load(package, Name, Outputs, 2, options));

    /// <summary>The best label of each text.</summary>
    /// <exception cref="InvalidInputException">A text is too long.</exception>
    public IReadOnlyList<LabelScore> Run(params ReadOnlySpan<string> texts)
    {
        var inputs = new TextInput[texts.Length];
        for (var i = 0; i < inputs.Length; i++) inputs[i] = texts[i];
        var scores = Classify(inputs, default, null, default);
        var best = new LabelScore[scores.Length];
        for (var i = 0; i < best.Length; i++) best[i] = Labelled(scores[i], Scores.Largest(scores[i]));
        return best;
    }

    /// <summary>The best labels of each text or pair, in the order of the inputs.</summary>
    /// <exception cref="InvalidInputException">An input is too long.</exception>
    public IReadOnlyList<IReadOnlyList<LabelScore>> Run(IReadOnlyList<TextInput> inputs, TextClassificationOptions options, CancellationToken cancellation = default)
    {
        var scores = Classify(inputs, new(options.Truncate ? CutSide.Longest : CutSide.None, options.MaxLength), options.Function, cancellation);
        return Array.ConvertAll(scores, s => Array.ConvertAll(Scores.Top(s, options.TopK ?? int.MaxValue), i => Labelled(s, i)));
    }

    /// <inheritdoc/>
    public void Answer(JsonElement line, Utf8JsonWriter output, CancellationToken cancellation = default)
    {
        var call = new CallArguments(Name, line);
        var asked = call.Inputs("inputs", "text");
        var single = asked.ValueKind != JsonValueKind.Array;
        TextInput[] inputs = single ? [Input(call, asked)] : [.. asked.EnumerateArray().Select(i => Input(call, i))];
        var function = call.OneOf<ScoreFunction>("function_to_apply", ("sigmoid", ScoreFunction.Sigmoid), ("softmax", ScoreFunction.Softmax), ("none", ScoreFunction.None));
        // Without top_k the reference answers as it did before it had one: one label as an object, all of them unsorted.
        var (legacy, top, all) = (!call.Has("top_k"), call.Count("top_k"), call.Bool("return_all_scores"));
        var arguments = call.Tokenizer();
        call.RefuseOthers();

        var results = Classify(inputs, arguments, function, cancellation);
        var wrapped = legacy && asked.ValueKind == JsonValueKind.String;
        if (!single || wrapped) output.WriteStartArray();
        foreach (var scores in results)
        {
            if (legacy && all != true) Write(output, scores, Scores.Largest(scores));
            else Write(output, scores, legacy ? [.. Enumerable.Range(0, scores.Length)] : Scores.Top(scores, top ?? int.MaxValue));
        }
        if (!single || wrapped) output.WriteEndArray();
    }

    /// <summary>Lets go of the graph; runs that have begun end as usual.</summary>
    public void Dispose() => _model.Dispose();

    /// <summary>The scores of all labels of each input.</summary>
    private float[][] Classify(IReadOnlyList<TextInput> inputs, TokenizerArguments arguments, ScoreFunction? function, CancellationToken cancellation)
    {
        var rows = _model.Encode(inputs, arguments);
        var results = new float[rows.Length][];
        _model.Forward(rows, Outputs, (row, outputs) =>
        {
            results[row] = Scores.Apply(function ?? _function, outputs.Whole("logits"));
            Labels.Match(_model, results[row].Length);
        }, cancellation);
        return results;
    }

    private LabelScore Labelled(float[] scores, int label) => new(_model.Config.Labels[label], scores[label]);

    /// <summary>A text, an object of text and text_pair, or the older list of one pair.</summary>
    private static TextInput Input(CallArguments call, JsonElement input)
    {
        if (input.ValueKind == JsonValueKind.String) return input.GetString()!;
        if (input.ValueKind == JsonValueKind.Array && input.GetArrayLength() == 1 && input[0].ValueKind == JsonValueKind.Array && input[0].GetArrayLength() == 2)
            return call.Texts("inputs", input[0]) is [var first, var second] ? new(first, second) : default;
        if (input.ValueKind == JsonValueKind.Object && input.TryGetProperty("text", out var text) && text.ValueKind == JsonValueKind.String)
        {
            var pair = input.TryGetProperty("text_pair", out var second) && second.ValueKind != JsonValueKind.Null ? second : default;
            if (pair.ValueKind is JsonValueKind.Undefined or JsonValueKind.String && input.EnumerateObject().All(p => p.Name is "text" or "text_pair"))
                return new(text.GetString()!, pair.ValueKind == JsonValueKind.String ? pair.GetString() : null);
        }
        throw call.Wrong("inputs", input, "a text, {\"text\", \"text_pair\"}, or a list of those");
    }

    private void Write(Utf8JsonWriter output, float[] scores, int[] labels)
    {
        output.WriteStartArray();
        foreach (var label in labels) Write(output, scores, label);
        output.WriteEndArray();
    }

    private void Write(Utf8JsonWriter output, float[] scores, int label)
    {
        output.WriteStartObject();
        output.WriteString("label", _model.Config.Labels[label]);
        output.WriteFinite("score", scores[label]);
        output.WriteEndObject();
    }
}
