using System.Text.Json;

namespace OnnxTransformers;

/// <summary>Options of <see cref="ImageClassification"/> and <see cref="VideoClassification"/>.</summary>
public sealed record ImageClassificationOptions
{
    /// <summary>Labels in an answer, the best first.</summary>
    public int TopK { get; init; } = 5;

    /// <summary>What makes scores of the graph's values; null for what the model is made for.</summary>
    public ScoreFunction? Function { get; init; }
}

/// <summary>Labels pictures. Reference: pipelines/image_classification.py. Thread-safe.</summary>
public sealed class ImageClassification : IPipeline
{
    internal const string Name = "image-classification";
    private static readonly string[] Outputs = ["logits"];
    private readonly VisionModel _model;
    private readonly PipelineOptions _options;
    private readonly AnswerFiles _files;

    private ImageClassification(VisionModel model, PipelineOptions options) => (_model, _options, _files) = (model, options, new(options));

    /// <inheritdoc/>
    public string Task => Name;

    /// <summary>Opens a package of a model with a classification head.</summary>
    /// <exception cref="UnsupportedCheckpointException">It has no such head, or its image processor is not known.</exception>
    /// <exception cref="CorruptCheckpointException">A file is missing or damaged.</exception>
    /// <exception cref="ProviderUnavailableException">A provider can't be loaded.</exception>
    public static ImageClassification Load(string package, PipelineOptions? options = null) => new(VisionModel.Load(package, Name, Outputs, options), options ?? PipelineOptions.Default);

    /// <summary>The best labels of a picture.</summary>
    /// <exception cref="InvalidInputException">The picture can't be read.</exception>
    public IReadOnlyList<LabelScore> Run(PictureInput picture, ImageClassificationOptions? options = null, CancellationToken cancellation = default) => Run([picture], options, cancellation)[0];

    /// <summary>The best labels of each picture.</summary>
    /// <exception cref="InvalidInputException">A picture can't be read.</exception>
    public IReadOnlyList<IReadOnlyList<LabelScore>> Run(IReadOnlyList<PictureInput> pictures, ImageClassificationOptions? options = null, CancellationToken cancellation = default) =>
        Run(pictures, options ?? new(), null, cancellation);

    /// <inheritdoc/>
    public void Answer(JsonElement line, Utf8JsonWriter output, CancellationToken cancellation = default)
    {
        var files = _files.NextLine();
        var asked = new PictureLine(Name, line, _options);
        var (pictures, many) = asked.Pictures();
        var options = PictureLabels.Options(asked.Call);
        asked.Call.RefuseOthers();
        var answers = Run(pictures, options, files, cancellation);
        asked.Write(output, answers, many, (_, labels) => PictureLabels.Write(output, labels));
    }

    /// <summary>Lets go of the graph; runs that have begun end as usual.</summary>
    public void Dispose() => _model.Dispose();

    private IReadOnlyList<LabelScore>[] Run(IReadOnlyList<PictureInput> pictures, ImageClassificationOptions options, LineFiles? files, CancellationToken cancellation)
    {
        var answers = new IReadOnlyList<LabelScore>[pictures.Count];
        _model.Forward(pictures, Outputs, (i, outputs) =>
        {
            var labels = answers[i] = PictureLabels.Best(_model.Package, outputs.Float("logits"), options);
            files?.Draw(pictures[i], outputs.Picture, d => d.Caption(PictureLabels.Lines(labels)));
        }, cancellation);
        return answers;
    }
}
