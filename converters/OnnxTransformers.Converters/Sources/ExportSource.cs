using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using OnnxTransformers.Checkpoints;
using OnnxTransformers.Graphs.Heads;

namespace OnnxTransformers.Converters.Sources;

/// <summary>A file that goes into a package as it is.</summary>
/// <param name="From">Its full path.</param>
/// <param name="Name">Its path within the package, with forward slashes.</param>
internal sealed record PackagedFile(string From, string Name)
{
    /// <summary>Its bytes, where it is no file yet.</summary>
    internal ReadOnlyMemory<byte>? Content { get; init; }
}

/// <summary>Everything that an export reads: the network's checkpoint and, in a sentence-transformers checkpoint, the modules after it, as one set of tensors.</summary>
internal sealed class ExportSource : ITensorSource, IDisposable
{
    // Files that sentence-transformers keeps at the top, whatever folder the network is in.
    private static readonly ImmutableArray<string> TopFiles = [ModuleList.FileName, "config_sentence_transformers.json", "sentence_bert_config.json"];

    private static readonly ImmutableArray<string> Networks = ["Transformer", "MLMTransformer"];

    private readonly List<(string Prefix, Checkpoint Checkpoint)> _parts = [];
    private readonly Dictionary<string, (Checkpoint Checkpoint, string Name)> _tensors = new(StringComparer.Ordinal);
    private readonly Dictionary<string, PackagedFile> _files = new(StringComparer.Ordinal);
    private readonly Lazy<IReadOnlyDictionary<string, TensorInfo>> _index;

    private ExportSource(string folder)
    {
        Folder = folder;
        _index = new(MergeTensors);
    }

    /// <summary>The folder as it was named.</summary>
    internal string Folder { get; }

    /// <summary>The network's own checkpoint.</summary>
    internal Checkpoint Network => _parts[0].Checkpoint;

    /// <summary>What follows the network.</summary>
    internal ImmutableArray<SentenceModule> Modules { get; private set; } = [];

    /// <summary>Files that the package takes as they are.</summary>
    internal IEnumerable<PackagedFile> Files => _files.Values.OrderBy(f => f.Name, StringComparer.Ordinal);

    /// <summary>All files that were read, the weights among them, with their names within the checkpoint.</summary>
    internal IEnumerable<PackagedFile> Inputs => _parts.SelectMany(p => p.Checkpoint.Files.Select(f => new PackagedFile(f.Path, Inside(f.Path))))
        .Concat(Files.Where(f => f.Content is null).Select(f => new PackagedFile(f.From, Inside(f.From)))).DistinctBy(f => f.Name).OrderBy(f => f.Name, StringComparer.Ordinal);

    /// <summary>The weight files.</summary>
    internal IEnumerable<CheckpointFile> WeightFiles => _parts.SelectMany(p => p.Checkpoint.Files.Where(f => f.Role == FileRole.Weights));

    /// <summary>True where every tensor lies as it is in a file of safetensors.</summary>
    internal bool IsSafetensors => _parts.All(p => p.Checkpoint.Format == WeightFormat.Safetensors);

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, TensorInfo> Tensors => _index.Value;

