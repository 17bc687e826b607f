using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;

namespace OnnxTransformers;

/// <summary>Reads one JSON object key by key, strictly: a value of the wrong kind is an error with its JSON path, and every key that nobody asked for can be listed at the end.</summary>
/// <remarks>Errors of value kinds are collected and thrown together by <see cref="ThrowIfInvalid"/>, so that a reader sees all of them at once; the value returned meanwhile is the default.
/// A key whose value is <c>null</c> reads as absent. Not thread-safe.</remarks>
public sealed class ConfigReader
{
    private readonly JsonElement _object;
    private readonly HashSet<string> _read;
    private readonly List<Problem> _problems;
    private readonly string _path;
    private readonly List<ConfigReader> _children = [];

    private ConfigReader(JsonElement element, string file, string path, List<Problem> problems)
    {
        (_object, File, _path, _problems) = (element, file, path, problems);
        _read = new(StringComparer.Ordinal);
    }

    /// <summary>Parses <paramref name="utf8"/> as one object.</summary>
    /// <param name="utf8">The text.</param>
    /// <param name="file">The file's name, for messages.</param>
    /// <exception cref="CorruptCheckpointException">It is not JSON, not an object, or holds a key twice.</exception>
    public static ConfigReader Parse(ReadOnlyMemory<byte> utf8, string file)
    {
        try
        {
            if (utf8.Span.StartsWith("\uFEFF"u8)) utf8 = utf8[3..];
            if (utf8.Span.IndexOf("Infinity"u8) >= 0) utf8 = WithInfinities(utf8.Span);
            using var document = JsonDocument.Parse(utf8, new JsonDocumentOptions { MaxDepth = 64, AllowDuplicateProperties = false });
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw new CorruptCheckpointException($"reading {file}", new Problem("$", $"a JSON {document.RootElement.ValueKind}", "an object"));
            return new ConfigReader(document.RootElement.Clone(), file, "$", []);
        }
        catch (JsonException e)
        {
            throw new CorruptCheckpointException($"reading {file}", new Problem(e.Path ?? "$", $"not valid JSON ({e.Message})"), e);
        }
    }

    /// <summary>Python writes Infinity where JSON has no such number: outside of texts it becomes a number that is too large.</summary>
    private static byte[] WithInfinities(ReadOnlySpan<byte> utf8)
    {
        ReadOnlySpan<byte> word = "Infinity"u8, number = "1e9999"u8;
        var result = new List<byte>(utf8.Length);
        var inText = false;
        for (var i = 0; i < utf8.Length; i++)
        {
            if (!inText && utf8[i..].StartsWith(word))
            {
                result.AddRange(number);
                i += word.Length - 1;
                continue;
            }
            if (inText && utf8[i] == '\\' && i + 1 < utf8.Length) result.Add(utf8[i++]);
            else if (utf8[i] == '"') inText = !inText;
            result.Add(utf8[i]);
        }
        return [.. result];
    }

    /// <summary>Wraps an object that is already parsed.</summary>
    public static ConfigReader Of(JsonElement element, string file) => new(element, file, "$", []);

    /// <summary>The file's name, for messages.</summary>
    public string File { get; }

    /// <summary>The object as it is.</summary>
    public JsonElement Element => _object;

    /// <summary>True where the key is there and is not null.</summary>
    public bool Has(string key) => _object.TryGetProperty(key, out var v) && v.ValueKind != JsonValueKind.Null;

    /// <summary>The value as it is, or null where it is absent or null. The key counts as read.</summary>
    public JsonElement? Raw(string key)
    {
        _read.Add(key);
        return _object.TryGetProperty(key, out var v) && v.ValueKind != JsonValueKind.Null ? v : null;
    }

    /// <summary>A whole number (an integral float counts); <paramref name="absent"/> where the key is absent.</summary>
    public int Int(string key, int absent) => IntOrNull(key) ?? absent;

    /// <summary>A whole number, or null where the key is absent.</summary>
    public int? IntOrNull(string key)
    {
        if (Raw(key) is not { } v) return null;
        if (v.ValueKind == JsonValueKind.Number && v.TryGetDouble(out var d) && d == Math.Floor(d) && Math.Abs(d) <= int.MaxValue) return (int)d;
        return Wrong<int?>(key, v, "a whole number", null);
    }

    /// <summary>A whole number that must be there and at least <paramref name="least"/>.</summary>
    public int Count(string key, int absent, int least = 1)
    {
        var n = Int(key, absent);
        if (n < least) Problem(key, n.ToString(CultureInfo.InvariantCulture), $"a whole number of at least {least}");
        return Math.Max(n, least);
    }

    /// <summary>A number.</summary>
    public float Float(string key, float absent) => (float)Double(key, absent);

    /// <summary>A number.</summary>
    public double Double(string key, double absent) => DoubleOrNull(key) ?? absent;

    /// <summary>A number, or null where the key is absent.</summary>
    public double? DoubleOrNull(string key)
    {
        if (Raw(key) is not { } v) return null;
        return v.ValueKind == JsonValueKind.Number ? v.GetDouble() : Wrong<double?>(key, v, "a number", null);
    }

