using NUnit.Framework;

namespace OnnxTransformers.Tokenizers;

/// <summary>Files that can't be read say why and where.</summary>
public class RefusalTests
{
    private const string Model = """{"type":"WordLevel","vocab":{"a":0,"<unk>":1},"unk_token":"<unk>"}""";

    private static IEnumerable<TestCaseData> Files()
    {
        yield return Row("""{"model":{"type":"Foo","vocab":{}}}""", "reading tokenizer.json: $.model.type: the model \"Foo\"; supported: BPE, Unigram, WordLevel, WordPiece");
        yield return Row($$"""{"normalizer":{"type":"Foo"},"model":{{Model}}}""",
            "reading tokenizer.json: $.normalizer.type: the normalizer \"Foo\"; supported: BertNormalizer, ByteLevel, Lowercase, NFC, NFD, NFKC, NFKD, Nmt, Precompiled, Prepend, Replace, Sequence, Strip, StripAccents");
        yield return Row($$"""{"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},{"type":"Metaspace"}]},"model":{{Model}}}""",
            "reading tokenizer.json: $.pre_tokenizer.pretokenizers[1]: no \"replacement\"; supported: an object with \"replacement\"");
        yield return Row($$"""{"decoder":{"type":"Fuse","speed":2},"model":{{Model}}}""", "reading tokenizer.json: $.decoder.speed: a key that nothing here knows; supported: type");
        yield return Row($$"""{"pre_tokenizer":{"type":"Split","pattern":{"Regex":"(?s)a"},"behavior":"Isolated","invert":false},"model":{{Model}}}""",
            "reading tokenizer.json: $.pre_tokenizer.pattern.Regex: a regular expression with the option \"s\", which Oniguruma does not have at character 3: (?s)a; supported: regular expressions as Oniguruma reads them");
        yield return Row("""{"model":{"type":"BPE","vocab":{"a":0},"merges":["a b"]}}""",
            "reading tokenizer.json: $.model.merges[0]: the token \"b\", which the vocabulary does not have; supported: merges of tokens into a token");
        yield return Row("""{"model":{"type":"BPE","dropout":0.1,"vocab":{"a":0},"merges":[]}}""", "reading tokenizer.json: $.model.dropout: a dropout of 0.1, which makes every run different; supported: null or 0");
        yield return Row("""{"model":{"type":"WordLevel","vocab":{"a":-1}}}""", "reading tokenizer.json: $.model.vocab: \"a\" has no id; supported: a whole number of at least 0 for every token");
        yield return Row("""{"version":"2.0","model":{"type":"WordLevel","vocab":{}}}""", "reading tokenizer.json: $.version: version \"2.0\"; supported: 1.0");
        yield return Row("{}", "reading tokenizer.json: $.model: no model; supported: an object with a model");
        yield return Row("[]", "reading tokenizer.json: $: no JSON object; supported: an object");

        static TestCaseData Row(string json, string message) => new TestCaseData(json, message).SetArgDisplayNames(json.Length > 60 ? json[..60] : json);
    }

    [TestCaseSource(nameof(Files))]
    public void Says_what_is_wrong(string json, string message) =>
        Assert.That(() => TokenizerReader.Read(System.Text.Encoding.UTF8.GetBytes(json), "tokenizer.json"), Throws.InstanceOf<OnnxTransformersException>().With.Message.EqualTo(message));

    [Test]
    public void Survives_damage()
    {
        var json = System.Text.Encoding.UTF8.GetBytes("""
            {"version":"1.0","truncation":null,"padding":null,"added_tokens":[{"id":2,"content":"[S]","single_word":false,"lstrip":true,"rstrip":false,"normalized":true,"special":true}],
            "normalizer":{"type":"Sequence","normalizers":[{"type":"NFKC"},{"type":"Replace","pattern":{"Regex":"(a+)+$|[^\\s&&[\\p{L}]]"},"content":"x"}]},
            "pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true},"post_processor":null,"decoder":{"type":"WordPiece","prefix":"##","cleanup":true},
            "model":{"type":"BPE","unk_token":"a","vocab":{"a":0,"▁":1,"▁a":2},"merges":[["▁","a"]]}}
            """);
        var random = new Random(3);
        var (refusals, read) = (new Dictionary<Type, int>(), 0);
        for (var i = 0; i < 20_000; i++)
        {
            var damaged = (byte[])json.Clone();
            for (var n = random.Next(1, 4); n > 0; n--)
            {
                var at = random.Next(damaged.Length);
                damaged[at] = random.Next(3) == 0 ? (byte)random.Next(256) : json[random.Next(json.Length)];
            }
            try
            {
                new Tokenizer(TokenizerReader.Read(damaged, "tokenizer.json").Parts).Encode("a b \u00E9[S]aaaaaaaaaaaaaaaaaaaaaaaaaaaaa!");
                read++;
            }
            catch (OnnxTransformersException e)
            {
                refusals[e.GetType()] = refusals.GetValueOrDefault(e.GetType()) + 1;
                Assert.That(e.Problems[0].Found, Is.Not.Empty);
            }
        }
        Assert.Multiple(() =>
        {
            Assert.That(refusals.GetValueOrDefault(typeof(CorruptCheckpointException)), Is.GreaterThan(10_000), "damaged files that are refused as damaged");
            Assert.That(refusals.GetValueOrDefault(typeof(UnsupportedCheckpointException)), Is.GreaterThan(1_000), "damaged files that are refused as unsupported");
            Assert.That(read, Is.GreaterThan(200), "damage that does not matter, such as another text in the place of one");
        });
        TestContext.Out.WriteLine($"{read} read; {string.Join(", ", refusals.Select(r => $"{r.Value} {r.Key.Name}"))}");
    }
}
