using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;

namespace OnnxTransformers.Checkpoints;

/// <summary>How a checkpoint is opened.</summary>
public sealed record CheckpointOptions
{
    /// <summary>The variant of the weights, as "fp16" for model.fp16.safetensors; null for those without one.</summary>
    public string? Variant { get; init; }

    /// <summary>False for a folder that may lack config.json, as some sentence-transformers modules do.</summary>
    public bool ConfigRequired { get; init; } = true;
}

/// <summary>A checkpoint folder as Hugging Face transformers saves it: its configuration, and all its tensors by name, whatever files hold them.</summary>
/// <remarks>Opening finds the files and reads the index of shards. Weight files are opened, and everything they say is validated, when a tensor is first asked for; their data is read only by
/// <see cref="Read"/>. Safe to use from several threads. Names are those of the files, except where another program's are recognized: those become the reference's. Legacy names and prefixes are the business of
/// whoever uses a weight.</remarks>
public sealed class Checkpoint : ITensorSource, IDisposable
{
    private const int MaxJsonLength = 64 << 20;
    private const string ConfigName = "config.json";
    private readonly Lazy<WeightSet> _weights;
    private readonly Lazy<RenamedTensors?> _renamed;
    private readonly ReadOnlyMemory<byte>? _config;
    private bool _disposed;

    private Checkpoint(string folder, WeightFiles weights, ReadOnlyMemory<byte>? config, ImmutableArray<CheckpointFile> files, ImmutableArray<MadeFile> made)
    {
        (Folder, _config, Files, Made, Format) = (folder, config, files, made, weights.Format);
        _weights = new(() => WeightSet.Open(weights));
        _renamed = new(() => OriginalLayout.Of(ModelType(config), Weights.Tensors) is { } layout ? new RenamedTensors(layout, Weights.Tensors) : null);
    }

    /// <summary>Opens a folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <exception cref="InvalidInputException">There is no such folder, or it can't be read.</exception>
    /// <exception cref="UnsupportedCheckpointException">It holds weights only in a form that can't be read, or in a variant that wasn't asked for.</exception>
    /// <exception cref="CorruptCheckpointException">config.json, the weights or some of the shards are missing, or the index is damaged.</exception>
    public static Checkpoint Open(string folder, CheckpointOptions? options = null)
    {
        options ??= new();
        InputFolder.Require(folder, $"opening {folder}", "a checkpoint's folder, with config.json and weights");
        try
        {
            return OpenFolder(Path.GetFullPath(folder), options);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidInputException("opening a checkpoint", new Problem(folder, $"it can't be read ({e.Message})"), e);
        }
    }

    /// <summary>The folder's full path.</summary>
    public string Folder { get; }

    /// <summary>How the tensors are stored.</summary>
    public WeightFormat Format { get; }

    /// <summary>All files of the checkpoint that are used or that a package needs: config.json, index, weights, side files, in this order.</summary>
    public ImmutableArray<CheckpointFile> Files { get; }

    /// <summary>Files that a package needs and that the folder doesn't have, made from its tensors: config.json and its like of a network that was published without. Empty for other folders.</summary>
    public ImmutableArray<MadeFile> Made { get; }

    /// <summary>The bytes of config.json; empty where there is none.</summary>
    public ReadOnlyMemory<byte> ConfigBytes => _config ?? default;

    /// <summary>A new reader of config.json.</summary>
    /// <exception cref="CorruptCheckpointException">It is no JSON object, or not there.</exception>
    public ConfigReader ReadConfig() => _config is { } bytes ? ConfigReader.Parse(bytes, ConfigName) : throw NoConfig(Folder);

    /// <summary>A new reader of a JSON file of the folder that holds an object, as "generation_config.json"; null where it is not there.</summary>
    /// <exception cref="CorruptCheckpointException">It is no JSON object.</exception>
    public ConfigReader? ReadJson(string name) => name == ConfigName && _config is not null ? ReadConfig()
        : File.Exists(Path.Combine(Folder, name)) ? ConfigReader.Parse(ReadWhole(Folder, name), name) : null;

    /// <inheritdoc/>
    /// <exception cref="CorruptCheckpointException">A weight file is damaged, cut short, or contradicts the index.</exception>
    /// <exception cref="UnsupportedCheckpointException">A weight file holds what can't be read.</exception>
    public IReadOnlyDictionary<string, TensorInfo> Tensors => Renamed?.Tensors ?? Weights.Tensors;

    /// <summary>What the (first) weight file says of itself, as "format".</summary>
    public IReadOnlyDictionary<string, string> Metadata => Weights.Metadata;

