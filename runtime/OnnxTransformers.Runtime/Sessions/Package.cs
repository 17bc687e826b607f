using System.Collections.Immutable;

namespace OnnxTransformers;

/// <summary>A folder with one or more ONNX graphs and the configuration files of the model they came from, as this library, optimum, transformers.js or sentence-transformers write it.</summary>
public sealed class Package
{
    private readonly Lazy<ModelConfig> _config;
    private readonly ImmutableArray<string> _folders;

    private Package(string folder)
    {
        Folder = folder;
        // Ours and transformers.js' keep graphs in onnx/; optimum's beside config.json.
        _folders = [Path.Combine(folder, "onnx"), folder];
        _config = new(() => ModelConfig.Read(ReadJson("config.json")));
    }

    /// <summary>The folder.</summary>
    public string Folder { get; }

    /// <summary>What config.json says; the reference's defaults where there is none.</summary>
    /// <exception cref="CorruptCheckpointException">It is not a JSON object.</exception>
    public ModelConfig Config => _config.Value;

    /// <summary>Opens a folder. Nothing of it is read yet.</summary>
    /// <exception cref="InvalidInputException">There is no such folder, or it can't be read.</exception>
    public static Package Open(string folder)
    {
        InputFolder.Require(folder, $"opening {folder}", "a package that export has made, or another with ONNX files");
        return new Package(folder);
    }

    /// <summary>The full path of a file of the package, whether it is there or not.</summary>
    public string PathOf(string file) => Path.Combine(Folder, file);

    /// <summary>A JSON object of the package; null where the file is not there.</summary>
    /// <exception cref="CorruptCheckpointException">It is not a JSON object.</exception>
    public ConfigReader? ReadJson(string file)
    {
        var path = PathOf(file);
        return File.Exists(path) ? ConfigReader.Parse(File.ReadAllBytes(path), path) : null;
    }

    /// <summary>The precisions that are there of a graph, the widest first.</summary>
    public ImmutableArray<Precision> PrecisionsOf(string graph) => [.. Precisions.All.Where(p => Find(graph, p.Suffix) is not null).Select(p => p.Precision)];

    /// <summary>The path of a graph.</summary>
    /// <param name="graph">Its name, as "model" or "decoder_model_merged".</param>
    /// <param name="precision">Which file of it; null for the widest that is there.</param>
    /// <exception cref="CorruptCheckpointException">There is none.</exception>
    public string PathOf(string graph, Precision? precision)
    {
        foreach (var row in Precisions.All)
            if ((precision is null || precision == row.Precision) && Find(graph, row.Suffix) is { } path) return path;
        var there = PrecisionsOf(graph);
        var found = there.Length > 0 ? $"only {string.Join(", ", there.Select(p => p.Word()))}" : Graphs() is { Length: > 0 } others ? $"only {string.Join(", ", others)}" : "no ONNX file";
        throw new CorruptCheckpointException($"opening {Folder}", new Problem($"onnx/{graph}{precision?.Suffix()}.onnx", $"not there; the package has {found}", null,
            there.Length > 0 ? "ask for a precision that is there, or export the model with this one" : "export the model for this task"));
    }

    private string? Find(string graph, string suffix)
    {
        foreach (var folder in _folders)
            if (Path.Combine(folder, $"{graph}{suffix}.onnx") is var path && File.Exists(path)) return path;
        return null;
    }

    private string[] Graphs() =>
        [.. _folders.Where(Directory.Exists).SelectMany(f => Directory.EnumerateFiles(f, "*.onnx")).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)];
}
