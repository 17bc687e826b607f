using System.Globalization;

namespace OnnxTransformers.Graphs.Onnx;

/// <summary>Where a tensor's bytes lie outside the model's own file.</summary>
/// <param name="Location">A path relative to the model's folder, with slashes.</param>
/// <param name="Offset">Bytes from the file's start.</param>
/// <param name="Length">Bytes; null where the model doesn't say, and the tensor's size counts.</param>
public sealed record ExternalData(string Location, long Offset, long? Length)
{
    private const string LocationKey = "location";
    private const string OffsetKey = "offset";
    private const string LengthKey = "length";

    /// <summary>Makes <paramref name="tensor"/> point here.</summary>
    internal void WriteTo(TensorProto tensor)
    {
        tensor.DataLocation = TensorProto.Types.DataLocation.External;
        tensor.ExternalData.Clear();
        Add(LocationKey, Location);
        Add(OffsetKey, Offset.ToString(CultureInfo.InvariantCulture));
        if (Length is { } length) Add(LengthKey, length.ToString(CultureInfo.InvariantCulture));

        void Add(string key, string value) => tensor.ExternalData.Add(new StringStringEntryProto { Key = key, Value = value });
    }

    /// <summary>What a tensor says about its place; null with the reason where that makes no sense.</summary>
    internal static ExternalData? Read(TensorProto tensor, out string? wrong)
    {
        string? location = null;
        long offset = 0;
        long? length = null;
        foreach (var entry in tensor.ExternalData)
        {
            if (entry.Key == LocationKey) location = entry.Value;
            else if (entry.Key is OffsetKey or LengthKey)
            {
                if (!long.TryParse(entry.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
                {
                    wrong = $"its {entry.Key} is \"{Shorten(entry.Value)}\"";
                    return null;
                }
                if (entry.Key == OffsetKey) offset = number;
                else length = number;
            }
        }
        wrong = location is null ? "it has no location" : Unsafe(location) ? $"its location is \"{Shorten(location)}\", which is not a path below the model's folder" : null;
        return wrong is null ? new(location!, offset, length) : null;
    }

    /// <summary>The file of a location, below the model's folder also after links are followed; null with the reason where it isn't.</summary>
    internal string? Resolve(string folder, out string? wrong)
    {
        var path = folder;
        foreach (var part in Location.Split('/'))
        {
            path = Path.Combine(path, part);
            FileSystemInfo entry = Directory.Exists(path) ? new DirectoryInfo(path) : new FileInfo(path);
            if (entry.LinkTarget is not null && (entry.ResolveLinkTarget(returnFinalTarget: true) is not { } target || !IsBelow(target.FullName, folder)))
            {
                wrong = $"{Location} is a link that leads out of the model's folder";
                return null;
            }
        }
        wrong = File.Exists(path) ? null : $"{Location} is not there";
        return wrong is null ? path : null;
    }

    private static bool IsBelow(string path, string folder) =>
        Path.GetRelativePath(folder, path) is var relative && !Path.IsPathRooted(relative) && relative != ".." && !relative.StartsWith($"..{Path.DirectorySeparatorChar}", StringComparison.Ordinal);

    private static bool Unsafe(string location) =>
        location.Length == 0 || location.AsSpan().ContainsAny('\\', ':', '\0') || location.Split('/').Any(part => part is "" or "." or "..");

    private static string Shorten(string text) => text.Length <= 80 ? text : text[..80] + "...";
}
