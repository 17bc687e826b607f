using System.Collections.Immutable;
using System.Text.Json;
using OnnxTransformers.Processors;

namespace OnnxTransformers;

/// <summary>Tells how far away each pixel of a picture is. Reference: pipelines/depth_estimation.py. Thread-safe.</summary>
public sealed class DepthEstimation : IPipeline
{
    internal const string Name = "depth-estimation";
    private const string Depth = "predicted_depth", FieldOfView = "field_of_view";

    private delegate DepthMap Reader(PictureOutputs outputs, int height, int width);

    // What of the reference's image processors reads a model's output in a way of its own; all others resize it.
    private static readonly ImmutableDictionary<string, Reader> Readers = new Dictionary<string, Reader>
    {
        ["ZoeDepthImageProcessor"] = static (o, h, w) => DepthDecoder.DecodeZoe(o.Float(Depth), [], h, w, (o.Picture.Height, o.Picture.Width)),
        ["DepthProImageProcessor"] = static (o, h, w) => DepthDecoder.DecodePro(o.Float(Depth), h, w, o.Has(FieldOfView) ? o.Float(FieldOfView)[0] : null, o.Picture.Height, o.Picture.Width),
    }.ToImmutableDictionary();

    private readonly VisionModel _model;
    private readonly PipelineOptions _options;
    private readonly AnswerFiles _files;
    private readonly Reader _reader;
    private readonly string[] _outputs;

    private DepthEstimation(VisionModel model, PipelineOptions options)
    {
        (_model, _options, _files) = (model, options, new(options));
        _reader = Readers.GetValueOrDefault(model.Processor.Type) ?? (static (o, h, w) => DepthDecoder.Decode(o.Float(Depth), h, w, o.Picture.Height, o.Picture.Width));
        _outputs = model.Session.Output(FieldOfView) is null ? [Depth] : [Depth, FieldOfView];
    }

    /// <inheritdoc/>
    public string Task => Name;

    /// <summary>Opens a package of a depth model.</summary>
    /// <exception cref="UnsupportedCheckpointException">It is none, or its image processor is not known.</exception>
    /// <exception cref="CorruptCheckpointException">A file is missing or damaged.</exception>
    /// <exception cref="ProviderUnavailableException">A provider can't be loaded.</exception>
    public static DepthEstimation Load(string package, PipelineOptions? options = null) => new(VisionModel.Load(package, Name, [Depth], options), options ?? PipelineOptions.Default);

    /// <summary>The depth of each pixel of a picture, in the model's unit.</summary>
    /// <exception cref="InvalidInputException">The picture can't be read.</exception>
    public DepthMap Run(PictureInput picture, CancellationToken cancellation = default) => Run([picture], cancellation)[0];

    /// <summary>The depth of each pixel of each picture, in the model's unit.</summary>
    /// <exception cref="InvalidInputException">A picture can't be read.</exception>
    public IReadOnlyList<DepthMap> Run(IReadOnlyList<PictureInput> pictures, CancellationToken cancellation = default) => Run(pictures, null, cancellation);

    /// <summary>Depth as a picture: the smallest is black, the largest white.</summary>
    public static Image ToImage(DepthMap depth)
    {
        var (least, most) = (depth.Values.Min(), depth.Values.Max());
        var range = most - least;
        return new(depth.Width, depth.Height, ImageMode.Gray, (byte[])[.. depth.Values.Select(v => range > 0 ? (byte)((v - least) / range * 255) : (byte)0)]);
    }

    /// <inheritdoc/>
    public void Answer(JsonElement line, Utf8JsonWriter output, CancellationToken cancellation = default)
    {
        var files = _files.NextLine();
        var asked = new PictureLine(Name, line, _options);
        var (pictures, many) = asked.Pictures();
        asked.Call.RefuseOthers();
        asked.Write(output, Run(pictures, files, cancellation), many, (_, depth) =>
        {
            output.WriteStartObject();
            output.WritePropertyName("predicted_depth");
            output.WriteMatrix(depth.Values.AsSpan(), depth.Width);
            output.WritePropertyName("depth");
            files.Write(output, ToImage(depth), "depth");
            output.WriteEndObject();
        });
    }

    /// <summary>Lets go of the graph; runs that have begun end as usual.</summary>
    public void Dispose() => _model.Dispose();

    private DepthMap[] Run(IReadOnlyList<PictureInput> pictures, LineFiles? files, CancellationToken cancellation)
    {
        var answers = new DepthMap[pictures.Count];
        _model.Forward(pictures, _outputs, (i, outputs) =>
        {
            var shape = outputs.Shape(Depth);
            var depth = answers[i] = _reader(outputs, (int)shape[^2], (int)shape[^1]);
            files?.Draw(pictures[i], outputs.Picture, d => d.Depth(ToImage(depth)));
        }, cancellation);
        return answers;
    }
}
