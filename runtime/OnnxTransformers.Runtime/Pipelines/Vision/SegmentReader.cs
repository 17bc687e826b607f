using System.Collections.Immutable;
using OnnxTransformers.Processors;

namespace OnnxTransformers;

/// <summary>Reads the parts of a picture from a graph's outputs, as the class of image processor does that the package names.</summary>
internal sealed class SegmentReader
{
    private static readonly ImmutableArray<SegmentationKind> All = [SegmentationKind.Panoptic, SegmentationKind.Instance, SegmentationKind.Semantic];
    private static readonly ImmutableArray<SegmentationKind> Semantic = [SegmentationKind.Semantic];

    // Mask2Former resizes its masks to this square before anything else.
    private const int Mask2FormerSide = 384;

    private delegate Segmentation Instances(Queries q, ImageSegmentationOptions o, int? before);

    private static readonly ImmutableDictionary<string, Row> Rows = new Dictionary<string, Row>
    {
        ["DetrImageProcessor"] = new("logits", "pred_masks", Panoptic),
        ["ConditionalDetrImageProcessor"] = new("logits", "pred_masks", Panoptic),
        ["MaskFormerImageProcessor"] = new("class_queries_logits", "masks_queries_logits", Pairs),
        ["Mask2FormerImageProcessor"] = new("class_queries_logits", "masks_queries_logits", Pairs, Mask2FormerSide),
        ["OneFormerImageProcessor"] = new("class_queries_logits", "masks_queries_logits", static (q, o, _) => InstanceDecoder.DecodeOneFormer(q.Classes, q.Masks, q.Count, q.Height, q.Width, q.TargetHeight, q.TargetWidth, o.Threshold, o.MaskThreshold, o.OverlapThreshold)),
    }.ToImmutableDictionary();

    private readonly Row? _row;
    private readonly ModelConfig _config;

    private SegmentReader(Row? row, ModelConfig config) => (_row, _config) = (row, config);

    /// <summary>What the processor can do, the reference's default first.</summary>
    internal ImmutableArray<SegmentationKind> Kinds => _row is null ? Semantic : All;

    /// <summary>The outputs that it reads.</summary>
    internal string[] Outputs => _row is null ? ["logits"] : [_row.Classes, _row.Masks];

    /// <exception cref="UnsupportedCheckpointException">The graph lacks outputs that the processor reads.</exception>
    internal static SegmentReader Of(VisionModel model, string doing)
    {
        var reader = new SegmentReader(Rows.GetValueOrDefault(model.Processor.Type), model.Config);
        if (reader.Outputs.Where(o => model.Session.Output(o) is null).ToArray() is [_, ..] missing)
            throw new UnsupportedCheckpointException(doing, new Problem(string.Join(", ", missing), $"{model.Processor.Type} reads it, and the graph has only {string.Join(", ", model.Session.Outputs.Select(o => o.Name))}", null, "export the model with --task image-segmentation"));
        if (reader._row is null && model.Session.Output("logits")!.Shape.Length != 4)
            throw new UnsupportedCheckpointException(doing, new Problem("logits", $"{model.Session.Output("logits")}", "[batch_size, classes, height, width]", "run the graph through ModelSession"));
        return reader;
    }

    internal IReadOnlyList<PictureSegment> Read(PictureOutputs outputs, SegmentationKind kind, ImageSegmentationOptions options)
    {
        var (height, width) = (outputs.Picture.Height, outputs.Picture.Width);
        if (_row is null)
        {
            var shape = outputs.Shape("logits");
            return Classes(SemanticDecoder.Decode(outputs.Float("logits"), (int)shape[0], (int)shape[1], (int)shape[2], height, width));
        }
        var sides = outputs.Shape(_row.Masks);
        var queries = new Queries(outputs.Float(_row.Classes).ToArray(), outputs.Float(_row.Masks).ToArray(), (int)sides[0], (int)sides[1], (int)sides[2], height, width);
        return kind switch
        {
            SegmentationKind.Semantic => Classes(SemanticDecoder.DecodeQueries(queries.Classes, queries.Masks, queries.Count, queries.Height, queries.Width, height, width, _row.Before, _row.Before)),
            SegmentationKind.Instance => Parts(_row.Instances(queries, options, _row.Before)),
            _ => Parts(Panoptic(queries, options, _row.Before)),
        };
    }

    private static Segmentation Panoptic(Queries q, ImageSegmentationOptions o, int? before) =>
        InstanceDecoder.Decode(q.Classes, q.Masks, q.Count, q.Height, q.Width, q.TargetHeight, q.TargetWidth, o.Threshold, o.MaskThreshold, o.OverlapThreshold, null, before, before);

    private static Segmentation Pairs(Queries q, ImageSegmentationOptions o, int? before) =>
        InstanceDecoder.DecodePairs(q.Classes, q.Masks, q.Count, q.Height, q.Width, q.TargetHeight, q.TargetWidth, o.Threshold, before, before);

    private PictureSegment[] Parts(Segmentation found) => [.. found.Segments.Select(s => new PictureSegment(LabelOf(s.Label), s.Score, Mask(found.Map, s.Id)))];

    private PictureSegment[] Classes(LabelMap map) => [.. map.Values.Distinct().Order().Select(label => new PictureSegment(LabelOf(label), null, Mask(map, label)))];

    private string LabelOf(int label) => label < _config.Labels.Length ? _config.Labels[label]
        : throw new CorruptCheckpointException("reading config.json", new Problem("$.id2label", $"{_config.Labels.Length} labels, but the graph found number {label}", null, "export the model again"));

    private static Image Mask(LabelMap map, int value) => new(map.Width, map.Height, ImageMode.Gray, (byte[])[.. map.Values.Select(v => v == value ? byte.MaxValue : (byte)0)]);

    /// <summary>Queries with a class and a mask each.</summary>
    private sealed record Queries(float[] Classes, float[] Masks, int Count, int Height, int Width, int TargetHeight, int TargetWidth);

    /// <param name="Classes">The output with the classes of queries.</param>
    /// <param name="Masks">The output with their masks.</param>
    /// <param name="Instances">How the processor tells instances.</param>
    /// <param name="Before">The side of the square that masks are resized to before anything else.</param>
    private sealed record Row(string Classes, string Masks, Instances Instances, int? Before = null);
}
