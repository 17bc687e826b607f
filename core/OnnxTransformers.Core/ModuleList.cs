using System.Collections.Immutable;
using System.Text.Json;

namespace OnnxTransformers;

/// <summary>An entry of modules.json.</summary>
/// <param name="Type">The class, as "sentence_transformers.models.Pooling".</param>
/// <param name="Path">The folder within the checkpoint or package; empty for itself.</param>
public sealed record ModuleEntry(string Type, string Path)
{
    /// <summary>The class's own name, as "Pooling".</summary>
    public string Class => Type[(Type.LastIndexOf('.') + 1)..];
}

/// <summary>The list of modules of a sentence-transformers checkpoint or package. Reference: sentence-transformers, SentenceTransformer.py.</summary>
public static class ModuleList
{
    /// <summary>The file's name.</summary>
    public const string FileName = "modules.json";

    private const int MaxLength = 1 << 20;

    /// <summary>The modules of a folder in their order; none where it has no such file.</summary>
    /// <exception cref="CorruptCheckpointException">The file is not what the reference writes, or names a folder outside this one.</exception>
    public static ImmutableArray<ModuleEntry> Read(string folder)
    {
        var path = Path.Combine(folder, FileName);
        if (!File.Exists(path)) return [];
        const string doing = $"reading {FileName}";
        var length = new FileInfo(path).Length;
        if (length > MaxLength) throw new CorruptCheckpointException(doing, new Problem("", $"{length} bytes", $"{MaxLength} at most"));
        var modules = Parse(File.ReadAllBytes(path), doing);
        return modules.IsEmpty ? throw new CorruptCheckpointException(doing, new Problem("$", "an empty list", "a list that begins with a Transformer")) : modules;
    }

    private static ImmutableArray<ModuleEntry> Parse(byte[] utf8, string doing)
    {
        try
        {
            using var document = JsonDocument.Parse(utf8, new JsonDocumentOptions { AllowDuplicateProperties = false });
            if (document.RootElement.ValueKind != JsonValueKind.Array) throw new CorruptCheckpointException(doing, new Problem("$", $"a JSON {document.RootElement.ValueKind}", "a list of modules"));
            return [.. document.RootElement.EnumerateArray().Select((entry, i) => Entry(entry, $"$[{i}]", doing))];
        }
        catch (JsonException e)
        {
            throw new CorruptCheckpointException(doing, new Problem(e.Path ?? "$", $"not valid JSON ({e.Message})"), e);
        }
    }

    private static ModuleEntry Entry(JsonElement entry, string at, string doing)
    {
        if (entry.ValueKind != JsonValueKind.Object || !entry.TryGetProperty("type", out var type) || type.ValueKind != JsonValueKind.String
            || !entry.TryGetProperty("path", out var path) || path.ValueKind != JsonValueKind.String)
            throw new CorruptCheckpointException(doing, new Problem(at, "not an object with the texts type and path"));
        var folder = path.GetString()!.Replace('\\', '/');
        if (Path.IsPathRooted(folder) || folder.Split('/').Contains("..")) throw new CorruptCheckpointException(doing, new Problem($"{at}.path", $"\"{folder}\", outside the folder of {FileName}", "a folder inside it"));
        return new ModuleEntry(type.GetString()!, folder.TrimEnd('/'));
    }
}
