using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace OnnxTransformers.Checkpoints;

/// <summary>A tensor of a safetensors file and where its bytes lie, from the start of the data.</summary>
internal readonly record struct SafetensorsEntry(TensorInfo Info, long Begin);

/// <summary>The JSON at the start of a safetensors file, validated before anything of it is used.</summary>
/// <remarks>Format: https://github.com/huggingface/safetensors#format. Parsing is one forward pass; what it keeps is proportional to the header.</remarks>
internal sealed class SafetensorsHeader
{
    /// <summary>The most bytes a header may have, as in the reference's implementation.</summary>
    internal const int MaxLength = 100_000_000;

    /// <summary>The most tensors of one file.</summary>
    internal const int MaxTensors = 1_000_000;

    private const int MaxRank = 64;
    private const int MaxName = 4096;
    private const int MaxProblems = 100;
    private const string Metadata = "__metadata__";
    private const string Again = "download the file again";
    private static readonly Dictionary<string, string> NoText = [];

    private readonly List<Problem> _problems = [];
    private readonly List<SafetensorsEntry> _entries = [];
    private readonly List<long> _dimensions = [];
    private Dictionary<string, string> _metadata = NoText;

    private SafetensorsHeader() { }

    internal static (Dictionary<string, SafetensorsEntry> Entries, Dictionary<string, string> Metadata) Parse(ReadOnlySpan<byte> json, long dataLength, string file)
    {
        var doing = $"reading the header of {file}";
        if (json.IsEmpty || json[0] != '{') throw new CorruptCheckpointException(doing, new Problem("$", "no JSON object", "a header that begins with {", Again));
        if (!Utf8.IsValid(json)) throw new CorruptCheckpointException(doing, new Problem("$", "bytes that are not UTF-8", Next: Again));
        var header = new SafetensorsHeader();
        try
        {
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 8 });
            header.ReadAll(ref reader);
        }
        catch (JsonException e)
        {
            throw new CorruptCheckpointException(doing, new Problem("$", Shown.Json(e), Next: Again), e);
        }
        catch (InvalidOperationException e)
        {
            // An escaped half of a surrogate pair is valid JSON but no text.
            throw new CorruptCheckpointException(doing, new Problem("$", "a text with half of a surrogate pair", Next: Again), e);
        }
        header.ThrowIfInvalid(doing);
        header.CheckLayout(dataLength);
        header.ThrowIfInvalid(doing);
        return (header.ByName(doing), header._metadata);
    }

    private void ReadAll(ref Utf8JsonReader reader)
    {
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName && _problems.Count < MaxProblems)
        {
            if (TooLong(ref reader)) continue;
            if (reader.ValueTextEquals(Metadata)) ReadMetadata(ref reader);
            else ReadTensor(ref reader);
        }
        // The rest, so that garbage after the object is found.
        if (_problems.Count < MaxProblems) reader.Read();
    }

    // A name that no tensor has is not worth a text of its size.
    private bool TooLong(ref Utf8JsonReader reader)
    {
        if (reader.ValueSpan.Length <= MaxName) return false;
        _problems.Add(new Problem("$", $"a name of {reader.ValueSpan.Length} bytes", $"{MaxName} at most"));
        reader.Read();
        reader.Skip();
        return true;
    }

    private void ReadMetadata(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (!ReferenceEquals(_metadata, NoText))
        {
            _problems.Add(new Problem(Metadata, "it is there twice"));
            reader.Skip();
            return;
        }
        _metadata = new(StringComparer.Ordinal);
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            _problems.Add(new Problem(Metadata, Kind(reader.TokenType), "an object of texts"));
            reader.Skip();
            return;
        }
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName && _problems.Count < MaxProblems)
        {
            if (TooLong(ref reader)) continue;
            var key = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.String)
            {
                _problems.Add(new Problem($"{Metadata}.{Shown.Clip(key)}", Kind(reader.TokenType), "a text"));
                reader.Skip();
            }
            else if (!_metadata.TryAdd(key, reader.GetString()!)) _problems.Add(new Problem($"{Metadata}.{Shown.Clip(key)}", "it is there twice"));
        }
    }

    private void ReadTensor(ref Utf8JsonReader reader)
    {
        var name = reader.GetString()!;
        var before = _problems.Count;
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            Wrong(name, Kind(reader.TokenType), "an object with dtype, shape and data_offsets");
            reader.Skip();
            return;
        }
        var type = ElementType.Undefined;
        var shape = default(ImmutableArray<long>);
        (long Begin, long End)? offsets = null;
        var seen = 0;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var field = reader.ValueTextEquals("dtype"u8) ? 1 : reader.ValueTextEquals("shape"u8) ? 2 : reader.ValueTextEquals("data_offsets"u8) ? 4 : 0;
            var key = field == 0 || (seen & field) != 0 ? Text(ref reader) : "";
            reader.Read();
            if (field == 0) Wrong(name, $"the key \"{Shown.Clip(key)}\"", "dtype, shape, data_offsets");
            else if ((seen & field) != 0) Wrong(name, $"{key} is there twice");
            if (field == 1) type = ReadType(ref reader, name);
            else if (field == 2) shape = ReadShape(ref reader, name);
            else if (field == 4) offsets = ReadOffsets(ref reader, name);
            else reader.Skip();
            seen |= field;
            if (_problems.Count >= MaxProblems) return;
        }
        if ((seen & 1) == 0) Wrong(name, "no dtype");
        if ((seen & 2) == 0) Wrong(name, "no shape");
        if ((seen & 4) == 0) Wrong(name, "no data_offsets");
        if (_problems.Count == before) Add(name, type, shape, offsets!.Value);
    }

    private void Add(string name, ElementType type, ImmutableArray<long> shape, (long Begin, long End) at)
    {
        long bits = type.Bits();
        try
        {
            foreach (var dimension in shape) bits = checked(bits * dimension);
        }
        catch (OverflowException)
        {
            Wrong(name, $"shape [{string.Join(", ", shape)}] has more elements than a file can hold");
            return;
        }
        if (bits % 8 != 0) Wrong(name, $"{bits} bits of data", "a whole number of bytes");
        else if (at.End < at.Begin) Wrong(name, $"data_offsets [{at.Begin}, {at.End}] end before they begin");
        else if (at.End - at.Begin != bits / 8)
            Wrong(name, $"{Shown.Bytes(at.End - at.Begin)} of data", $"{Shown.Bytes(bits / 8)} for {SafetensorsTypes.NameOf(type)} of shape [{string.Join(", ", shape)}]");
        else if (_entries.Count == MaxTensors) Wrong(name, $"more than {MaxTensors.ToString("N0", CultureInfo.InvariantCulture)} tensors in one file");
        else _entries.Add(new SafetensorsEntry(new TensorInfo(name, type, shape), at.Begin));
    }

    private ElementType ReadType(ref Utf8JsonReader reader, string name)
    {
        var type = reader.TokenType == JsonTokenType.String && !reader.ValueIsEscaped ? SafetensorsTypes.Find(reader.ValueSpan) : ElementType.Undefined;
        if (type == ElementType.Undefined)
            Wrong(name, reader.TokenType == JsonTokenType.String ? $"dtype \"{Shown.Clip(Text(ref reader))}\"" : $"dtype is {Kind(reader.TokenType)}", SafetensorsTypes.Names);
        reader.Skip();
        return type;
    }

    private ImmutableArray<long> ReadShape(ref Utf8JsonReader reader, string name)
    {
        if (!ReadNumbers(ref reader, name, "shape", MaxRank)) return [];
        return ImmutableArray.Create(CollectionsMarshal.AsSpan(_dimensions));
    }

    private (long, long)? ReadOffsets(ref Utf8JsonReader reader, string name)
    {
        if (!ReadNumbers(ref reader, name, "data_offsets", 2)) return null;
        if (_dimensions.Count == 2) return (_dimensions[0], _dimensions[1]);
        Wrong(name, $"data_offsets has {_dimensions.Count} entries", "2");
        return null;
    }

    // Fills _dimensions with a list of whole numbers from 0 to 2^63 - 1.
    private bool ReadNumbers(ref Utf8JsonReader reader, string name, string field, int most)
    {
        _dimensions.Clear();
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            Wrong(name, $"{field} is {Kind(reader.TokenType)}", "a list of whole numbers");
            reader.Skip();
            return false;
        }
        var good = true;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (!good) reader.Skip();
            else if (_dimensions.Count == most)
            {
                Wrong(name, $"{field} has more than {most} entries", $"{most} at most");
                good = false;
                reader.Skip();
            }
            else if (reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var value) && value >= 0) _dimensions.Add(value);
            else
            {
                var found = reader.TokenType == JsonTokenType.Number ? Shown.Clip(Encoding.UTF8.GetString(reader.ValueSpan[..Math.Min(reader.ValueSpan.Length, 200)])) : Kind(reader.TokenType);
                Wrong(name, $"{field} holds {found}", "whole numbers from 0 to 2^63 - 1");
                good = false;
                reader.Skip();
            }
        }
        return good;
    }

    // The data must be covered from its first byte to its last, each byte by one tensor: nothing hidden, nothing shared.
    private void CheckLayout(long dataLength)
    {
        var entries = CollectionsMarshal.AsSpan(_entries);
        if (!Ordered(entries)) entries.Sort(static (a, b) => a.Begin != b.Begin ? a.Begin.CompareTo(b.Begin) : a.Info.Bytes.CompareTo(b.Info.Bytes));
        long covered = 0;
        SafetensorsEntry? last = null;
        foreach (var entry in entries)
        {
            if (_problems.Count >= MaxProblems) return;
            var end = entry.Begin + entry.Info.Bytes;
            if (end > dataLength)
                Wrong(entry.Info.Name, $"it ends at byte {end} of the data, which has {dataLength}", Next: Again);
            else if (entry.Begin < covered)
                Wrong(entry.Info.Name, $"it begins at byte {entry.Begin} of the data, inside {Shown.Tensor(last!.Value.Info.Name)}, which ends at {covered}");
            else if (entry.Begin > covered)
                Wrong(entry.Info.Name, $"it begins at byte {entry.Begin} of the data, and nothing holds the bytes from {covered} on");
            if (end <= covered && last is not null) continue;
            (covered, last) = (end, entry);
        }
        if (_problems.Count == 0 && covered != dataLength) _problems.Add(new Problem("the data", $"{Shown.Bytes(dataLength - covered)} after the last tensor", "none"));
    }

    private static bool Ordered(ReadOnlySpan<SafetensorsEntry> entries)
    {
        for (var i = 1; i < entries.Length; i++)
            if (entries[i].Begin < entries[i - 1].Begin + entries[i - 1].Info.Bytes) return false;
        return true;
    }

    private Dictionary<string, SafetensorsEntry> ByName(string doing)
    {
        var byName = new Dictionary<string, SafetensorsEntry>(_entries.Count, StringComparer.Ordinal);
        foreach (var entry in _entries)
            if (!byName.TryAdd(entry.Info.Name, entry) && _problems.Count < MaxProblems) Wrong(entry.Info.Name, "it is there twice");
        ThrowIfInvalid(doing);
        return byName;
    }

    private void Wrong(string name, string found, string? supported = null, string? Next = null) => _problems.Add(new Problem(Shown.Tensor(name), found, supported, Next));

    private void ThrowIfInvalid(string doing)
    {
        if (_problems.Count > 0) throw new CorruptCheckpointException(doing, _problems);
    }

    private static string Text(ref Utf8JsonReader reader) => reader.ValueSpan.Length <= MaxName ? reader.GetString()! : $"a text of {reader.ValueSpan.Length} bytes";

    private static string Kind(JsonTokenType token) => token switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "a list",
        JsonTokenType.String => "a text",
        JsonTokenType.Number => "a number",
        JsonTokenType.Null => "null",
        _ => "a boolean",
    };
}
