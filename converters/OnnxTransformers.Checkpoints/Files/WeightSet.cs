using System.Globalization;

namespace OnnxTransformers.Checkpoints;

/// <summary>All open weight files of a checkpoint as one set of tensors, checked against the index.</summary>
internal sealed class WeightSet : ITensorSource, IDisposable
{
    private const int MaxProblems = 100;
    private readonly IReadOnlyList<IWeightFile> _files;
    private readonly Dictionary<string, IWeightFile> _fileOf = new(StringComparer.Ordinal);

    private WeightSet(IReadOnlyList<IWeightFile> files, ShardIndex? index)
    {
        _files = files;
        Skipped.AddRange(files.SelectMany(file => file.Skipped));
        if (index is null) Take(files[0]);
        else Take(files, index);
    }

    internal Dictionary<string, TensorInfo> Tensors { get; } = new(StringComparer.Ordinal);

    internal List<SkippedEntry> Skipped { get; } = [];

    internal IReadOnlyDictionary<string, string> Metadata => _files[0].Metadata;

    internal IWeightFile FileOf(string tensor) => _fileOf.TryGetValue(tensor, out var file) ? file : throw TensorArguments.Unknown("the checkpoint", tensor);

    IReadOnlyDictionary<string, TensorInfo> ITensorSource.Tensors => Tensors;

    public void Read(string name, long offset, Span<byte> destination) => FileOf(name).Read(name, offset, destination);

    public TensorLocation? Locate(string name) => FileOf(name).Locate(name);

    internal static WeightSet Open(WeightFiles found)
    {
        var open = new List<IWeightFile>(found.Files.Length);
        try
        {
            foreach (var file in found.Files) open.Add(OpenFile(found.Format, file));
            return new WeightSet(open, found.Index);
        }
        catch
        {
            foreach (var file in open) file.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        foreach (var file in _files) file.Dispose();
    }

    private static IWeightFile OpenFile(WeightFormat format, CheckpointFile file)
    {
        if (format == WeightFormat.Torch) return TorchFile.Open(file.Path, file.Name);
        var opened = SafetensorsFile.Open(file.Path, file.Name);
        // What tf and flax save has other names, and kernels are transposed; absent means torch, as it does for the reference.
        if (opened.Metadata.GetValueOrDefault("format", "pt") is var framework && framework is "pt" or "mlx") return opened;
        opened.Dispose();
        throw new UnsupportedCheckpointException($"opening {file.Name}",
            new Problem("__metadata__.format", $"\"{Shown.Clip(framework)}\"", "pt, mlx", "load it with transformers and save it as a torch model"));
    }

    private void Take(IWeightFile file)
    {
        foreach (var (name, info) in file.Tensors)
        {
            Tensors.Add(name, info);
            _fileOf.Add(name, file);
        }
    }

    private void Take(IReadOnlyList<IWeightFile> files, ShardIndex index)
    {
        var problems = new List<Problem>();
        var byName = files.ToDictionary(file => file.Name, StringComparer.Ordinal);
        foreach (var (name, shard) in index.ShardOf)
        {
            var file = byName[shard];
            if (file.Tensors.TryGetValue(name, out var info))
            {
                Tensors.Add(name, info);
                _fileOf.Add(name, file);
            }
            else if (problems.Count < MaxProblems) problems.Add(new Problem(Shown.Tensor(name), $"{shard} doesn't hold it", $"what {index.Name} says",
                "download the checkpoint again"));
        }
        var seen = new Dictionary<string, IWeightFile>(StringComparer.Ordinal);
        foreach (var file in files)
        {
            foreach (var name in file.Tensors.Keys)
            {
                if (!seen.TryAdd(name, file))
                {
                    if (problems.Count < MaxProblems) problems.Add(new Problem(Shown.Tensor(name), $"both {seen[name].Name} and {file.Name} hold it",
                        "one shard for each tensor"));
                }
                else if (!index.ShardOf.ContainsKey(name)) Skipped.Add(new SkippedEntry(file.Name, name, $"{index.Name} doesn't name it"));
            }
        }
        if (problems.Count > 0) throw new CorruptCheckpointException(string.Create(CultureInfo.InvariantCulture,
            $"comparing {index.Name} with its {files.Count} shards"), problems);
    }
}
