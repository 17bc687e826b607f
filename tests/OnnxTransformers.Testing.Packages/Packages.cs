using System.Collections.Concurrent;
using OnnxTransformers.Converters;

namespace OnnxTransformers.Testing;

/// <summary>Packages exported in process. Each is made once in a run, and all are deleted when the process ends.</summary>
public static class Packages
{
    private static readonly ConcurrentDictionary<string, Lazy<string>> Exported = new(StringComparer.Ordinal);
    private static readonly Lazy<ScratchFolder> Scratch = new(() =>
    {
        var folder = new ScratchFolder();
        AppDomain.CurrentDomain.ProcessExit += (_, _) => folder.Dispose();
        return folder;
    });

    /// <summary>The package of a checkpoint.</summary>
    /// <param name="checkpoint">Its folder.</param>
    /// <param name="options">How it is exported; null for the defaults.</param>
    /// <returns>The package's folder, which must not be changed.</returns>
    public static string Export(string checkpoint, ExportOptions? options = null)
    {
        options ??= ExportOptions.Default;
        var key = string.Join('|', checkpoint, options.Task, string.Join(',', options.Precisions), options.Quantization, options.Target, options.Weights, options.Verify, options.Opset);
        return Exported.GetOrAdd(key, _ => new(() => Run(checkpoint, options))).Value;
    }

    private static string Run(string checkpoint, ExportOptions options)
    {
        var place = Scratch.Value[$"{Exported.Count}-{Guid.NewGuid():N}"];
        // Links need both on one file system.
        var from = options.Weights == WeightPlacement.Link ? Copy(checkpoint, Path.Combine(place, "checkpoint")) : checkpoint;
        return Converters.Export.RunAsync(from, Path.Combine(place, "package"), options).GetAwaiter().GetResult().Package;
    }

    /// <summary>Copies a folder with everything in it.</summary>
    public static string Copy(string from, string to)
    {
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
            File.SetAttributes(target, FileAttributes.Normal);
        }
        return to;
    }
}