    /// <summary>Opens a checkpoint. Weight files are opened when tensors are asked for.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="variant">Which variant of the weights; null for the plain ones.</param>
    internal static ExportSource Open(string folder, string? variant = null)
    {
        var source = new ExportSource(folder);
        try
        {
            source.OpenParts(variant);
            return source;
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Read(string name, long offset, Span<byte> destination)
    {
        var (checkpoint, inner) = _tensors[name];
        checkpoint.Read(inner, offset, destination);
    }

    /// <inheritdoc/>
    public TensorLocation? Locate(string name)
    {
        var (checkpoint, inner) = _tensors[name];
        return checkpoint.Locate(inner);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (_, checkpoint) in _parts) checkpoint.Dispose();
    }

    [SuppressMessage("Reliability", "CA2000", Justification = "The parts are disposed with the source.")]
    private void OpenParts(string? variant)
    {
        var modules = Directory.Exists(Folder) ? ModuleList.Read(Folder) : [];
        RefuseOtherNetworks(modules);
        var network = modules.IsEmpty ? "" : modules[0].Path;
        _parts.Add(("", Checkpoint.Open(Path.Combine(Folder, network), new CheckpointOptions { Variant = variant })));
        RefuseOwnCode();
        AddFiles(network);
        var after = ImmutableArray.CreateBuilder<SentenceModule>();
        foreach (var module in modules.Skip(1)) after.Add(OpenModule(module));
        Modules = after.ToImmutable();
    }

    private static void RefuseOtherNetworks(ImmutableArray<ModuleEntry> modules)
    {
        if (modules.IsEmpty || Networks.Contains(modules[0].Class)) return;
        var problem = new Problem("$[0].type", $"\"{modules[0].Type}\"", string.Join(", ", Networks), "load it with sentence-transformers, or export the transformer inside it");
        throw new UnsupportedCheckpointException($"reading {ModuleList.FileName}", problem) { Key = "$[0].type" };
    }

    private SentenceModule OpenModule(ModuleEntry module)
    {
        var folder = Path.Combine(Folder, module.Path);
        var config = Path.Combine(folder, "config.json");
        if (HasWeights(folder)) _parts.Add((module.Path + ".", Checkpoint.Open(folder, new CheckpointOptions { ConfigRequired = false })));
        if (!File.Exists(config)) return SentenceModuleReader.Read(module.Type, module.Path, ConfigReader.Parse("{}"u8.ToArray(), $"{module.Path}/config.json"));
        Add(config, $"{module.Path}/config.json");
        return SentenceModuleReader.Read(module.Type, module.Path, ConfigReader.Parse(File.ReadAllBytes(config), $"{module.Path}/config.json"));
    }

    /// <summary>A network in a folder of its own is copied to the top as well, where every other program looks for it.</summary>
    private void AddFiles(string network)
    {
        foreach (var file in Network.Files.Where(f => f.Role is FileRole.Config or FileRole.Side))
        {
            Add(file.Path, file.Name);
            if (network.Length > 0) Add(file.Path, $"{network}/{file.Name}");
        }
        foreach (var made in Network.Made.Where(m => !_files.ContainsKey(m.Name))) _files[made.Name] = new PackagedFile(made.Name, made.Name) { Content = made.Content };
        foreach (var name in TopFiles.Where(n => File.Exists(Path.Combine(Folder, n)))) Add(Path.Combine(Folder, name), name);
    }

    private void Add(string from, string name) => _files[name] = new PackagedFile(from, name);

    /// <summary>Code beside the weights may change what a known model type computes, so it is refused even where the type is known.</summary>
    private void RefuseOwnCode()
    {
        var config = Network.ReadConfig();
        if (config.Raw("auto_map") is not { ValueKind: System.Text.Json.JsonValueKind.Object } map) return;
        var classes = map.EnumerateObject().Where(p => p.Name == "AutoConfig" || p.Name.StartsWith("AutoModel", StringComparison.Ordinal)).Select(p => p.Value.ToString()).ToList();
        if (classes.Count == 0) return;
        var type = config.String("model_type");
        var problem = new Problem("$.auto_map", $"the checkpoint brings its own code ({string.Join(", ", classes.Distinct())})", "architectures of transformers itself",
            "if the code changes nothing, save it with the architecture that it is based on, and without auto_map");
        throw new UnsupportedCheckpointException($"reading {config.File}", problem)
        {
            ModelType = type,
            Architectures = config.Strings("architectures", []),
            Key = "$.auto_map",
            Nearest = type,
        };
    }

    private static bool HasWeights(string folder) => Directory.Exists(folder)
        && Directory.EnumerateFiles(folder).Any(f => Path.GetExtension(f) is ".safetensors" or ".bin");

    private string Inside(string path) => Path.GetRelativePath(Path.GetFullPath(Folder), path).Replace('\\', '/');

    private Dictionary<string, TensorInfo> MergeTensors()
    {
        var index = new Dictionary<string, TensorInfo>(StringComparer.Ordinal);
        foreach (var (prefix, checkpoint) in _parts)
        {
            foreach (var (name, info) in checkpoint.Tensors)
            {
                index[prefix + name] = prefix.Length == 0 ? info : info with { Name = prefix + name };
                _tensors[prefix + name] = (checkpoint, name);
            }
        }
        return index;
    }
}
