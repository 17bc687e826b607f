using System.Runtime.InteropServices;
using System.Text.Json;

namespace OnnxTransformers.Tokenizers;

/// <summary>Reads the model of a tokenizer.json: its vocabulary straight from the bytes, its merges after it, wherever they stand.</summary>
internal sealed class ModelReader
{
    private static readonly string[] Types = ["BPE", "Unigram", "WordLevel", "WordPiece"];
    private static readonly string[] Known =
        ["type", "dropout", "unk_token", "unk_id", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges", "max_input_chars_per_word", "vocab", "merges"];

    private readonly byte[] _json;
    private readonly string _file;
    private readonly Dictionary<string, JsonPlace> _fields = new(StringComparer.Ordinal);
    private readonly Vocabulary _vocabulary = new();
    private readonly List<double> _scores = [];
    private readonly Range? _merges;
    private bool _hasVocabulary, _isList;
    private byte[] _buffer = new byte[256];
    private byte[] _left = [];

    /// <summary>Reads the object that the reader stands at the beginning of.</summary>
    internal ModelReader(ref Utf8JsonReader reader, byte[] json, string file)
    {
        (_json, _file) = (json, file);
        var skipped = json.AsSpan().StartsWith("\uFEFF"u8) ? 3 : 0;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var key = reader.GetString()!;
            reader.Read();
            if (key == "vocab" && reader.TokenType == JsonTokenType.StartObject) ReadObject(ref reader);
            else if (key == "vocab" && reader.TokenType == JsonTokenType.StartArray) ReadList(ref reader);
            else if (key == "merges" && reader.TokenType == JsonTokenType.StartArray)
            {
                var start = (int)reader.TokenStartIndex + skipped;
                reader.Skip();
                _merges = start..((int)reader.BytesConsumed + skipped);
            }
            else _fields[key] = new(JsonElement.ParseValue(ref reader), file, $"$.model.{key}");
        }
    }

    private CorruptCheckpointException Corrupt(string path, string found, string? supported = null) => new($"reading {_file}", new Problem($"$.model{path}", found, supported));

    private ReadOnlySpan<byte> Text(scoped ref Utf8JsonReader reader)
    {
        if (!reader.ValueIsEscaped) return reader.ValueSpan;
        if (_buffer.Length < reader.ValueSpan.Length) _buffer = new byte[reader.ValueSpan.Length * 2];
        return _buffer.AsSpan(0, reader.CopyString(_buffer));
    }

