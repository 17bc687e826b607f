using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Tokenizers;

/// <summary>Vocabulary files that can't be read say why and where, in bounded time.</summary>
[Parallelizable(ParallelScope.All)]
public class SlowRefusalTests
{
    private static TestCaseData Row(string name, string message, params (string File, string Text)[] files) => new TestCaseData(files, message).SetArgDisplayNames(name);

    private static (string, string) Class(string name, string more = "") => ("tokenizer_config.json", $$"""{"tokenizer_class":"{{name}}"{{more}}}""");

    private static IEnumerable<TestCaseData> Folders()
    {
        yield return Row("no vocabulary", "reading the tokenizer of {folder}: vocab.txt: no such file; supported: the vocabulary of BertTokenizer, or a tokenizer.json", Class("BertTokenizer"));
        yield return Row("empty vocab.txt", "reading vocab.txt: vocab.txt: no tokens; supported: a token a line", Class("BertTokenizer"), ("vocab.txt", ""));
        yield return Row("no identifiers", "reading vocab.json: $.a: \"x\"; supported: a whole number of at least 0", Class("GPT2Tokenizer"), ("vocab.json", """{"a":"x"}"""), ("merges.txt", "#version\n"));
        yield return Row("huge identifier", "reading vocab.json: vocab.json: 1 tokens and an id of 2000000000; supported: ids that are not far beyond the number of tokens",
            Class("GPT2Tokenizer"), ("vocab.json", """{"a":2000000000}"""), ("merges.txt", "#version\n"));
        yield return Row("merge of one word", "reading merges.txt: merges.txt: line 2 has 1 words; supported: two tokens", Class("GPT2Tokenizer"), ("vocab.json", """{"a":0}"""), ("merges.txt", "#version\na\n"));
        yield return Row("merge of an unknown token", "reading merges.txt: merges.txt: a merge with the token \"b\", which the vocabulary does not have; supported: merges of tokens into a token",
            Class("GPT2Tokenizer"), ("vocab.json", """{"a":0}"""), ("merges.txt", "#version\na b\n"));
        yield return Row("no sentencepiece model", "reading spiece.model: spiece.model: 6 bytes left where 32 are due; supported: a sentencepiece model (a protobuf message)", Class("T5Tokenizer"), ("spiece.model", "\n nodata"));
        yield return Row("a wire type that there is not", "reading spiece.model: spiece.model: a field of wire type 3; supported: a sentencepiece model (a protobuf message)", Class("T5Tokenizer"), ("spiece.model", "\u0033"));
        yield return Row("no pieces", "reading spiece.model: spiece.model: no pieces; supported: a sentencepiece model", Class("T5Tokenizer"), ("spiece.model", "\u0012\u0002\u0018\u0001"));
        yield return Row("no unknown piece", "reading spiece.model: spiece.model: no unknown piece; supported: one", Class("T5Tokenizer"), ("spiece.model", "\n\u0003\n\u0001a"));
        yield return Row("a piece twice", "reading spiece.model: spiece.model: the piece \"a\" twice; supported: every piece once", Class("T5Tokenizer"), ("spiece.model", "\n\u0003\n\u0001a\n\u0003\n\u0001a"));
        yield return Row("tiktoken without rank", "reading tokenizer.model: tokenizer.model: line 2 is neither empty nor a token in base64 and its rank; supported: a tiktoken vocabulary",
            Class("PreTrainedTokenizerFast"), ("tokenizer.model", "IQ== 0\nIg==\n"));
        yield return Row("a language that there is not", "reading tokenizer_config.json: $.src_lang: \"xx\"; supported: en, ha, is, ja, cs, ru, zh, de", Class("M2M100Tokenizer", ",\"src_lang\":\"xx\",\"language_codes\":\"wmt21\""),
            ("sentencepiece.bpe.model", "\n\u0005\n\u0001u\u0018\u0002"), ("vocab.json", """{"<unk>":0}"""));
        yield return Row("tweets", "reading tokenizer_config.json: $.normalization: true, which asks for the clean-up of tweets (entities, user names, links, emoji by name); supported: false: clean tweets before",
            Class("BertweetTokenizer", ",\"normalization\":true"));
        yield return Row("phonemes", "reading tokenizer_config.json: $.phonemize: true, which asks for espeak's phonemes; supported: false: pass phonemes as text", Class("VitsTokenizer"));
        yield return Row("a line without a count", "reading vocab.txt: vocab.txt: the line \"abc\"; supported: a token and how often it was seen", Class("PhobertTokenizer"), ("vocab.txt", "abc\n"), ("bpe.codes", "a b 1\n"));
        yield return Row("no vocabulary of a language", "reading vocab.json: $: no vocabulary \"fra\"; supported: eng", Class("Wav2Vec2CTCTokenizer", ",\"target_lang\":\"fra\""), ("vocab.json", """{"eng":{"a":0}}"""));
    }

    private static ScratchFolder Write(IEnumerable<(string File, string Text)> files)
    {
        var scratch = new ScratchFolder();
        foreach (var (file, text) in files) File.WriteAllBytes(scratch[file], System.Text.Encoding.UTF8.GetBytes(text));
        return scratch;
    }

    [TestCaseSource(nameof(Folders))]
    public void Says_what_is_wrong((string File, string Text)[] files, string message)
    {
        using var scratch = Write(files);
        Assert.That(() => Tokenizer.Load(scratch.FullName), Throws.InstanceOf<OnnxTransformersException>().With.Message.EqualTo(message.Replace("{folder}", scratch.FullName, StringComparison.Ordinal)));
    }

