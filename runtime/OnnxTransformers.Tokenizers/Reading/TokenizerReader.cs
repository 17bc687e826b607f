using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Unicode;

namespace OnnxTransformers.Tokenizers;

/// <summary>Reads a tokenizer.json. Large parts (vocabulary, merges) are read from the bytes as they stand, the small ones as a tree.</summary>
internal static partial class TokenizerReader
{
    private static readonly string[] RootKeys = ["version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder", "model"];

    internal sealed record Result(Tokenizer.Parts Parts, JsonPlace? Truncation, JsonPlace? Padding);

    /// <summary>Reads a file; with a configuration, as the class named there changes it.</summary>
    internal static Result Read(byte[] json, string file, TokenizerConfig? config = null, bool encodeSpecialTokens = false, bool target = false)
    {
        if (!Utf8.IsValid(json)) throw new CorruptCheckpointException($"reading {file}", new Problem("$", "bytes that are no UTF-8", "UTF-8"));
        try
        {
            return ReadValid(json, file, config, encodeSpecialTokens, target);
        }
        catch (InvalidOperationException e)
        {
            // System.Text.Json's way to say that an escaped text holds half a surrogate pair.
            throw new CorruptCheckpointException($"reading {file}", new Problem("$", $"text that is not whole characters ({e.Message})"), e);
        }
    }

    private static Result ReadValid(byte[] json, string file, TokenizerConfig? config, bool encodeSpecialTokens, bool target)
    {
        var tree = new Dictionary<string, JsonPlace>(StringComparer.Ordinal);
        ModelReader? modelReader = null;
        try
        {
            var reader = new Utf8JsonReader(Body(json), new JsonReaderOptions { MaxDepth = 64 });
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) throw new CorruptCheckpointException($"reading {file}", new Problem("$", "no JSON object", "an object"));
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var key = reader.GetString()!;
                reader.Read();
                if (key == "model" && reader.TokenType == JsonTokenType.StartObject) modelReader = new ModelReader(ref reader, json, file);
                else tree[key] = new(JsonElement.ParseValue(ref reader), file, $"$.{key}");
            }
            if (reader.Read()) throw new CorruptCheckpointException($"reading {file}", new Problem("$", "something after the object", "one object"));
        }
        catch (JsonException e)
        {
            throw new CorruptCheckpointException($"reading {file}", new Problem(e.Path ?? "$", $"not valid JSON ({e.Message})"), e);
        }
        foreach (var (key, node) in tree)
            if (!RootKeys.Contains(key)) throw node.Unsupported("a key that nothing here knows", string.Join(", ", RootKeys));
        if (tree.TryGetValue("version", out var version) && !version.IsNull && version.Text() != "1.0") throw version.Unsupported($"version \"{version.Text()}\"", "1.0");
        if (modelReader is null) throw new CorruptCheckpointException($"reading {file}", new Problem("$.model", "no model", "an object with a model"));
        JsonPlace? At(string key)
        {
            var node = tree.TryGetValue(key, out var found) && !found.IsNull ? found : (JsonPlace?)null;
            if (config is null || node is not null && node.Value.Value.ValueKind != JsonValueKind.Object) return node;
            var before = node is { } n ? JsonObject.Create(n.Value) : null;
            return config.Class.Rewrite(key, before, config) is { } after ? new(JsonSerializer.SerializeToElement(after, JsonContext.Default.JsonObject), file, $"$.{key}") : null;
        }
        var model = modelReader.Build();
        var normalizer = At("normalizer") is { } n ? ReadNormalizer(n) : null;
        var preTokenizer = At("pre_tokenizer") is { } p ? ReadPreTokenizer(p) : null;
        UseBytes(preTokenizer, model);
        var added = new AddedVocabulary { EncodeSpecialTokens = encodeSpecialTokens };
        if (At("added_tokens") is { } a) added.Add([.. a.Items().Select(ReadAddedToken)], model);
        if (config is not null)
        {
            added.Add([.. config.ToAdd(added.Ids.Keys.ToHashSet())], model);
        }
        added.Build(normalizer);
        var frame = config?.Class.Frame?.Invoke(config, target).Resolve(new(config, added, model, null));
        var parts = new Tokenizer.Parts(model)
        {
            Normalizer = normalizer,
            PreTokenizer = preTokenizer,
            PostProcessor = frame ?? (At("post_processor") is { } post ? ReadPostProcessor(post) : null),
            Decoder = At("decoder") is { } d ? ReadDecoder(d) : null,
            Added = added,
        };
        return new(parts, At("truncation"), At("padding"));
    }

    private static ReadOnlySpan<byte> Body(byte[] json) => json.AsSpan().StartsWith("\uFEFF"u8) ? json.AsSpan(3) : json;

    /// <summary>Lets a byte-level model look at the bytes by itself, where its pre-tokenizer's last step would only have written them out.</summary>
    internal static void UseBytes(PreTokenizer? preTokenizer, Model model)
    {
        var last = preTokenizer is PreTokenizerSequence sequence ? sequence.Steps.LastOrDefault() : preTokenizer;
        if (last is ByteLevelPreTokenizer { Expands: true } bytes && model is BytePairModel bpe && bpe.UseBytes()) bytes.Expands = false;
    }

    private static AddedToken ReadAddedToken(JsonPlace node)
    {
        node.Count("id");
        return new(node.Text("content"), node.Bool("single_word"), node.Bool("lstrip"), node.Bool("rstrip"), node.Bool("normalized"), node.Bool("special"));
    }
}

/// <summary>Serialization without reflection.</summary>
[JsonSerializable(typeof(JsonObject))]
internal sealed partial class JsonContext : JsonSerializerContext;
