using System.Text.Json;
using OnnxTransformers.Processors;

namespace OnnxTransformers;

/// <summary>Makes pictures from pictures, as larger ones. Reference: pipelines/image_to_image.py. Thread-safe.</summary>
public sealed class ImageToImage : IPipeline
{
    internal const string Name = "image-to-image";
    private static readonly string[] Outputs = ["reconstruction"];
    private readonly VisionModel _model;
    private readonly PipelineOptions _options;
    private readonly AnswerFiles _files;

    private ImageToImage(VisionModel model, PipelineOptions options) => (_model, _options, _files) = (model, options, new(options));

    /// <inheritdoc/>
    public string Task => Name;

    /// <summary>Opens a package.</summary>
    /// <exception cref="UnsupportedCheckpointException">Its graph makes no pictures, or its image processor is not known.</exception>
    /// <exception cref="CorruptCheckpointException">A file is missing or damaged.</exception>
    /// <exception cref="ProviderUnavailableException">A provider can't be loaded.</exception>
    public static ImageToImage Load(string package, PipelineOptions? options = null) => new(VisionModel.Load(package, Name, Outputs, options), options ?? PipelineOptions.Default);

    /// <summary>The picture that becomes of a picture. As in the reference, what the processor has padded stays at its right and lower edge.</summary>
    /// <exception cref="InvalidInputException">The picture can't be read.</exception>
    public Image Run(PictureInput picture, CancellationToken cancellation = default) => Run([picture], null, cancellation)[0];

    /// <summary>The picture that becomes of each picture.</summary>
    /// <exception cref="InvalidInputException">A picture can't be read.</exception>
    public IReadOnlyList<Image> Run(IReadOnlyList<PictureInput> pictures, CancellationToken cancellation = default) => Run(pictures, null, cancellation);

    /// <inheritdoc/>
    public void Answer(JsonElement line, Utf8JsonWriter output, CancellationToken cancellation = default)
    {
        var files = _files.NextLine();
        var asked = new PictureLine(Name, line, _options);
        var (pictures, many) = asked.Pictures();
        asked.Call.RefuseOthers();
        asked.Write(output, Run(pictures, files, cancellation), many, (_, image) => files.Write(output, image, "image"));
    }

    /// <summary>Lets go of the graph; runs that have begun end as usual.</summary>
    public void Dispose() => _model.Dispose();

    private Image[] Run(IReadOnlyList<PictureInput> pictures, LineFiles? files, CancellationToken cancellation)
    {
        var answers = new Image[pictures.Count];
        _model.Forward(pictures, Outputs, (i, outputs) =>
        {
            answers[i] = ToImage(outputs.Float("reconstruction"), outputs.Shape("reconstruction"));
            files?.Draw(pictures[i], answers[i], static _ => { });
        }, cancellation);
        return answers;
    }

    private static Image ToImage(ReadOnlySpan<float> values, ReadOnlySpan<long> shape)
    {
        var (channels, height, width) = (checked((int)shape[^3]), checked((int)shape[^2]), checked((int)shape[^1]));
        if (channels is not (1 or 3)) throw new UnsupportedCheckpointException("making a picture", new Problem("reconstruction", $"{channels} channels", "1 or 3"));
        var pixels = new byte[values.Length];
        var plane = height * width;
        for (var c = 0; c < channels; c++)
            for (var i = 0; i < plane; i++) pixels[i * channels + c] = (byte)MathF.Round(Math.Clamp(values[c * plane + i], 0, 1) * 255);
        return new(width, height, channels == 1 ? ImageMode.Gray : ImageMode.Rgb, pixels);
    }
}