    private void ReadObject(ref Utf8JsonReader reader)
    {
        _hasVocabulary = true;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var token = Text(ref reader);
            var escaped = reader.ValueIsEscaped;
            var name = reader.ValueSpan;
            if (escaped) name = token;
            reader.Read();
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out var id) || id < 0)
                throw Corrupt(".vocab", $"\"{Vocabulary.Encoding8.GetString(name)}\" has no id", "a whole number of at least 0 for every token");
            _vocabulary.Add(name, id);
        }
        if (_vocabulary.MaxId > 8L * _vocabulary.Entries + 1_000_000)
            throw Corrupt(".vocab", $"{_vocabulary.Entries} tokens and an id of {_vocabulary.MaxId}", "ids that are not far beyond the number of tokens");
    }

    private void ReadList(ref Utf8JsonReader reader)
    {
        (_hasVocabulary, _isList) = (true, true);
        while (reader.Read() && reader.TokenType == JsonTokenType.StartArray)
        {
            var path = $".vocab[{_vocabulary.Entries}]";
            if (!reader.Read() || reader.TokenType != JsonTokenType.String) throw Corrupt(path, "no token", "a list of a token and its score");
            _vocabulary.Add(Text(ref reader), _vocabulary.Entries);
            if (!reader.Read() || reader.TokenType != JsonTokenType.Number || !reader.TryGetDouble(out var score)) throw Corrupt(path, "no score", "a list of a token and its score");
            _scores.Add(score);
            if (!reader.Read() || reader.TokenType != JsonTokenType.EndArray) throw Corrupt(path, "more than a token and a score", "a list of a token and its score");
        }
        if (reader.TokenType != JsonTokenType.EndArray) throw Corrupt(".vocab", "an entry that is no list", "lists of a token and its score");
    }

    internal Model Build()
    {
        foreach (var (key, node) in _fields)
            if (!Known.Contains(key)) throw node.Unsupported("a key that nothing here knows", string.Join(", ", Known));
        if (!_hasVocabulary) throw Corrupt(".vocab", _fields.TryGetValue("vocab", out var wrong) ? wrong.Value.ValueKind.ToString() : "nothing", "an object or a list");
        var type = _fields.TryGetValue("type", out var named) ? named.Text() : Guess();
        if (!Types.Contains(type)) throw named.Unsupported($"the model \"{type}\"", string.Join(", ", Types));
        if (_isList != (type == "Unigram")) throw Corrupt(".vocab", _isList ? "a list" : "an object", type == "Unigram" ? "a list of tokens and scores" : "an object of tokens and ids");
        _vocabulary.Freeze();
        return type switch
        {
            "BPE" => BuildBpe(),
            "WordPiece" => new WordPiece(_vocabulary, Optional("unk_token") ?? "[UNK]", Optional("continuing_subword_prefix") ?? "##", Field("max_input_chars_per_word")?.Count() ?? 100),
            "WordLevel" => new WordLevel(_vocabulary, Optional("unk_token") ?? "<unk>"),
            _ => BuildUnigram(),
        };
    }

    private string Guess() => _isList ? "Unigram" : _merges is not null ? "BPE" : _fields.ContainsKey("continuing_subword_prefix") ? "WordPiece" : "WordLevel";

    private JsonPlace? Field(string key) => _fields.TryGetValue(key, out var node) && !node.IsNull ? node : null;

    private string? Optional(string key) => Field(key)?.Text();

    private bool Flag(string key) => Field(key)?.Bool() ?? false;

    private Unigram BuildUnigram()
    {
        var unknown = Field("unk_id")?.Count() ?? -1;
        if (unknown >= _vocabulary.Entries) throw Corrupt(".unk_id", $"{unknown}", $"less than the {_vocabulary.Entries} tokens");
        return new(_vocabulary, [.. _scores], unknown, Flag("byte_fallback"));
    }

    private BytePairModel BuildBpe()
    {
        if (Field("dropout") is { } dropout)
        {
            var p = dropout.Number();
            if (p is < 0 or > 1) throw dropout.Wrong("a number from 0 to 1");
            if (p > 0) throw dropout.Unsupported($"a dropout of {dropout.Value.GetRawText()}, which makes every run different", "null or 0");
        }
        var settings = new BytePairModel.Settings(Optional("unk_token"), Optional("continuing_subword_prefix") ?? "", Optional("end_of_word_suffix") ?? "",
            Flag("fuse_unk"), Flag("byte_fallback"), Flag("ignore_merges"));
        if (_merges is not { } range) throw Corrupt(".merges", "nothing", "a list");
        var merges = ReadMerges(_json.AsSpan(range), Vocabulary.Encoding8.GetByteCount(settings.Prefix), settings.ByteFallback, out var mergesFallback);
        return new(_vocabulary, merges, settings, mergesFallback);
    }

    private MergeTable ReadMerges(ReadOnlySpan<byte> json, int prefix, bool byteFallback, out bool mergesFallback)
    {
        var fallback = new bool[_vocabulary.MaxId + 1];
        if (byteFallback)
            for (var b = 0; b < 256; b++)
                if (_vocabulary.Find($"<0x{b:X2}>") is var id and >= 0) fallback[id] = true;
        mergesFallback = false;
        var distinct = _vocabulary.Count == _vocabulary.Entries;
        // Read first, put into the table afterwards: then its size is known, and the memory is waited for once for many merges.
        var merges = new List<Merge>(_vocabulary.Entries);
        var reader = new Utf8JsonReader(json);
        reader.Read();
        for (var merged = -1; reader.Read() && reader.TokenType != JsonTokenType.EndArray;)
        {
            var (left, right) = Pair(ref reader, merges.Count);
            var state = Vocabulary.Continue(Vocabulary.Seed, left);
            var (leftId, rightId) = (_vocabulary.Find(state, left, default), _vocabulary.Find(right));
            if (leftId < 0 || rightId < 0) throw Missing(merges.Count, leftId < 0 ? left : right);
            if (right.Length < prefix) throw Missing(merges.Count, right);
            var rest = right[prefix..];
            // Merges stand in the order of what they make, nearly always.
            if (!distinct || !_vocabulary.Is(merged, left, rest) && !_vocabulary.Is(++merged, left, rest)) merged = _vocabulary.Find(Vocabulary.Continue(state, rest), left, rest);
            if (merged < 0) throw Missing(merges.Count, [.. left, .. rest]);
            merges.Add(new(leftId, rightId, merged));
            mergesFallback |= fallback[leftId] || fallback[rightId];
        }
        return new(CollectionsMarshal.AsSpan(merges));
    }

    /// <summary>The two tokens of a merge, "a b" or ["a", "b"].</summary>
    private Halves Pair(ref Utf8JsonReader reader, int rank)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            var line = Text(ref reader);
            var space = line.IndexOf((byte)' ');
            if (space < 0 || line[(space + 1)..].Contains((byte)' ')) throw Corrupt($".merges[{rank}]", $"\"{Vocabulary.Encoding8.GetString(line)}\"", "two tokens with a space between them");
            return new(line[..space], line[(space + 1)..]);
        }
        if (reader.TokenType != JsonTokenType.StartArray || !reader.Read() || reader.TokenType != JsonTokenType.String) throw Wrong(rank);
        var left = Text(ref reader);
        if (reader.ValueIsEscaped)
        {
            if (_left.Length < left.Length) _left = new byte[left.Length * 2];
            left.CopyTo(_left);
            left = _left.AsSpan(0, left.Length);
        }
        if (!reader.Read() || reader.TokenType != JsonTokenType.String) throw Wrong(rank);
        var right = Text(ref reader);
        if (!reader.Read() || reader.TokenType != JsonTokenType.EndArray) throw Wrong(rank);
        return new(left, right);
    }

    private readonly ref struct Halves(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        private readonly ReadOnlySpan<byte> _left = left;
        private readonly ReadOnlySpan<byte> _right = right;

        internal void Deconstruct(out ReadOnlySpan<byte> left, out ReadOnlySpan<byte> right)
        {
            left = _left;
            right = _right;
        }
    }

    private CorruptCheckpointException Wrong(int rank) => Corrupt($".merges[{rank}]", "neither a text nor a list of two texts", "\"a b\" or [\"a\", \"b\"]");

    private CorruptCheckpointException Missing(int rank, ReadOnlySpan<byte> token) =>
        Corrupt($".merges[{rank}]", $"the token \"{Vocabulary.Encoding8.GetString(token)}\", which the vocabulary does not have", "merges of tokens into a token");
}
