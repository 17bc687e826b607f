using System.Text.Json;
using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Tokenizers;

/// <summary>Whole tokenizers against the Rust library and against transformers.</summary>
[Parallelizable(ParallelScope.All)]
public class GoldenTests
{
    private static IEnumerable<string> Names => Fixtures.Of("tokenization", n => n is not ("batch" or "components" or "slow"));

    private static IEnumerable<string> Batches => Names.Where(n => Fixtures.TryFind($"tokenization/batch/{Path.GetFileName(n)}.transformers.jsonl.gz") is not null);

    internal static void Check(Reference reference, Tokenizer tokenizer, JsonElement row)
    {
        var special = !row.TryGetProperty("add_special_tokens", out var flag) || flag.GetBoolean();
        var options = new EncodeOptions { AddSpecialTokens = special };
        var encoding = Reference.Texts(row, "words") is { } words
            ? tokenizer.EncodeWords(words, Reference.Texts(row, "pair_words"), options)
            : tokenizer.Encode(row.GetProperty("text").GetString()!, row.TryGetProperty("pair", out var pair) ? pair.GetString() : null, options);
        reference.Check(row, "ids", () => encoding.Ids);
        reference.Check(row, "offsets", () => Reference.Pairs(encoding.CodePointOffsets()));
        reference.Check(row, "type_ids", () => encoding.TypeIds);
        reference.Check(row, "special_tokens_mask", () => encoding.SpecialTokensMask);
        reference.Check(row, "tokens", () => encoding.Tokens);
        reference.Check(row, "word_ids", () => Reference.OrNull(encoding.WordIds));
        reference.Check(row, "sequence_ids", () => Reference.OrNull(encoding.SequenceIds));
        reference.Check(row, "decoded", () => tokenizer.Decode(encoding.Ids.AsSpan()));
        reference.Check(row, "decoded_skip_special", () => tokenizer.Decode(encoding.Ids.AsSpan(), skipSpecialTokens: true));
    }

    [TestCaseSource(nameof(Names))]
    public void Encodes_as_the_Rust_library(string name)
    {
        var folder = Fixtures.Find(name);
        var tokenizer = new Tokenizer(TokenizerReader.Read(Reference.Bytes(Path.Combine(folder, "tokenizer.json")), "tokenizer.json").Parts);
        var reference = new Reference(name);
        foreach (var row in Reference.Lines(Path.Combine(folder, "golden.jsonl.gz"))) Check(reference, tokenizer, row);
        reference.Assert();
    }

    [TestCaseSource(nameof(Names))]
    public void Decodes_as_the_Rust_library(string name)
    {
        var folder = Fixtures.Find(name);
        var tokenizer = new Tokenizer(TokenizerReader.Read(Reference.Bytes(Path.Combine(folder, "tokenizer.json")), "tokenizer.json").Parts);
        var reference = new Reference(name);
        foreach (var row in Reference.Lines(Path.Combine(folder, "decode.jsonl.gz")))
        {
            int[] ids = [.. row.GetProperty("ids").EnumerateArray().Select(i => i.GetInt32())];
            reference.Check(row, "decoded", () => tokenizer.Decode(ids));
            reference.Check(row, "decoded_skip_special", () => tokenizer.Decode(ids, skipSpecialTokens: true));
            reference.Check(row, "stream", () => Stream(tokenizer, ids, skip: false));
            reference.Check(row, "stream_skip_special", () => Stream(tokenizer, ids, skip: true));
        }
        reference.Assert();
    }

    private static JsonElement Stream(Tokenizer tokenizer, int[] ids, bool skip) =>
        Answer(tokenizer, JsonSerializer.SerializeToElement(new { ids, skip_special_tokens = skip, stream = true })).GetProperty("pieces");

