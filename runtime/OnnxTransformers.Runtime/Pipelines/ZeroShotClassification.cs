using System.Text.Json;

namespace OnnxTransformers;

/// <summary>Options of <see cref="ZeroShotClassification"/>.</summary>
public sealed record ZeroShotOptions
{
    /// <summary>The sentence that claims a label; the label takes the place of {}.</summary>
    public string HypothesisTemplate { get; init; } = "This example is {}.";

    /// <summary>Whether several labels may hold at once, so that each is judged by itself.</summary>
    public bool MultiLabel { get; init; }
}

/// <summary>Labels texts with labels that the model has never seen, by asking a model of entailment whether the text entails a sentence about each.
/// Reference: pipelines/zero_shot_classification.py. Thread-safe.</summary>
public sealed class ZeroShotClassification : IPipeline
{
    internal const string Name = "zero-shot-classification";
    private const string Doing = "classifying without training";
    private static readonly string[] Outputs = ["logits"];
    private readonly TextModel _model;
    private readonly int _entailment;

    private ZeroShotClassification(TextModel model)
    {
        _model = model;
        // The label that begins with "entail"; where none does, the last, as the reference's index -1.
        var named = model.Config.IndexOf(l => l.StartsWith("entail", StringComparison.OrdinalIgnoreCase));
        _entailment = named >= 0 ? named : model.Config.Labels.Length - 1;
    }

    /// <inheritdoc/>
    public string Task => Name;

    /// <summary>Opens a package of a classifier of entailment.</summary>
    /// <exception cref="UnsupportedCheckpointException">It has no classification head.</exception>
    /// <exception cref="CorruptCheckpointException">A file is missing or damaged.</exception>
    /// <exception cref="ProviderUnavailableException">A provider can't be loaded.</exception>
    public static ZeroShotClassification Load(string package, PipelineOptions? options = null) => new(TextModel.Load(package, Name, Outputs, 2, options));

    /// <summary>The labels of a text, the best first.</summary>
    /// <exception cref="InvalidInputException">There is no label, or the template has no place for one.</exception>
    public IReadOnlyList<LabelScore> Run(string text, IReadOnlyList<string> labels, ZeroShotOptions? options = null, CancellationToken cancellation = default)
    {
        options ??= new();
        return Classify([text], labels, options.HypothesisTemplate, options.MultiLabel, cancellation)[0];
    }

    /// <inheritdoc/>
    public void Answer(JsonElement line, Utf8JsonWriter output, CancellationToken cancellation = default)
    {
        var call = new CallArguments(Name, line);
        var asked = call.Inputs("inputs", "sequences");
        var texts = call.Texts("inputs", asked);
        var labels = call.Candidates();
        var template = call.Text("hypothesis_template") ?? new ZeroShotOptions().HypothesisTemplate;
        var multiple = call.Bool("multi_label") ?? call.Bool("multi_class") ?? false;
        call.RefuseOthers();

        var results = Classify(texts, labels, template, multiple, cancellation);
        var single = asked.ValueKind == JsonValueKind.String;
        if (!single) output.WriteStartArray();
        for (var i = 0; i < texts.Length; i++) Write(output, texts[i], results[i]);
        if (!single) output.WriteEndArray();
    }

    /// <summary>Lets go of the graph; runs that have begun end as usual.</summary>
    public void Dispose() => _model.Dispose();

    private IReadOnlyList<LabelScore>[] Classify(string[] texts, IReadOnlyList<string> labels, string template, bool multiple, CancellationToken cancellation)
    {
        if (labels.Count == 0 || texts.Length == 0) throw Refused(labels.Count == 0 ? "candidate_labels" : "inputs", "an empty list", "at least one text and one label");
        var hypotheses = labels.Select(l => HypothesisTemplate.Fill(Doing, template, l)).ToList();
        var rows = _model.Encode([.. from text in texts from hypothesis in hypotheses select new TextInput(text, hypothesis)], default, CutSide.First);
        var logits = new float[rows.Length][];
        _model.Forward(rows, Outputs, (row, outputs) => logits[row] = outputs.Whole("logits").ToArray(), cancellation);
        Labels.Match(_model, logits[0].Length);
        var results = new IReadOnlyList<LabelScore>[texts.Length];
        for (var i = 0; i < results.Length; i++)
        {
            var scores = Judge(logits.AsSpan(i * labels.Count, labels.Count), multiple);
            results[i] = [.. labels.Select((l, n) => (Score: new LabelScore(l, scores[n]), n)).OrderByDescending(x => x.Score.Score).ThenByDescending(x => x.n).Select(x => x.Score)];
        }
        return results;
    }

    private float[] Judge(ReadOnlySpan<float[]> logits, bool multiple)
    {
        var scores = new float[logits.Length];
        if (!multiple && logits.Length > 1)
        {
            for (var n = 0; n < scores.Length; n++) scores[n] = logits[n][_entailment];
            Scores.SoftmaxInPlace(scores);
            return scores;
        }
        // Against contradiction: label 0, or the last where entailment itself is 0.
        Span<float> two = stackalloc float[2];
        for (var n = 0; n < scores.Length; n++)
        {
            (two[0], two[1]) = (logits[n][_entailment == 0 ? ^1 : 0], logits[n][_entailment]);
            Scores.SoftmaxInPlace(two);
            scores[n] = two[1];
        }
        return scores;
    }

    private static InvalidInputException Refused(string where, string found, string supported) => new(Doing, new Problem(where, found, supported));

    private static void Write(Utf8JsonWriter output, string text, IReadOnlyList<LabelScore> labels)
    {
        output.WriteStartObject();
        output.WriteString("sequence", text);
        output.WriteStartArray("labels");
        foreach (var label in labels) output.WriteStringValue(label.Label);
        output.WriteEndArray();
        output.WriteStartArray("scores");
        foreach (var label in labels) output.WriteFinite(label.Score);
        output.WriteEndArray();
        output.WriteEndObject();
    }
}
