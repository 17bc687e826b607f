using System.Text.Json;
using System.Text.Unicode;

namespace OnnxTransformers.Checkpoints;

/// <summary>The file that says which shard holds which tensor (<c>model.safetensors.index.json</c>): its <c>weight_map</c>, read in one forward pass.</summary>
internal sealed class ShardIndex
{
    private const int MaxLength = 256 << 20;
    private const int MaxProblems = 100;

    private ShardIndex(string name, Dictionary<string, string> shardOf, IReadOnlyList<string> shards) => (Name, ShardOf, Shards) = (name, shardOf, shards);

    internal string Name { get; }

    /// <summary>The shard's path within the folder, by the tensor's name.</summary>
    internal IReadOnlyDictionary<string, string> ShardOf { get; }

    /// <summary>All shards, in the order in which they are first named.</summary>
    internal IReadOnlyList<string> Shards { get; }

    internal static ShardIndex Read(string path, string name)
    {
        using var file = InputFile.Open(path, name);
        if (file.Length > MaxLength) throw new CorruptCheckpointException($"reading {name}", new Problem("", Shown.Bytes(file.Length), $"{Shown.Bytes(MaxLength)} at most"));
        var json = new byte[file.Length];
        file.Read(0, json);
        return Parse(json, name);
    }

    internal static ShardIndex Parse(ReadOnlySpan<byte> json, string name)
    {
        var doing = $"reading {name}";
        if (json.StartsWith("\uFEFF"u8)) json = json[3..];
        if (!Utf8.IsValid(json)) throw new CorruptCheckpointException(doing, new Problem("$", "bytes that are not UTF-8"));
        try
        {
            return Parse(new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 64 }), name, doing);
        }
        catch (JsonException e)
        {
            throw new CorruptCheckpointException(doing, new Problem("$", Shown.Json(e), Next: "download the file again"), e);
        }
        catch (InvalidOperationException e)
        {
            throw new CorruptCheckpointException(doing, new Problem("$", "a text with half of a surrogate pair"), e);
        }
    }

    private static ShardIndex Parse(Utf8JsonReader reader, string name, string doing)
    {
        var shardOf = default(Dictionary<string, string>);
        var shards = new Dictionary<string, string>(StringComparer.Ordinal);
        var problems = new List<Problem>();
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject) throw new CorruptCheckpointException(doing, new Problem("$", "no object", "an object with weight_map"));
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isMap = reader.ValueTextEquals("weight_map"u8);
            reader.Read();
            if (!isMap) reader.Skip();
            else if (reader.TokenType != JsonTokenType.StartObject) throw new CorruptCheckpointException(doing,
                new Problem("$.weight_map", "no object", "an object of file names"));
            else if (shardOf is not null) throw new CorruptCheckpointException(doing, new Problem("$.weight_map", "it is there twice"));
            else ReadMap(ref reader, shardOf = new(StringComparer.Ordinal), shards, problems);
        }
        reader.Read();
        if (problems.Count > 0) throw new CorruptCheckpointException(doing, problems);
        if (shardOf is null) throw new CorruptCheckpointException(doing, new Problem("$", "no weight_map", "an object with weight_map"));
        if (shardOf.Count == 0) throw new CorruptCheckpointException(doing, new Problem("$.weight_map", "it names no tensor"));
        return new ShardIndex(name, shardOf, [.. shards.Keys]);
    }

    private static void ReadMap(ref Utf8JsonReader reader, Dictionary<string, string> shardOf, Dictionary<string, string> shards, List<Problem> problems)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var tensor = reader.GetString()!;
            reader.Read();
            var value = reader.TokenType == JsonTokenType.String ? reader.GetString()! : null;
            reader.Skip();
            if (problems.Count >= MaxProblems) continue;
            var where = $"$.weight_map[\"{Shown.Clip(tensor)}\"]";
            if (value is null) problems.Add(new Problem(where, "no text", "the name of a file"));
            else if (!IsInside(value)) problems.Add(new Problem(where, $"\"{Shown.Clip(value)}\"", "a file inside the checkpoint's folder"));
            else
            {
                // One text for each shard, however often it is named.
                if (!shards.TryGetValue(value, out var shard)) shards.Add(value, shard = value);
                if (!shardOf.TryAdd(tensor, shard)) problems.Add(new Problem(where, "the tensor is there twice"));
            }
        }
    }

    // A relative path with forward slashes that can't leave the folder on any system.
    private static bool IsInside(string path) =>
        path.Length is > 0 and <= 1024 && path.AsSpan().IndexOfAny('\\', ':', '\0') < 0 && !path.Split('/').Any(part => part is "" or "." or "..");
}
