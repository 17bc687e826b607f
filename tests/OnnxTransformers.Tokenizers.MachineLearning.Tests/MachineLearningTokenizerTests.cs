using System.Buffers;
using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Tokenizers.MachineLearning;

public class MachineLearningTokenizerTests
{
    private const string Words = """
        {"version":"1.0","added_tokens":[],"normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true},"pre_tokenizer":{"type":"BertPreTokenizer"},
        "post_processor":{"type":"BertProcessing","sep":["[SEP]",2],"cls":["[CLS]",1]},"decoder":{"type":"WordPiece","prefix":"##","cleanup":true},
        "model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,"vocab":{"[UNK]":0,"[CLS]":1,"[SEP]":2,"read":3,"##ing":4,"is":5,"fun":6,"##s":7}}}
        """;

    /// <summary>Byte-level without merges: every byte is a token.</summary>
    private static readonly string Bytes = $$"""
        {"version":"1.0","added_tokens":[],"normalizer":null,"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true},"post_processor":null,
        "decoder":{"type":"ByteLevel"},"model":{"type":"BPE","vocab":{ {{string.Join(',', Enumerable.Range(0, 256).Select(b => $"\"\\u{(int)Visible(b):X4}\":{b}"))}} },"merges":[]} }
        """;

    private static char Visible(int b) => b switch
    {
        (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or >= 0xAE => (char)b,
        <= ' ' => (char)(256 + b),
        <= 0xA0 => (char)(256 + 33 + b - 0x7F),
        _ => (char)(256 + 67),
    };

    private static MachineLearningTokenizer Make(string json, bool addSpecialTokens = true)
    {
        using var scratch = new ScratchFolder();
        File.WriteAllText(scratch["tokenizer.json"], json);
        return new(Tokenizer.FromFile(scratch["tokenizer.json"]), addSpecialTokens);
    }

    [Test]
    public void Encodes_as_the_tokenizer_behind_it()
    {
        var tokenizer = Make(Words);
        var tokens = tokenizer.EncodeToTokens("Reading is fun", out var normalized);
        Assert.Multiple(() =>
        {
            Assert.That(tokenizer.EncodeToIds("Reading is fun"), Is.EqualTo(new[] { 1, 3, 4, 5, 6, 2 }));
            Assert.That(tokenizer.EncodeToIds("Reading is fun".AsSpan()), Is.EqualTo(new[] { 1, 3, 4, 5, 6, 2 }));
            Assert.That(tokens.Select(t => (t.Id, t.Value, t.Offset)), Is.EqualTo(new[] { (1, "[CLS]", 0..0), (3, "read", 0..4), (4, "##ing", 4..7), (5, "is", 8..10), (6, "fun", 11..14), (2, "[SEP]", 0..0) }));
            Assert.That(normalized, Is.Null);
            Assert.That(tokenizer.CountTokens("Reading is fun"), Is.EqualTo(6));
            Assert.That(Make(Words, addSpecialTokens: false).EncodeToIds("Reading is fun"), Is.EqualTo(new[] { 3, 4, 5, 6 }));
            Assert.That(tokenizer.EncodeToIds(""), Is.EqualTo(new[] { 1, 2 }));
        });
    }

    [TestCase(6, new[] { 1, 3, 4, 5, 6, 2 }, 14)]
    [TestCase(5, new[] { 1, 3, 4, 5, 2 }, 10)]
    [TestCase(3, new[] { 1, 3, 2 }, 4)]
    [TestCase(2, new[] { 1, 2 }, 0)]
    public void Stops_at_the_most_tokens(int most, int[] ids, int consumed)
    {
        var tokenizer = Make(Words);
        Assert.Multiple(() =>
        {
            Assert.That(tokenizer.EncodeToIds("Reading is fun", most, out _, out var characters), Is.EqualTo(ids));
            Assert.That(characters, Is.EqualTo(consumed));
            Assert.That(tokenizer.GetIndexByTokenCount("Reading is fun", most, out _, out var count), Is.EqualTo(consumed));
            Assert.That(count, Is.EqualTo(ids.Length));
        });
    }

    [Test]
    public void Counts_from_the_end()
    {
        var tokenizer = Make(Words, addSpecialTokens: false);
        Assert.Multiple(() =>
        {
            Assert.That(tokenizer.GetIndexByTokenCountFromEnd("Reading is fun", 2, out _, out var count), Is.EqualTo(8));
            Assert.That(count, Is.EqualTo(2));
            Assert.That(tokenizer.GetIndexByTokenCountFromEnd("Reading is fun", 9, out _, out count), Is.Zero);
            Assert.That(count, Is.EqualTo(4));
        });
    }

    [Test]
    public void Never_stops_inside_a_character()
    {
        var tokenizer = Make(Bytes);
        Assert.Multiple(() =>
        {
            Assert.That(tokenizer.EncodeToIds("aé😀", 6, out _, out var consumed), Is.EqualTo(new[] { 'a', 0xC3, 0xA9 }));
            Assert.That(consumed, Is.EqualTo(2));
            Assert.That(tokenizer.GetIndexByTokenCountFromEnd("aé😀", 5, out _, out var count), Is.EqualTo(2));
            Assert.That(count, Is.EqualTo(4));
            Assert.That(tokenizer.EncodeToIds("😀", 3, out _, out consumed), Is.Empty);
            Assert.That(consumed, Is.Zero);
        });
    }

    [Test]
    public void Decodes()
    {
        var (words, bytes) = (Make(Words), Make(Bytes));
        int[] ids = ['a', 0xC3, 0xA9, 0xF0, 0x9F, 0x98, 0x80, '!'];
        var (large, small) = (new char[16], new char[3]);
        Assert.Multiple(() =>
        {
            Assert.That(words.Decode([3, 4, 5, 6]), Is.EqualTo("reading is fun"));
            Assert.That(bytes.Decode(ids, large, out var consumed, out var written), Is.EqualTo(OperationStatus.Done));
            Assert.That((consumed, new string(large, 0, written)), Is.EqualTo((8, "aé😀!")));
            Assert.That(bytes.Decode(ids, small, out consumed, out written), Is.EqualTo(OperationStatus.DestinationTooSmall));
            Assert.That((consumed, new string(small, 0, written)), Is.EqualTo((3, "aé")));
        });
    }

    [Test]
    public void Refuses_what_it_cannot_leave_out()
    {
        var tokenizer = Make(Words);
        Assert.Multiple(() =>
        {
            Assert.That(() => tokenizer.EncodeToIds("a", considerNormalization: false), Throws.TypeOf<InvalidInputException>().With.Message.EqualTo(
                "encoding for Microsoft.ML.Tokenizers: considerNormalization: false; supported: true. Next: normalization and pre-tokenization belong to a tokenizer of Hugging Face and are always done"));
            Assert.That(() => tokenizer.CountTokens("a", considerPreTokenization: false), Throws.TypeOf<InvalidInputException>());
            Assert.That(() => tokenizer.EncodeToIds("is fun", 1, out _, out _), Throws.TypeOf<InvalidInputException>().With.Message.EqualTo(
                "truncating: truncation: a length of 1; supported: at least the 2 special tokens that are added"));
        });
    }
}