    private static JsonElement Answer(Tokenizer tokenizer, JsonElement line)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream)) TokenizeLines.Answer(tokenizer, line, writer);
        return JsonDocument.Parse(stream.ToArray()).RootElement;
    }

    [TestCaseSource(nameof(Names))]
    public void Loads_folders_as_AutoTokenizer(string name)
    {
        var folder = Fixtures.Find(name);
        if (!File.Exists(Path.Combine(folder, "auto.jsonl.gz")))
        {
            using var refused = Reference.Unpack(folder);
            Assert.That(() => Tokenizer.Load(refused.FullName), Throws.TypeOf<UnsupportedCheckpointException>(), "the reference refuses this class");
            return;
        }
        using var scratch = Reference.Unpack(folder);
        var tokenizer = Tokenizer.Load(scratch.FullName);
        var reference = new Reference(name);
        foreach (var row in Reference.Lines(Path.Combine(folder, "auto.jsonl.gz")))
        {
            var call = row.GetProperty("kwargs").EnumerateObject().ToDictionary(p => p.Name, p => p.Value);
            call["text"] = row.GetProperty("text");
            if (row.TryGetProperty("pair", out var pair)) call["pair"] = pair;
            var encoded = Answer(tokenizer, JsonSerializer.SerializeToElement(call));
            int[] ids = [.. encoded.GetProperty("ids").EnumerateArray().Select(i => i.GetInt32())];
            reference.Check(row, "input_ids", () => ids);
            reference.Check(row, "attention_mask", () => encoded.GetProperty("attention_mask"));
            reference.Check(row, "token_type_ids", () => encoded.GetProperty("type_ids"));
            reference.Check(row, "decoded", () => tokenizer.Decode(ids));
            reference.Check(row, "decoded_skip_special", () => tokenizer.Decode(ids, skipSpecialTokens: true));
            reference.Check(row, "decoded_no_cleanup", () => tokenizer.Decode(ids, skipSpecialTokens: true, cleanUpTokenizationSpaces: false));
            reference.Check(row, "decoded_cleanup", () => tokenizer.Decode(ids, skipSpecialTokens: true, cleanUpTokenizationSpaces: true));
        }
        reference.Assert();
    }

    [TestCaseSource(nameof(Batches))]
    public void Answers_batches_as_transformers(string name)
    {
        using var scratch = Reference.Unpack(Fixtures.Find(name));
        var tokenizer = Tokenizer.Load(scratch.FullName);
        var reference = new Reference(name);
        foreach (var row in Reference.Lines(Fixtures.Find($"tokenization/batch/{Path.GetFileName(name)}.transformers.jsonl.gz")))
        {
            var arguments = row.GetProperty("arguments").EnumerateObject().ToDictionary(p => p.Name, p => p.Value);
            if (row.TryGetProperty("pad_token", out var pad)) arguments["pad_token"] = pad;
            var line = JsonSerializer.SerializeToElement(new { texts = row.GetProperty("texts"), pairs = row.TryGetProperty("pairs", out var pairs) ? pairs : default(JsonElement?), arguments });
            if (row.TryGetProperty("error", out _))
            {
                Assert.That(() => Answer(tokenizer, line), Throws.TypeOf<InvalidInputException>(), row.GetRawText());
                continue;
            }
            var got = Answer(tokenizer, line);
            foreach (var output in row.GetProperty("outputs").EnumerateObject()) reference.Check(row.GetProperty("outputs"), output.Name, () => got.GetProperty(output.Name));
        }
        reference.Assert();
    }

    [TestCaseSource(nameof(Batches))]
    public void Truncates_and_pads_as_the_Rust_library(string name)
    {
        var folder = Fixtures.Find(name);
        var tokenizer = new Tokenizer(TokenizerReader.Read(Reference.Bytes(Path.Combine(folder, "tokenizer.json")), "tokenizer.json").Parts);
        var reference = new Reference(name);
        foreach (var row in Reference.Lines(Fixtures.Find($"tokenization/batch/{Path.GetFileName(name)}.tokenizers.jsonl.gz")))
        {
            var inputs = row.GetProperty("inputs").EnumerateArray().Select(i => i.ValueKind == JsonValueKind.Array ? [.. i.EnumerateArray().Select(t => t.GetString()!)] : (string[])[i.GetString()!]).ToArray();
            var options = new EncodeOptions { AddSpecialTokens = row.GetProperty("add_special_tokens").GetBoolean(), Truncation = TruncationOf(row), Padding = PaddingOf(row) };
            var pairs = inputs.All(i => i.Length == 2) ? inputs.Select(i => i[1]).ToArray() : null;
            if (pairs is null && inputs.Any(i => i.Length == 2)) continue;
            if (row.TryGetProperty("error", out _))
            {
                Assert.That(() => tokenizer.EncodeBatch([.. inputs.Select(i => i[0])], pairs, options), Throws.TypeOf<InvalidInputException>(), row.GetRawText());
                continue;
            }
            var encodings = tokenizer.EncodeBatch([.. inputs.Select(i => i[0])], pairs, options);
            foreach (var (encoding, output) in encodings.Zip(row.GetProperty("outputs").EnumerateArray())) CheckPadded(reference, encoding, output);
        }
        reference.Assert();
    }

    private static void CheckPadded(Reference reference, Encoding encoding, JsonElement output)
    {
        reference.Check(output, "ids", () => encoding.Ids);
        reference.Check(output, "offsets", () => Reference.Pairs(encoding.CodePointOffsets()));
        reference.Check(output, "type_ids", () => encoding.TypeIds);
        reference.Check(output, "tokens", () => encoding.Tokens);
        reference.Check(output, "attention_mask", () => encoding.AttentionMask);
        reference.Check(output, "special_tokens_mask", () => encoding.SpecialTokensMask);
        if (!output.TryGetProperty("overflowing", out var overflowing) || overflowing.ValueKind != JsonValueKind.Array) return;
        Assert.That(encoding.Overflowing, Has.Length.EqualTo(overflowing.GetArrayLength()), output.GetRawText());
        foreach (var (more, part) in encoding.Overflowing.Zip(overflowing.EnumerateArray())) CheckPadded(reference, more, part);
    }

    private static Side SideOf(JsonElement node) => node.GetProperty("direction").GetString() == "left" ? Side.Left : Side.Right;

    private static Truncation? TruncationOf(JsonElement row) => !row.TryGetProperty("truncation", out var t) || t.ValueKind != JsonValueKind.Object ? null
        : new(t.GetProperty("max_length").GetInt32())
        {
            Stride = t.GetProperty("stride").GetInt32(),
            Direction = SideOf(t),
            Strategy = t.GetProperty("strategy").GetString() switch { "only_first" => TruncationStrategy.OnlyFirst, "only_second" => TruncationStrategy.OnlySecond, _ => TruncationStrategy.LongestFirst },
        };

    private static Padding? PaddingOf(JsonElement row)
    {
        if (!row.TryGetProperty("padding", out var p) || p.ValueKind != JsonValueKind.Object) return null;
        static int? Number(JsonElement e) => e.ValueKind == JsonValueKind.Number ? e.GetInt32() : null;
        return new()
        {
            Length = Number(p.GetProperty("length")),
            ToMultipleOf = Number(p.GetProperty("pad_to_multiple_of")),
            Direction = SideOf(p),
            Id = p.GetProperty("pad_id").GetInt32(),
            TypeId = p.GetProperty("pad_type_id").GetInt32(),
            Token = p.GetProperty("pad_token").GetString(),
        };
    }
}
