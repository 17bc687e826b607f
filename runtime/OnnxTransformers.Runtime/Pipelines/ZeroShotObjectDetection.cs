using System.Text.Json;
using OnnxTransformers.Processors;

namespace OnnxTransformers;

/// <summary>Finds objects by descriptions that the model has never seen: OWL-ViT and OWLv2. Reference: pipelines/zero_shot_object_detection.py. Thread-safe.</summary>
public sealed class ZeroShotObjectDetection : IPipeline
{
    internal const string Name = "zero-shot-object-detection";
    private const float DefaultThreshold = 0.1f;
    private static readonly string[] Outputs = ["logits", "pred_boxes"];

    // This one pads pictures to a square first, and its boxes are shares of that.
    private const string PadsToSquare = "Owlv2ImageProcessor";
    private readonly VisionModel _model;
    private readonly PipelineOptions _options;
    private readonly AnswerFiles _files;
    private readonly PictureTexts _texts;

    private ZeroShotObjectDetection(VisionModel model, PipelineOptions options)
    {
        (_model, _options, _files) = (model, options, new(options));
        _texts = PictureTexts.Load(model.Package);
    }

    /// <inheritdoc/>
    public string Task => Name;

    /// <summary>Opens a package of a detector that is asked with texts.</summary>
    /// <exception cref="UnsupportedCheckpointException">It is none, or its image processor is not known.</exception>
    /// <exception cref="CorruptCheckpointException">A file is missing or damaged.</exception>
    /// <exception cref="ProviderUnavailableException">A provider can't be loaded.</exception>
    public static ZeroShotObjectDetection Load(string package, PipelineOptions? options = null) =>
        Owned.By(VisionModel.Load(package, Name, Outputs, options), model => new ZeroShotObjectDetection(model, options ?? PipelineOptions.Default));

    /// <summary>The objects in a picture, the best first.</summary>
    /// <param name="picture">The picture.</param>
    /// <param name="labels">What to look for.</param>
    /// <param name="threshold">Scores have to be above it.</param>
    /// <param name="cancellation">Stops between two operators.</param>
    /// <exception cref="InvalidInputException">The picture can't be read, or there is no label.</exception>
    public IReadOnlyList<DetectedObject> Run(PictureInput picture, IReadOnlyList<string> labels, float threshold = DefaultThreshold, CancellationToken cancellation = default) =>
        Find(picture, labels, threshold, null, cancellation);

    /// <inheritdoc/>
    public void Answer(JsonElement line, Utf8JsonWriter output, CancellationToken cancellation = default)
    {
        var files = _files.NextLine();
        var asked = new PictureLine(Name, line, _options);
        var call = asked.Call;
        var given = call.Inputs("inputs", "image", "images");
        var many = given.ValueKind == JsonValueKind.Array;
        var questions = many && given.GetArrayLength() > 0 && given[0].ValueKind == JsonValueKind.Object ? [.. given.EnumerateArray().Select(q => Question(asked, q))] : Questions(asked, given);
        var (threshold, top) = (call.Number("threshold") ?? DefaultThreshold, call.Count("top_k") is > 0 and var most ? most : int.MaxValue);
        call.RefuseOthers();
        asked.Write(output, [.. questions.Select(q => Find(q.Picture, q.Labels, threshold, files, cancellation).Take(top).ToArray())], many, (_, found) => PictureBoxes.Write(output, found));
    }

    /// <summary>Lets go of the graph; runs that have begun end as usual.</summary>
    public void Dispose() => _model.Dispose();

    // Pictures with the labels of the line, or with a list of their own each.
    private static (PictureInput Picture, string[] Labels)[] Questions(PictureLine asked, JsonElement given)
    {
        var call = asked.Call;
        if (given.ValueKind == JsonValueKind.String) return [(asked.Picture(given), call.Candidates("text_queries"))];
        var each = call.Raw("candidate_labels", "text_queries");
        if (given.ValueKind != JsonValueKind.Array || each is not { ValueKind: JsonValueKind.Array } lists || lists.GetArrayLength() != given.GetArrayLength())
            throw call.Wrong("inputs", given, "the name of a picture with candidate_labels, a list of {\"image\", \"candidate_labels\"}, or a list of names with as many lists of labels");
        return [.. given.EnumerateArray().Zip(lists.EnumerateArray(), (picture, labels) => (asked.Picture(picture), call.Candidates(labels)))];
    }

    private static (PictureInput Picture, string[] Labels) Question(PictureLine asked, JsonElement question)
    {
        if (question.ValueKind == JsonValueKind.Object && question.TryGetProperty("image", out var picture) && question.TryGetProperty("candidate_labels", out var labels) && question.EnumerateObject().Count() == 2)
            return (asked.Picture(picture), asked.Call.Candidates(labels));
        throw asked.Call.Wrong("inputs", question, "{\"image\", \"candidate_labels\"}");
    }

    private IReadOnlyList<DetectedObject> Find(PictureInput picture, IReadOnlyList<string> labels, float threshold, LineFiles? files, CancellationToken cancellation)
    {
        if (labels.Count == 0) throw new InvalidInputException("finding objects without training", new Problem("candidate_labels", "an empty list", "at least one label"));
        var rows = _texts.Encode(labels);
        IReadOnlyList<DetectedObject> answer = [];
        _model.Forward([picture], Outputs, (_, outputs) =>
        {
            var (image, logits, boxes) = (outputs.Picture, outputs.Float("logits").ToArray(), outputs.Float("pred_boxes").ToArray());
            var square = _model.Processor.Type == PadsToSquare ? Math.Max(image.Width, image.Height) : 0;
            var (width, height) = square > 0 ? (square, square) : (image.Width, image.Height);
            answer = [.. Enumerable.Range(0, labels.Count).SelectMany(l => Boxes(logits, boxes, l, labels, width, height)).Where(f => f.Score > threshold && f.Score > 0).OrderByDescending(f => f.Score)];
            files?.Draw(picture, image, d => PictureBoxes.Draw(d, answer));
        }, cancellation, beside: (feeds, session, _) => _texts.Fill(feeds, session, rows));
        return answer;
    }

    // The reference asks for one label after the other: each box has a score of its own for each.
    private static IEnumerable<DetectedObject> Boxes(float[] logits, float[] boxes, int label, IReadOnlyList<string> labels, int width, int height)
    {
        for (var b = 0; b < boxes.Length / 4; b++)
            foreach (var found in DetectionDecoder.Decode([logits[b * labels.Count + label]], boxes.AsSpan(4 * b, 4), DetectionScores.Sigmoid, width, height, threshold: -1, most: 1))
                yield return PictureBoxes.Cut(found, labels[label]);
    }
}
