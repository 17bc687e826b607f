using System.Text;
using System.Text.Json;
using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Tokenizers;

/// <summary>Every component by itself, and small tokenizers for models, post-processors and added tokens.</summary>
[Parallelizable(ParallelScope.All)]
public class ComponentTests
{
    private static IEnumerable<string> Files(string kind)
    {
        var folder = Fixtures.TryFind("tokenization/components");
        return folder is null ? [] : Directory.EnumerateFiles(folder, kind + ".*").Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal);
    }

    private static IEnumerable<string> Normalizers => Files("normalizer");

    private static IEnumerable<string> PreTokenizers => Files("pre_tokenizer");

    private static IEnumerable<string> Decoders => Files("decoder");

    private static IEnumerable<string> Tokenizers => Files("tokenizer");

    private static JsonElement Read(string file) => JsonDocument.Parse(Reference.Bytes(Path.Combine(Fixtures.Find("tokenization/components"), file))).RootElement;

    private static IEnumerable<(JsonPlace Json, JsonElement Case)> Cases(string file)
    {
        foreach (var entry in Read(file).EnumerateArray())
        {
            var json = entry.GetProperty("json");
            // The random texts share a character map with another file.
            if (json.TryGetProperty("precompiled_charsmap", out var map) && map.GetString()!.StartsWith('<')) json = Read("normalizer.Precompiled.nmt_nfkc.json.gz")[0].GetProperty("json");
            foreach (var row in entry.GetProperty("cases").EnumerateArray()) yield return (new(json, file, "$"), row);
        }
    }

    private static Offset[] ToPoints(string text, IEnumerable<Offset> offsets)
    {
        Offset[] places = [.. offsets];
        new CodePointCounter(text).Convert(places);
        return places;
    }

    [TestCaseSource(nameof(Normalizers))]
    public void Normalizes(string file)
    {
        var reference = new Reference(file);
        foreach (var (json, row) in Cases(file))
        {
            if (row.TryGetProperty("error", out _)) continue;
            var text = row.GetProperty("text").GetString()!;
            var pair = new TextPair();
            pair.Current.Load(text, 0);
            TokenizerReader.ReadNormalizer(json).Normalize(pair);
            var normalized = pair.Current;
            reference.Check(row, "normalized", () => normalized.Span.ToString());
            reference.Check(row, "char_offsets", () =>
            {
                var offsets = new List<Offset>();
                for (var i = 0; i < normalized.Length;)
                {
                    normalized.CodePointAt(i, out var units);
                    offsets.Add(new(normalized.StartOf(i), normalized.EndOf(i + units - 1)));
                    i += units;
                }
                return Reference.Pairs(ToPoints(text, offsets));
            });
        }
        reference.Assert();
    }

    [TestCaseSource(nameof(PreTokenizers))]
    public void Splits(string file)
    {
        var reference = new Reference(file);
        foreach (var (json, row) in Cases(file))
        {
            var text = row.GetProperty("text").GetString()!;
            // An empty text has no pieces here; alone, without a step that splits, the reference keeps an empty one.
            if (row.TryGetProperty("error", out _) || text.Length == 0) continue;
            var work = new Workspace();
            work.Text.Current.Load(text, 0);
            work.TakeNormalized();
            work.Pieces.Add(new(0, text.Length, -1));
            TokenizerReader.ReadPreTokenizer(json).Split(work);
            var offsets = ToPoints(text, work.Pieces.Select(p => new Offset(work.Main.StartOf(p.Start), work.Main.EndOf(p.End - 1))));
            reference.Check(row, "pieces", () => work.Pieces.Select((p, i) => new object[] { work.Main.Span[p.Start..p.End].ToString(), new[] { offsets[i].Start, offsets[i].End } }));
        }
        reference.Assert();
    }

    [TestCaseSource(nameof(Decoders))]
    public void Decodes(string file)
    {
        var reference = new Reference(file);
        foreach (var (json, row) in Cases(file))
        {
            if (row.TryGetProperty("error", out _) || row.TryGetProperty("decoded", out var decoded) && decoded.ValueKind == JsonValueKind.Object) continue;
            reference.Check(row, "decoded", () =>
            {
                List<string> tokens = [.. Reference.Texts(row, "tokens")!];
                TokenizerReader.ReadDecoder(json).Decode(tokens);
                return string.Concat(tokens);
            });
        }
        reference.Assert();
    }

    [TestCaseSource(nameof(Tokenizers))]
    public void Tokenizes(string file)
    {
        var reference = new Reference(file);
        var root = Read(file);
        var json = System.Text.Encoding.UTF8.GetBytes(root.GetProperty("tokenizer").GetRawText());
        Tokenizer Make(bool encodeSpecial) => new(TokenizerReader.Read(json, file, encodeSpecialTokens: encodeSpecial).Parts);
        var (plain, encoding) = (Make(false), Make(true));
        foreach (var row in root.GetProperty("cases").EnumerateArray())
        {
            if (row.TryGetProperty("error", out _)) continue;
            GoldenTests.Check(reference, row.TryGetProperty("encode_special_tokens", out var special) && special.GetBoolean() ? encoding : plain, row);
        }
        reference.Assert();
    }

    /// <summary>The hand-written scanners against the general engine, over random texts of what they distinguish.</summary>
    [Test]
    public void Scanners_equal_their_expressions()
    {
        string[] alphabet = ["'", "s", "S", "ſ", "t", "re", "LL", "d", "a", "B", "é", "É", "ǅ", "ʰ", "中", "\u0301", "1", "²", "Ⅳ", " ", "  ", "\t", "\n", "\r", "\u00A0", "\u3000", "!", ".", "/", "_", "😀", "𝐀", "𝟏", "\u200D"];
        var random = new Random(5);
        foreach (var (expression, known) in WordScanner.Known)
        {
            var (scanner, engine) = (new WordScanner(known, SplitBehavior.Isolated), new PatternCutter(Pattern.OfRegex(expression), SplitBehavior.Isolated, invert: false));
            for (var i = 0; i < 20_000; i++)
            {
                var text = new StringBuilder();
                for (var n = random.Next(1, 12); n > 0; n--) text.Append(alphabet[random.Next(alphabet.Length)]);
                Assert.That(Cut(scanner, text.ToString()), Is.EqualTo(Cut(engine, text.ToString())), $"{known}: {text}");
            }
        }

        static List<Piece> Cut(PreTokenizer cutter, string text)
        {
            var work = new Workspace();
            work.Text.Current.Load(text, 0);
            work.TakeNormalized();
            work.Pieces.Add(new(0, text.Length, -1));
            cutter.Split(work);
            return work.Pieces;
        }
    }
}
