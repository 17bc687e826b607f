using System.Collections.Immutable;
using System.Text.Json;
using OnnxTransformers.Processors;

namespace OnnxTransformers;

/// <summary>What a model makes of a picture.</summary>
/// <param name="Values">Row-major.</param>
/// <param name="Shape">As [tokens, width], [channels, height, width], or [width] where they are pooled.</param>
public sealed record PictureFeatures(float[] Values, ImmutableArray<long> Shape);

/// <summary>Gives a vision model's first output, usually the last hidden states, or its pooled one. Reference: pipelines/image_feature_extraction.py. Thread-safe.</summary>
public sealed class ImageFeatureExtraction : IPipeline
{
    internal const string Name = "image-feature-extraction";
    private const string Pooled = "pooler_output";

    // What the reference's classes return first, whichever the graph has; a graph of another kind gives its first.
    private static readonly string[] Candidates = ["last_hidden_state", "logits"];
    private readonly VisionModel _model;
    private readonly PipelineOptions _options;
    private readonly string _output;

    private ImageFeatureExtraction(VisionModel model, PipelineOptions options)
    {
        (_model, _options) = (model, options);
        _output = Candidates.FirstOrDefault(c => model.Session.Output(c) is not null) ?? model.Session.Outputs[0].Name;
    }

    /// <inheritdoc/>
    public string Task => Name;

    /// <summary>Opens a package.</summary>
    /// <exception cref="UnsupportedCheckpointException">Its image processor is not known.</exception>
    /// <exception cref="CorruptCheckpointException">A file is missing or damaged.</exception>
    /// <exception cref="ProviderUnavailableException">A provider can't be loaded.</exception>
    public static ImageFeatureExtraction Load(string package, PipelineOptions? options = null) => new(VisionModel.Load(package, Name, [], options), options ?? PipelineOptions.Default);

    /// <summary>The features of a picture.</summary>
    /// <param name="picture">The picture.</param>
    /// <param name="pool">One vector for the whole picture instead of one for each of its parts.</param>
    /// <param name="cancellation">Stops between two operators.</param>
    /// <exception cref="InvalidInputException">The picture can't be read, or the model has nothing pooled.</exception>
    public PictureFeatures Run(PictureInput picture, bool pool = false, CancellationToken cancellation = default) => Run([picture], pool, cancellation)[0];

    /// <summary>The features of each picture.</summary>
    /// <inheritdoc cref="Run(PictureInput, bool, CancellationToken)"/>
    public IReadOnlyList<PictureFeatures> Run(IReadOnlyList<PictureInput> pictures, bool pool = false, CancellationToken cancellation = default) => Run(pictures, pool, _model.Processor, cancellation);

    /// <inheritdoc/>
    public void Answer(JsonElement line, Utf8JsonWriter output, CancellationToken cancellation = default)
    {
        var asked = new PictureLine(Name, line, _options);
        var (pictures, many) = asked.Pictures();
        var pool = asked.Call.Bool("pool") ?? false;
        var processor = asked.Call.Raw("image_processor_kwargs") is { } arguments ? _model.Processor.With(arguments.ValueKind == JsonValueKind.Object ? arguments : throw asked.Call.Wrong("image_processor_kwargs", arguments, "an object")) : _model.Processor;
        // Lists and tensors are the same in JSON.
        asked.Call.Bool("return_tensors");
        asked.Call.RefuseOthers();
        asked.Write(output, Run(pictures, pool, processor, cancellation), many, (_, f) => output.WriteTensor(f.Values, [1, .. f.Shape]));
    }

    /// <summary>Lets go of the graph; runs that have begun end as usual.</summary>
    public void Dispose() => _model.Dispose();

    private PictureFeatures[] Run(IReadOnlyList<PictureInput> pictures, bool pool, ImageProcessor processor, CancellationToken cancellation)
    {
        if (pool && _model.Session.Output(Pooled) is null)
            throw new InvalidInputException("pooling features", new Problem("pool", "true, but the graph has no pooler_output", string.Join(", ", _model.Session.Outputs.Select(o => o.Name)), "ask without pool"));
        var (name, answers) = (pool ? Pooled : _output, new PictureFeatures[pictures.Count]);
        _model.Forward(pictures, [name], (i, outputs) => answers[i] = new(outputs.Float(name).ToArray(), [.. outputs.Shape(name)]), cancellation, processor);
        return answers;
    }
}