    /// <summary>A boolean.</summary>
    public bool Bool(string key, bool absent)
    {
        if (Raw(key) is not { } v) return absent;
        return v.ValueKind is JsonValueKind.True or JsonValueKind.False ? v.GetBoolean() : Wrong(key, v, "true or false", absent);
    }

    /// <summary>A text, or null where the key is absent.</summary>
    public string? String(string key)
    {
        if (Raw(key) is not { } v) return null;
        return v.ValueKind == JsonValueKind.String ? v.GetString() : Wrong<string?>(key, v, "a text", null);
    }

    /// <summary>A text.</summary>
    public string String(string key, string absent) => String(key) ?? absent;

    /// <summary>One of a closed set of texts.</summary>
    public T OneOf<T>(string key, T absent, params ReadOnlySpan<(string Text, T Value)> choices)
    {
        if (String(key) is not { } text) return absent;
        foreach (var (name, value) in choices)
            if (name == text) return value;
        var names = string.Join(", ", choices.ToArray().Select(c => c.Text));
        Problem(key, $"\"{text}\"", names);
        return absent;
    }

    /// <summary>A list of whole numbers; <paramref name="absent"/> where the key is absent.</summary>
    public ImmutableArray<int> Ints(string key, ImmutableArray<int> absent)
    {
        if (Raw(key) is not { } v) return absent;
        if (v.ValueKind != JsonValueKind.Array || v.EnumerateArray().Any(x => x.ValueKind != JsonValueKind.Number || !x.TryGetInt32(out _))) return Wrong(key, v, "a list of whole numbers", absent);
        return [.. v.EnumerateArray().Select(x => x.GetInt32())];
    }

    /// <summary>A list of numbers; <paramref name="absent"/> where the key is absent.</summary>
    public ImmutableArray<double> Doubles(string key, ImmutableArray<double> absent)
    {
        if (Raw(key) is not { } v) return absent;
        if (v.ValueKind != JsonValueKind.Array || v.EnumerateArray().Any(x => x.ValueKind != JsonValueKind.Number)) return Wrong(key, v, "a list of numbers", absent);
        return [.. v.EnumerateArray().Select(x => x.GetDouble())];
    }

    /// <summary>A list of texts; <paramref name="absent"/> where the key is absent.</summary>
    public ImmutableArray<string> Strings(string key, ImmutableArray<string> absent)
    {
        if (Raw(key) is not { } v) return absent;
        if (v.ValueKind != JsonValueKind.Array || v.EnumerateArray().Any(x => x.ValueKind != JsonValueKind.String)) return Wrong(key, v, "a list of texts", absent);
        return [.. v.EnumerateArray().Select(x => x.GetString()!)];
    }

    /// <summary>An object inside this one, or null where the key is absent. Its unread keys are listed with this one's.</summary>
    public ConfigReader? Object(string key)
    {
        if (Raw(key) is not { } v) return null;
        if (v.ValueKind != JsonValueKind.Object) return Wrong<ConfigReader?>(key, v, "an object", null);
        var child = new ConfigReader(v, File, $"{_path}.{key}", _problems);
        _children.Add(child);
        return child;
    }

    /// <summary>Reads a key whose only supported value is <paramref name="only"/> (or absent).</summary>
    public void MustBe(string key, bool only, string why)
    {
        if (Bool(key, only) != only) Problem(key, only ? "false" : "true", $"{(only ? "true" : "false")} ({why})");
    }

    /// <summary>Adds a problem at a key of this object.</summary>
    public void Problem(string key, string found, string supported, string? next = null) => _problems.Add(new Problem($"{_path}.{key}", found, supported, next));

    /// <summary>Counts keys as read that change nothing, for the reason given where they are listed.</summary>
    public void Ignore(params ReadOnlySpan<string> keys)
    {
        foreach (var key in keys) _read.Add(key);
    }

    /// <summary>The JSON paths of all keys that are there, are not null and were never read.</summary>
    public IEnumerable<string> Unread =>
        _object.EnumerateObject().Where(p => p.Value.ValueKind != JsonValueKind.Null && !_read.Contains(p.Name)).Select(p => $"{_path}.{p.Name}").Concat(_children.SelectMany(c => c.Unread));

    /// <summary>The problems found so far.</summary>
    public IReadOnlyList<Problem> Problems => _problems;

    /// <summary>Throws all problems found so far at once.</summary>
    /// <exception cref="UnsupportedCheckpointException">There was at least one.</exception>
    public void ThrowIfInvalid()
    {
        if (_problems.Count > 0) throw new UnsupportedCheckpointException($"reading {File}", _problems) { Key = _problems[0].Where };
    }

    private T Wrong<T>(string key, JsonElement v, string supported, T absent)
    {
        var text = v.GetRawText();
        Problem(key, text.Length > 80 ? text[..80] + "..." : text, supported);
        return absent;
    }
}
