using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using OnnxTransformers.Processors.Processing;

namespace OnnxTransformers.Processors;

/// <summary>Makes a model's inputs from pictures, as the image processor of transformers that preprocessor_config.json names.</summary>
/// <remarks>Immutable and safe to use from several threads. Values before normalisation are the reference's; <see cref="ProcessorTable"/> lists the classes
/// that are known.</remarks>
public sealed class ImageProcessor
{
    private const string File = "preprocessor_config.json";
    private readonly JsonObject _settings;
    private readonly string _file;
    private readonly ProcessorRow _row;
    private readonly bool _isFast;
    private readonly Processor _run;

    private ImageProcessor(JsonObject settings, string file, ProcessorRow row, bool isFast)
    {
        (_settings, _file, _row, _isFast) = (settings, file, row, isFast);
        _run = Read(settings);
    }

    /// <summary>The class of transformers, as "ViTImageProcessor".</summary>
    public string Type => _row.Type;

    /// <summary>Reads the processor of a checkpoint's or a package's folder: preprocessor_config.json, else the image_processor of processor_config.json,
    /// else the pretrained_cfg of timm's config.json.</summary>
    /// <exception cref="UnsupportedCheckpointException">The class is not known, or a key is neither used nor ignored with a reason.</exception>
    /// <exception cref="CorruptCheckpointException">There is no such file, or it is not JSON.</exception>
    public static ImageProcessor Load(string folder)
    {
        if (TryRead(folder, File) is { } own) return Create(own, File);
        if (TryRead(folder, "processor_config.json")?["image_processor"] is JsonObject inner) return Create((JsonObject)inner.DeepClone(), "processor_config.json");
        if (TryRead(folder, "config.json") is { } config && config["pretrained_cfg"] is JsonObject timm)
        {
            var settings = (JsonObject)timm.DeepClone();
            settings["image_processor_type"] = "TimmWrapperImageProcessor";
            return Create(settings, "config.json");
        }
        throw new CorruptCheckpointException("reading an image processor",
            new Problem(folder, $"no {File}", $"{File}, processor_config.json with image_processor, or config.json with pretrained_cfg"));
    }

    /// <summary>Reads the text of a preprocessor_config.json.</summary>
    /// <inheritdoc cref="Load"/>
    public static ImageProcessor Parse(string json)
    {
        return Create(ParseObject(Encoding.UTF8.GetBytes(json), File), File);
    }

    /// <summary>The same processor with other values for some keys, as keyword arguments of a call; null leaves a key as it is.</summary>
    /// <exception cref="UnsupportedCheckpointException">A key or value is not known.</exception>
    public ImageProcessor With(JsonElement arguments)
    {
        if (arguments.ValueKind == JsonValueKind.Undefined || !arguments.EnumerateObject().Any()) return this;
        var settings = (JsonObject)_settings.DeepClone();
        foreach (var argument in arguments.EnumerateObject().Where(a => a.Value.ValueKind != JsonValueKind.Null))
        {
            // The limit of an old size belongs to that size.
            if (argument.Name == "size") settings.Remove("max_size");
            settings[argument.Name] = JsonNode.Parse(argument.Value.GetRawText());
        }
        return new ImageProcessor(settings, _file, _row, _isFast);
    }

    /// <summary>Makes the inputs of one picture or several.</summary>
    /// <returns>As pixel_values [N, 3, height, width], and what else the class returns.</returns>
    /// <exception cref="InvalidInputException">The pictures don't suit the processor: too many, none, or of sizes that make no batch.</exception>
    public ProcessedBatch Process(params IReadOnlyList<Image> images) => Process(new ImageInputs(images));

    /// <summary>Makes the inputs of pictures in groups, with what some processors want beside them.</summary>
    /// <inheritdoc cref="Process(IReadOnlyList{Image})"/>
    public ProcessedBatch Process(ImageInputs inputs)
    {
        if (inputs.Groups.Count == 0 || inputs.Groups.Any(g => g.Count == 0)) throw new InvalidInputException("processing images",
            new Problem("images", "none", "at least one image, and none of the lists empty"));
        return _run(inputs);
    }

    private static ImageProcessor Create(JsonObject settings, string file)
    {
        var name = Text(settings, "image_processor_type") ?? Text(settings, "feature_extractor_type")
            ?? throw new UnsupportedCheckpointException($"reading {file}",
                new Problem("$.image_processor_type", "nothing", "the name of an image processor", "add the name that the model's documentation gives"));
        var row = ProcessorTable.Find(name, out var isFast)
            ?? throw new UnsupportedCheckpointException($"reading {file}",
                new Problem("$.image_processor_type", $"\"{name}\"", string.Join(", ", ProcessorTable.Types)));
        return new ImageProcessor(settings, file, row, isFast);
    }

    private Processor Read(JsonObject settings)
    {
        using var document = JsonDocument.Parse(settings.ToJsonString());
        var json = ConfigReader.Of(document.RootElement.Clone(), _file);
        var run = _row.Read(new Settings(json, _isFast));
        foreach (var path in json.Unread.Where(p => !IgnoredKeys.Reasons.ContainsKey(p[2..]))) json.Problem(path[2..], "a key that is not known", $"the keys of {Type} in transformers", "remove it where it changes nothing");
        json.ThrowIfInvalid();
        return run;
    }

    private static string? Text(JsonObject settings, string key) => settings[key] is JsonValue v && v.TryGetValue<string>(out var text) ? text : null;

    private static JsonObject? TryRead(string folder, string name)
    {
        var path = Path.Combine(folder, name);
        return System.IO.File.Exists(path) ? ParseObject(System.IO.File.ReadAllBytes(path), name) : null;
    }

    private static JsonObject ParseObject(byte[] utf8, string file) => JsonObject.Create(ConfigReader.Parse(utf8, file).Element)!;
}
