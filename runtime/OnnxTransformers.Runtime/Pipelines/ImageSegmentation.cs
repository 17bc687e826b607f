using System.Text.Json;
using OnnxTransformers.Processors;

namespace OnnxTransformers;

/// <summary>What a picture is divided into.</summary>
public enum SegmentationKind
{
    /// <summary>Things one by one and stuff (sky, grass) as a whole; each pixel belongs to one part at most.</summary>
    Panoptic,
    /// <summary>Things one by one.</summary>
    Instance,
    /// <summary>Classes: each pixel has one.</summary>
    Semantic,
}

/// <summary>Options of <see cref="ImageSegmentation"/>.</summary>
public sealed record ImageSegmentationOptions
{
    /// <summary>What the picture is divided into; null for the first of panoptic, instance and semantic that the model can do.</summary>
    public SegmentationKind? Kind { get; init; }

    /// <summary>Parts have to score above it (panoptic and instance).</summary>
    public float Threshold { get; init; } = 0.9f;

    /// <summary>From where on a pixel belongs to a mask (panoptic and instance).</summary>
    public float MaskThreshold { get; init; } = 0.5f;

    /// <summary>The share of its mask that has to be left to a part where others overlap it.</summary>
    public float OverlapThreshold { get; init; } = 0.5f;
}

/// <summary>A part of a picture.</summary>
/// <param name="Label">What it is.</param>
/// <param name="Score">Between 0 and 1; null where classes of pixels are told.</param>
/// <param name="Mask">Gray, of the picture's size: 255 inside, 0 outside.</param>
public sealed record PictureSegment(string Label, float? Score, Image Mask);

/// <summary>Divides pictures into parts. Reference: pipelines/image_segmentation.py. Thread-safe.</summary>
public sealed class ImageSegmentation : IPipeline
{
    internal const string Name = "image-segmentation";
    private readonly VisionModel _model;
    private readonly PipelineOptions _options;
    private readonly AnswerFiles _files;
    private readonly SegmentReader _reader;

    private ImageSegmentation(VisionModel model, PipelineOptions options, SegmentReader reader) => (_model, _options, _files, _reader) = (model, options, new(options), reader);

    /// <inheritdoc/>
    public string Task => Name;

    /// <summary>Opens a package of a segmenter.</summary>
    /// <exception cref="UnsupportedCheckpointException">It is none, or its image processor can't read its masks.</exception>
    /// <exception cref="CorruptCheckpointException">A file is missing or damaged.</exception>
    /// <exception cref="ProviderUnavailableException">A provider can't be loaded.</exception>
    public static ImageSegmentation Load(string package, PipelineOptions? options = null) => Owned.By(VisionModel.Load(package, Name, ["logits|class_queries_logits"], options),
        model => new ImageSegmentation(model, options ?? PipelineOptions.Default, SegmentReader.Of(model, $"opening {package} for {Name}")));

    /// <summary>The parts of a picture.</summary>
    /// <exception cref="InvalidInputException">The picture can't be read, or the model can't divide it so.</exception>
    public IReadOnlyList<PictureSegment> Run(PictureInput picture, ImageSegmentationOptions? options = null, CancellationToken cancellation = default) => Run([picture], options ?? new(), null, cancellation)[0];

    /// <summary>The parts of each picture.</summary>
    /// <exception cref="InvalidInputException">A picture can't be read, or the model can't divide it so.</exception>
    public IReadOnlyList<IReadOnlyList<PictureSegment>> Run(IReadOnlyList<PictureInput> pictures, ImageSegmentationOptions? options = null, CancellationToken cancellation = default) =>
        Run(pictures, options ?? new(), null, cancellation);

    /// <inheritdoc/>
    public void Answer(JsonElement line, Utf8JsonWriter output, CancellationToken cancellation = default)
    {
        var files = _files.NextLine();
        var asked = new PictureLine(Name, line, _options);
        var (pictures, many) = asked.Pictures();
        var (call, defaults) = (asked.Call, new ImageSegmentationOptions());
        var options = new ImageSegmentationOptions
        {
            Kind = call.OneOf<SegmentationKind>("subtask", ("panoptic", SegmentationKind.Panoptic), ("instance", SegmentationKind.Instance), ("semantic", SegmentationKind.Semantic)),
            Threshold = call.Number("threshold") ?? defaults.Threshold,
            MaskThreshold = call.Number("mask_threshold") ?? defaults.MaskThreshold,
            OverlapThreshold = call.Number("overlap_mask_area_threshold") ?? defaults.OverlapThreshold,
        };
        call.RefuseOthers();
        asked.Write(output, Run(pictures, options, files, cancellation), many, (_, segments) =>
        {
            output.WriteStartArray();
            foreach (var segment in segments)
            {
                output.WriteStartObject();
                if (segment.Score is { } score) output.WriteFinite("score", score);
                else output.WriteNull("score");
                output.WriteString("label", segment.Label);
                output.WritePropertyName("mask");
                files.Write(output, segment.Mask, "mask");
                output.WriteEndObject();
            }
            output.WriteEndArray();
        });
    }

    /// <summary>Lets go of the graph; runs that have begun end as usual.</summary>
    public void Dispose() => _model.Dispose();

    private IReadOnlyList<PictureSegment>[] Run(IReadOnlyList<PictureInput> pictures, ImageSegmentationOptions options, LineFiles? files, CancellationToken cancellation)
    {
        var kind = options.Kind ?? _reader.Kinds[0];
        if (!_reader.Kinds.Contains(kind))
            throw new InvalidInputException("segmenting an image", new Problem("subtask", $"{kind}".ToLowerInvariant(), string.Join(", ", _reader.Kinds).ToLowerInvariant()));
        var answers = new IReadOnlyList<PictureSegment>[pictures.Count];
        _model.Forward(pictures, _reader.Outputs, (i, outputs) =>
        {
            var segments = answers[i] = _reader.Read(outputs, kind, options);
            files?.Draw(pictures[i], outputs.Picture, d =>
            {
                for (var n = 0; n < segments.Count; n++) d.Mask(segments[n].Mask, segments[n].Score is { } score ? PictureLabels.Line(segments[n].Label, score) : segments[n].Label, n);
            });
        }, cancellation);
        return answers;
    }
}
