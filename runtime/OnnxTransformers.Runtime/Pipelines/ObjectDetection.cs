using System.Collections.Immutable;
using System.Text.Json;
using OnnxTransformers.Processors;

namespace OnnxTransformers;

/// <summary>An object in a picture.</summary>
/// <param name="Label">What it is.</param>
/// <param name="Score">Between 0 and 1.</param>
/// <param name="Left">Left edge in pixels of the picture; boxes may reach beyond it.</param>
/// <param name="Top">Upper edge.</param>
/// <param name="Right">Right edge.</param>
/// <param name="Bottom">Lower edge.</param>
public sealed record DetectedObject(string Label, float Score, int Left, int Top, int Right, int Bottom);

/// <summary>Finds objects of the classes that a model was trained for. Reference: pipelines/object_detection.py. Thread-safe.</summary>
public sealed class ObjectDetection : IPipeline
{
    internal const string Name = "object-detection";
    private const float DefaultThreshold = 0.5f;
    private const int MostPairs = 100;
    private static readonly string[] Outputs = ["logits", "pred_boxes"];

    // How each class of image processor reads logits, and how many pairs of query and class it looks at (0: as many as there are queries).
    private static readonly ImmutableDictionary<string, (DetectionScores Scores, int Most)> Readings = new Dictionary<string, (DetectionScores, int)>
    {
        ["DetrImageProcessor"] = (DetectionScores.Softmax, 0),
        ["YolosImageProcessor"] = (DetectionScores.Softmax, 0),
        ["ConditionalDetrImageProcessor"] = (DetectionScores.Sigmoid, MostPairs),
        ["DeformableDetrImageProcessor"] = (DetectionScores.Sigmoid, MostPairs),
        ["RTDetrImageProcessor"] = (DetectionScores.Sigmoid, 0),
    }.ToImmutableDictionary();

    private readonly VisionModel _model;
    private readonly PipelineOptions _options;
    private readonly AnswerFiles _files;
    private readonly (DetectionScores Scores, int Most) _reading;

    private ObjectDetection(VisionModel model, PipelineOptions options, (DetectionScores, int) reading) => (_model, _options, _files, _reading) = (model, options, new(options), reading);

    /// <inheritdoc/>
    public string Task => Name;

    /// <summary>Opens a package of a detector.</summary>
    /// <exception cref="UnsupportedCheckpointException">It is none, or its image processor can't read its boxes.</exception>
    /// <exception cref="CorruptCheckpointException">A file is missing or damaged.</exception>
    /// <exception cref="ProviderUnavailableException">A provider can't be loaded.</exception>
    public static ObjectDetection Load(string package, PipelineOptions? options = null)
    {
        var model = VisionModel.Load(package, Name, Outputs, options);
        if (Readings.TryGetValue(model.Processor.Type, out var reading)) return new(model, options ?? PipelineOptions.Default, reading);
        model.Dispose();
        throw new UnsupportedCheckpointException($"opening {package} for {Name}", new Problem("image_processor_type", $"{model.Processor.Type}, which reads no boxes", string.Join(", ", Readings.Keys.Order(StringComparer.Ordinal))));
    }

    /// <summary>The objects in a picture.</summary>
    /// <param name="picture">The picture.</param>
    /// <param name="threshold">Scores have to be above it.</param>
    /// <param name="cancellation">Stops between two operators.</param>
    /// <exception cref="InvalidInputException">The picture can't be read.</exception>
    public IReadOnlyList<DetectedObject> Run(PictureInput picture, float threshold = DefaultThreshold, CancellationToken cancellation = default) => Run([picture], threshold, cancellation)[0];

    /// <summary>The objects in each picture.</summary>
    /// <inheritdoc cref="Run(PictureInput, float, CancellationToken)"/>
    public IReadOnlyList<IReadOnlyList<DetectedObject>> Run(IReadOnlyList<PictureInput> pictures, float threshold = DefaultThreshold, CancellationToken cancellation = default) =>
        Run(pictures, threshold, null, cancellation);

    /// <inheritdoc/>
    public void Answer(JsonElement line, Utf8JsonWriter output, CancellationToken cancellation = default)
    {
        var files = _files.NextLine();
        var asked = new PictureLine(Name, line, _options);
        var (pictures, many) = asked.Pictures();
        var threshold = asked.Call.Number("threshold") ?? DefaultThreshold;
        asked.Call.RefuseOthers();
        var answers = Run(pictures, threshold, files, cancellation);
        asked.Write(output, answers, many, (_, found) => PictureBoxes.Write(output, found));
    }

    /// <summary>Lets go of the graph; runs that have begun end as usual.</summary>
    public void Dispose() => _model.Dispose();

    private IReadOnlyList<DetectedObject>[] Run(IReadOnlyList<PictureInput> pictures, float threshold, LineFiles? files, CancellationToken cancellation)
    {
        var answers = new IReadOnlyList<DetectedObject>[pictures.Count];
        _model.Forward(pictures, Outputs, (i, outputs) =>
        {
            var picture = outputs.Picture;
            var boxes = outputs.Float("pred_boxes");
            var found = DetectionDecoder.Decode(outputs.Float("logits"), boxes, _reading.Scores, picture.Width, picture.Height, threshold, _reading.Most > 0 ? _reading.Most : boxes.Length / 4);
            answers[i] = [.. found.Select(f => PictureBoxes.Cut(f, LabelOf(f.Label)))];
            files?.Draw(pictures[i], picture, d => PictureBoxes.Draw(d, answers[i]));
        }, cancellation);
        return answers;
    }

    private string LabelOf(int label) => label < _model.Config.Labels.Length ? _model.Config.Labels[label]
        : throw new CorruptCheckpointException($"reading {_model.Package.PathOf("config.json")}", new Problem("$.id2label", $"{_model.Config.Labels.Length} labels, but the graph found number {label}", null, "export the model again"));
}
