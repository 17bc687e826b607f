using System.Collections.Frozen;
using OnnxTransformers.Checkpoints;
using OnnxTransformers.Converters.Sources;

namespace OnnxTransformers.Converters.Packaging;

/// <summary>Hard links of a checkpoint's safetensors files in the folder of a graph that points into them. ONNX Runtime refuses data outside the model's folder, symbolic links included.</summary>
/// <param name="Locations">Name of each link by the full path of its file.</param>
/// <param name="Problem">Why no links could be made, or null.</param>
internal sealed record LinkedWeights(IReadOnlyDictionary<string, string> Locations, string? Problem)
{
    internal static LinkedWeights None { get; } = new(FrozenDictionary<string, string>.Empty, null);

    /// <summary>Links all weight files of <paramref name="source"/> into <paramref name="folder"/>. Nothing is left where one can't be linked.</summary>
    internal static LinkedWeights TryCreate(ExportSource source, string folder)
    {
        if (!source.IsSafetensors) return new(None.Locations, "its weights are torch pickles, which ONNX Runtime can't read");
        var locations = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var file in source.WeightFiles)
        {
            var name = Name(source, file);
            if (HardLink.TryCreate(file.Path, Path.Combine(folder, name)) is not { } problem)
            {
                locations.Add(file.Path, name);
                continue;
            }
            foreach (var done in locations.Values) File.Delete(Path.Combine(folder, done));
            return new(None.Locations, $"{file.Name} can't be linked: {problem}");
        }
        return new(locations, null);
    }

    // A module's file, as 2_Dense/model.safetensors, lies beside the network's.
    private static string Name(ExportSource source, CheckpointFile file) =>
        Path.GetRelativePath(Path.GetFullPath(source.Folder), file.Path).Replace('\\', '/').Replace('/', '.');
}
