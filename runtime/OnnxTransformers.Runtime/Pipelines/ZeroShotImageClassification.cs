using System.Text.Json;

namespace OnnxTransformers;

/// <summary>Labels pictures with labels that the model has never seen: CLIP, SigLIP and their kind. Reference: pipelines/zero_shot_image_classification.py. Thread-safe.</summary>
public sealed class ZeroShotImageClassification : IPipeline
{
    internal const string Name = "zero-shot-image-classification";
    private const string Logits = "logits_per_image", DefaultTemplate = "This is a photo of {}.", Doing = "classifying images without training";
    private readonly VisionModel _model;
    private readonly PipelineOptions _options;
    private readonly AnswerFiles _files;
    private readonly PictureTexts _texts;

    private ZeroShotImageClassification(VisionModel model, PipelineOptions options)
    {
        (_model, _options, _files) = (model, options, new(options));
        _texts = PictureTexts.Load(model.Package);
    }

    /// <inheritdoc/>
    public string Task => Name;

    /// <summary>Opens a package of a model that compares pictures and texts.</summary>
    /// <exception cref="UnsupportedCheckpointException">It is none, or its image processor is not known.</exception>
    /// <exception cref="CorruptCheckpointException">A file is missing or damaged.</exception>
    /// <exception cref="ProviderUnavailableException">A provider can't be loaded.</exception>
    public static ZeroShotImageClassification Load(string package, PipelineOptions? options = null) =>
        Owned.By(VisionModel.Load(package, Name, [Logits], options), model => new ZeroShotImageClassification(model, options ?? PipelineOptions.Default));

    /// <summary>The labels of a picture, the best first.</summary>
    /// <param name="picture">The picture.</param>
    /// <param name="labels">The labels to choose from.</param>
    /// <param name="hypothesisTemplate">The sentence about a label, which takes the place of {}.</param>
    /// <param name="cancellation">Stops between two operators.</param>
    /// <exception cref="InvalidInputException">The picture can't be read, there is no label, or the template has no place for one.</exception>
    public IReadOnlyList<LabelScore> Run(PictureInput picture, IReadOnlyList<string> labels, string hypothesisTemplate = DefaultTemplate, CancellationToken cancellation = default) =>
        Run([picture], labels, hypothesisTemplate, default, null, cancellation)[0];

    /// <summary>The labels of each picture, the best first.</summary>
    /// <inheritdoc cref="Run(PictureInput, IReadOnlyList{string}, string, CancellationToken)"/>
    public IReadOnlyList<IReadOnlyList<LabelScore>> Run(IReadOnlyList<PictureInput> pictures, IReadOnlyList<string> labels, string hypothesisTemplate = DefaultTemplate, CancellationToken cancellation = default) =>
        Run(pictures, labels, hypothesisTemplate, default, null, cancellation);

    /// <inheritdoc/>
    public void Answer(JsonElement line, Utf8JsonWriter output, CancellationToken cancellation = default)
    {
        var files = _files.NextLine();
        var asked = new PictureLine(Name, line, _options);
        var (pictures, many) = asked.Pictures();
        var labels = asked.Call.Candidates();
        var template = asked.Call.Text("hypothesis_template") ?? DefaultTemplate;
        var arguments = asked.Call.Raw("tokenizer_kwargs") is { } given ? Arguments(asked.Call, given) : default;
        asked.Call.RefuseOthers();
        asked.Write(output, Run(pictures, labels, template, arguments, files, cancellation), many, (_, found) =>
        {
            output.WriteStartArray();
            foreach (var (label, score) in found)
            {
                output.WriteStartObject();
                output.WriteFinite("score", score);
                output.WriteString("label", label);
                output.WriteEndObject();
            }
            output.WriteEndArray();
        });
    }

    /// <summary>Lets go of the graph; runs that have begun end as usual.</summary>
    public void Dispose() => _model.Dispose();

    private TokenizerArguments Arguments(CallArguments call, JsonElement given)
    {
        // SigLIP reads a text at its last place: how it is padded is part of the answer.
        if (_texts.IsSiglip && given.ValueKind == JsonValueKind.Object && given.TryGetProperty("padding", out var padding)) throw call.Wrong("tokenizer_kwargs.padding", padding, "none: texts of this model are padded to max_length");
        return call.NestedTokenizer("tokenizer_kwargs", given);
    }

    private IReadOnlyList<LabelScore>[] Run(IReadOnlyList<PictureInput> pictures, IReadOnlyList<string> labels, string template, TokenizerArguments arguments, LineFiles? files, CancellationToken cancellation)
    {
        if (labels.Count == 0) throw new InvalidInputException(Doing, new Problem("candidate_labels", "an empty list", "at least one label"));
        var rows = _texts.Encode([.. labels.Select(l => HypothesisTemplate.Fill(Doing, template, l))], arguments);
        var answers = new IReadOnlyList<LabelScore>[pictures.Count];
        _model.Forward(pictures, [Logits], (i, outputs) =>
        {
            var scores = Scores.Apply(_texts.IsSiglip ? ScoreFunction.Sigmoid : ScoreFunction.Softmax, outputs.Float(Logits));
            var found = answers[i] = Array.ConvertAll(Scores.Top(scores, scores.Length), l => new LabelScore(labels[l], scores[l]));
            files?.Draw(pictures[i], outputs.Picture, d => d.Caption(PictureLabels.Lines(found)));
        }, cancellation, beside: (feeds, session, _) => _texts.Fill(feeds, session, rows, arguments));
        return answers;
    }
}