    /// <summary>Entries of the weight files that are not among <see cref="Tensors"/>: values of a pickle that are no tensors, tensors that the index doesn't name.</summary>
    public IReadOnlyList<SkippedEntry> Skipped => Renamed is { } renamed ? [.. Weights.Skipped, .. renamed.Skipped] : Weights.Skipped;

    /// <inheritdoc/>
    public void Read(string name, long offset, Span<byte> destination)
    {
        if (Renamed is { } renamed) renamed.Read(name, offset, destination, Weights);
        else Weights.Read(name, offset, destination);
    }

    /// <inheritdoc/>
    public TensorLocation? Locate(string name) => Renamed is { } renamed ? renamed.Locate(name, Weights) : Weights.Locate(name);

    /// <summary>Gives the bytes of a tensor in the mapped file without a copy; the caller disposes the view.</summary>
    /// <returns>False where the bytes have to be decoded or put together first.</returns>
    public bool TryView(string name, [NotNullWhen(true)] out TensorView? view)
    {
        view = null;
        var stored = Renamed is { } renamed ? renamed.WholeOf(name) : name;
        return stored is not null && Weights.FileOf(stored).TryView(stored, out view);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _disposed = true;
        if (_weights.IsValueCreated) _weights.Value.Dispose();
    }

    private WeightSet Weights
    {
        get
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _weights.Value;
        }
    }

    private RenamedTensors? Renamed
    {
        get
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _renamed.Value;
        }
    }

    /// <summary>The model type, or null where config.json doesn't tell one: what is wrong with it is said by who reads it.</summary>
    private static string? ModelType(ReadOnlyMemory<byte>? config)
    {
        try
        {
            return config is { } bytes ? ConfigReader.Parse(bytes, ConfigName).String("model_type") : null;
        }
        catch (CorruptCheckpointException)
        {
            return null;
        }
    }

    private static Checkpoint OpenFolder(string folder, CheckpointOptions options)
    {
        var hasConfig = File.Exists(Path.Combine(folder, ConfigName));
        if (!hasConfig && options.ConfigRequired) return OpenOriginal(folder) ?? throw NoConfig(folder);
        ReadOnlyMemory<byte>? config = hasConfig ? ReadWhole(folder, ConfigName) : null;
        var weights = WeightFiles.Find(folder, options.Variant, () => OriginalLayouts.All.Any(layout => layout.ModelTypes.Contains(ModelType(config) ?? "")));
        var files = ImmutableArray.CreateBuilder<CheckpointFile>();
        if (hasConfig) files.Add(WeightFiles.Describe(folder, ConfigName, FileRole.Config));
        if (weights.IndexFile is { } index) files.Add(index);
        files.AddRange(weights.Files);
        files.AddRange(SideFiles.Find(folder));
        return new Checkpoint(folder, weights, config, files.ToImmutable(), []);
    }

    /// <summary>A folder with nothing but a file of weights of a program whose files tell the whole network; null for others.</summary>
    private static Checkpoint? OpenOriginal(string folder)
    {
        if (WeightFiles.FindOriginal(folder) is not { } weights) return null;
        try
        {
            using var open = WeightSet.Open(weights);
            if (!OpenAiClip.Recognizes(open.Tensors)) return null;
            var made = OpenAiClip.Files(open.Tensors, Path.Combine(folder, OpenAiClip.Vocabulary));
            return new Checkpoint(folder, weights, made.First(f => f.Name == ConfigName).Content, [.. weights.Files, .. SideFiles.Find(folder)], made);
        }
        catch (OnnxTransformersException)
        {
            // What is wrong with a file that may be anything is not worth telling; that config.json is missing is.
            return null;
        }
    }

    private static ReadOnlyMemory<byte> ReadWhole(string folder, string name)
    {
        using var file = InputFile.Open(Path.Combine(folder, name), name);
        if (file.Length > MaxJsonLength) throw new CorruptCheckpointException($"reading {name}",
            new Problem("", Shown.Bytes(file.Length), $"{Shown.Bytes(MaxJsonLength)} at most"));
        var bytes = new byte[file.Length];
        file.Read(0, bytes);
        return bytes;
    }

    private static OnnxTransformersException NoConfig(string folder) => File.Exists(Path.Combine(folder, "adapter_config.json"))
        ? new UnsupportedCheckpointException($"opening {folder}",
            new Problem("adapter_config.json", "an adapter without its base model", "a folder with config.json and weights",
            "merge it into its base model (merge_and_unload) and save that with save_pretrained"))
        : new CorruptCheckpointException($"opening {folder}", new Problem(ConfigName, "it is not there", "a folder with config.json and weights", "download config.json"));
}
