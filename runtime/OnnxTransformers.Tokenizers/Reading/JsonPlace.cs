using System.Text;
using System.Text.Json;

namespace OnnxTransformers.Tokenizers;

/// <summary>A value of a JSON file and where it stands; reading it as something else is an error that names file and path.</summary>
internal readonly record struct JsonPlace(JsonElement Value, string File, string Path)
{
    internal bool IsNull => Value.ValueKind is JsonValueKind.Null or JsonValueKind.Undefined;

    internal JsonPlace? Find(string key) =>
        Value.ValueKind == JsonValueKind.Object && Value.TryGetProperty(key, out var value) && value.ValueKind != JsonValueKind.Null ? new JsonPlace(value, File, $"{Path}.{key}") : null;

    internal JsonPlace Get(string key) => Find(key) ?? throw Corrupt($"no \"{key}\"", $"an object with \"{key}\"");

    internal string Text(string key) => Get(key).Text();

    internal string Text() => Value.ValueKind == JsonValueKind.String ? Unescaped() : throw Wrong("a text");

    internal bool Bool(string key, bool? absent = null) => Find(key) is { } v ? v.Bool() : absent ?? Get(key).Bool();

    internal bool Bool() => Value.ValueKind is JsonValueKind.True or JsonValueKind.False ? Value.GetBoolean() : throw Wrong("true or false");

    internal int Count(string key, int? absent = null) => Find(key) is { } v ? v.Count() : absent ?? Get(key).Count();

    internal int Count() => Value.ValueKind == JsonValueKind.Number && Value.TryGetInt32(out var n) && n >= 0 ? n : throw Wrong("a whole number of at least 0");

    internal double Number() => Value.ValueKind == JsonValueKind.Number && Value.TryGetDouble(out var n) ? n : throw Wrong("a number");

    internal IEnumerable<JsonPlace> Items()
    {
        if (Value.ValueKind != JsonValueKind.Array) throw Wrong("a list");
        return Enumerate(this);

        static IEnumerable<JsonPlace> Enumerate(JsonPlace node)
        {
            var i = 0;
            foreach (var item in node.Value.EnumerateArray()) yield return new(item, node.File, $"{node.Path}[{i++}]");
        }
    }

    internal IEnumerable<(string Key, JsonPlace Value)> Members()
    {
        if (Value.ValueKind != JsonValueKind.Object) throw Wrong("an object");
        return Enumerate(this);

        static IEnumerable<(string, JsonPlace)> Enumerate(JsonPlace node)
        {
            foreach (var member in node.Value.EnumerateObject())
            {
                var name = node.NameOf(member);
                yield return (name, new(member.Value, node.File, $"{node.Path}.{name}"));
            }
        }
    }

    /// <summary>Reads a whole file.</summary>
    internal static JsonPlace Read(byte[] json, string file) => System.Text.Unicode.Utf8.IsValid(json) ? new(ConfigReader.Parse(json, file).Element, file, "$")
        : throw new CorruptCheckpointException($"reading {file}", new Problem("$", "bytes that are no UTF-8", "UTF-8"));

    private string NameOf(JsonProperty member)
    {
        try
        {
            return member.Name;
        }
        catch (InvalidOperationException)
        {
            throw Corrupt("a key that is not whole characters", "keys of whole characters");
        }
    }

    /// <summary>A text of exactly one character.</summary>
    internal int Character(string key)
    {
        var node = Get(key);
        var text = node.Text();
        return Rune.TryGetRuneAt(text, 0, out var rune) && rune.Utf16SequenceLength == text.Length ? rune.Value : throw node.Wrong("a text of one character");
    }

    /// <summary>One of a closed set of texts; <paramref name="absent"/> where the key is absent.</summary>
    internal T OneOf<T>(string key, T? absent, params (string Name, T Value)[] choices) where T : struct
    {
        if (Find(key) is not { } node) return absent ?? throw Corrupt($"no \"{key}\"", $"an object with \"{key}\"");
        var text = node.Text();
        foreach (var (name, value) in choices)
            if (name == text) return value;
        throw node.Unsupported($"\"{text}\"", string.Join(", ", choices.Select(c => c.Name)));
    }

    /// <summary>Refuses keys that nobody knows.</summary>
    internal void Only(params ReadOnlySpan<string> keys)
    {
        foreach (var member in Value.EnumerateObject())
            if (!keys.Contains(member.Name)) throw new JsonPlace(member.Value, File, $"{Path}.{member.Name}").Unsupported("a key that nothing here knows", string.Join(", ", keys.ToArray()));
    }

    internal CorruptCheckpointException Wrong(string supported)
    {
        var raw = Value.ValueKind == JsonValueKind.Undefined ? "nothing" : Value.GetRawText();
        return Corrupt(raw.Length > 80 ? raw[..80] + "..." : raw, supported);
    }

    internal CorruptCheckpointException Corrupt(string found, string? supported = null) => new($"reading {File}", new Problem(Path, found, supported));

    internal UnsupportedCheckpointException Unsupported(string found, string? supported = null, string? next = null) =>
        new($"reading {File}", new Problem(Path, found, supported, next)) { Key = Path };

    private string Unescaped()
    {
        try
        {
            return Value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw Wrong("a text of whole characters");
        }
    }
}