    /// <summary>Classes whose vocabulary is small enough to be damaged often.</summary>
    private static IEnumerable<string> Damaged => new[] { "llama", "gemma", "llama3_tiktoken", "wav2vec2", "bertweet", "bert_uncased", "qwen2", "vits", "esm", "t5" }.Select(n => "tokenization/slow/" + n);

    [TestCaseSource(nameof(Damaged))]
    public void Survives_damage(string name)
    {
        using var scratch = Reference.Unpack(Fixtures.Find(name));
        string[] files = [.. Directory.EnumerateFiles(scratch.FullName)];
        var random = new Random(7);
        var (read, refused) = (0, 0);
        for (var i = 0; i < 60; i++)
        {
            var file = files[random.Next(files.Length)];
            var whole = File.ReadAllBytes(file);
            if (whole.Length == 0) continue;
            var damaged = (byte[])whole.Clone();
            for (var n = random.Next(1, 6); n > 0; n--) damaged[random.Next(Math.Min(damaged.Length, 20_000))] = (byte)random.Next(256);
            if (random.Next(3) == 0) damaged = damaged[..random.Next(damaged.Length)];
            File.WriteAllBytes(file, damaged);
            try
            {
                var tokenizer = Tokenizer.Load(scratch.FullName);
                tokenizer.Decode(tokenizer.Encode("a \u00E9\u4E2D <s>[MASK] 12!").Ids.AsSpan());
                read++;
            }
            catch (OnnxTransformersException)
            {
                // A clear refusal is what is wanted where the damage counts.
                refused++;
            }
            File.WriteAllBytes(file, whole);
        }
        TestContext.Out.WriteLine($"{refused} refused, {read} read");
        Assert.That(refused, Is.GreaterThan(0), "some damage counts");
    }

    [Test]
    public void Names_the_languages_of_the_other_side()
    {
        using var scratch = Reference.Unpack(Fixtures.Find("tokenization/slow/m2m_100"));
        var german = Tokenizer.Load(scratch.FullName, new() { SourceLanguage = "de", TargetLanguage = "zu" });
        using (Assert.EnterMultipleScope())
        {
            Assert.That(german.Encode("a").Tokens[0], Is.EqualTo("__de__"));
            Assert.That(german.Target.Encode("a").Tokens[0], Is.EqualTo("__zu__"));
        }
    }

    [Test]
    public void Refuses_options_that_a_class_does_not_have()
    {
        using var translation = Reference.Unpack(Fixtures.Find("tokenization/slow/nllb"));
        using var plain = Reference.Unpack(Fixtures.Find("tokenization/slow/bert_uncased"));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(() => Tokenizer.Load(translation.FullName, new() { SourceLanguage = "xx" }), Throws.TypeOf<InvalidInputException>()
                .With.Message.EqualTo("loading a NllbTokenizer: options: the language \"xx\"; supported: languages that are tokens of the vocabulary"));
            Assert.That(() => Tokenizer.Load(plain.FullName, new() { TargetLanguage = "fra_Latn" }), Throws.TypeOf<InvalidInputException>()
                .With.Message.EqualTo("loading a BertTokenizer: options: languages; supported: for classes with languages only"));
            Assert.That(() => Tokenizer.Load(plain.FullName, new() { Task = "translate" }), Throws.TypeOf<InvalidInputException>()
                .With.Message.EqualTo("loading a BertTokenizer: options: a language, a task or times; supported: for Whisper only"));
        }
    }

    [Test]
    public void Puts_Whispers_language_and_task_before_a_text()
    {
        using var scratch = Reference.Unpack(Fixtures.Find("tokenization/slow/whisper"));
        var tokenizer = Tokenizer.Load(scratch.FullName, new() { Language = "English", Task = "translate", PredictTimestamps = false });
        var encoding = tokenizer.Encode("a<|0.02|>");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(encoding.Tokens.Take(4), Is.EqualTo((string[])["<|startoftranscript|>", "<|en|>", "<|translate|>", "<|notimestamps|>"]));
            Assert.That(tokenizer.Decode(encoding.Ids.AsSpan()), Is.EqualTo("<|startoftranscript|><|en|><|translate|><|notimestamps|>a<|endoftext|>"), "times are no part of the text");
            Assert.That(() => Tokenizer.Load(scratch.FullName, new() { Task = "sing" }), Throws.TypeOf<UnsupportedCheckpointException>()
                .With.Message.EqualTo("reading tokenizer_config.json: $.task: \"sing\"; supported: transcribe, translate"));
        }
    }

    [TestCase("Dr. Foo paid $1,299.50 in 2007, his 22nd", "doctor foo paid one thousand, two hundred ninety-nine dollars, fifty cents in two thousand seven, his twenty-twond")]
    public void Reads_English_aloud(string text, string read) => Assert.That(new EnglishWordsNormalizer().Normalize(text), Is.EqualTo(read));

    [TestCase("$1,299.99 is 47% of 12", "one thousand two hundred and ninety nine point nine nine dollars is forty seven percent of twelve")]
    [TestCase("-£3 and 0.50", "minus three pounds and point five zero")]
    [TestCase("no numbers, 3rd", "no numbers, 3rd")]
    public void Spells_numbers(string text, string spelled) => Assert.That(EnglishNumbers.Spell(text), Is.EqualTo(spelled));
}
