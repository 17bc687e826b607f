using NUnit.Framework;

namespace OnnxTransformers.Tokenizers;

/// <summary>Bytes that come one by one: whole characters are told, and bytes that never become one don't stop a stream.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class DecodeStreamTests
{
    // The ids of the tokens below.
    private const int C3 = 0, A9 = 1, E2 = 2, A = 3, B = 4;

    private static Tokenizer Bytes => field ??= Read("""{"<0xC3>": 0, "<0xA9>": 1, "<0xE2>": 2, "a": 3, "b": 4}""", """{"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}]}""");

    [Test]
    public void Pieces_are_whole_characters() => Assert.That(Pieces(Bytes.CreateDecodeStream(), A, C3, A9, B), Is.EqualTo(new[] { "a", null, "é", "b" }));

    /// <summary>The decoder joins all bytes in a row, so that one that is none makes those before it none as well.</summary>
    [Test]
    public void Bytes_that_change_what_was_said_are_decoded_for_themselves()
    {
        Assert.That(Pieces(Bytes.CreateDecodeStream(), C3, A9, E2, A, B), Is.EqualTo(new[] { null, "é", null, "\uFFFDa", "b" }));
        Assert.That(() => Pieces(Bytes.CreateDecodeStream(strict: true), C3, A9, E2, A), Throws.TypeOf<InvalidInputException>().With.Message.Contain("Invalid prefix encountered while decoding stream. Token ID: 3"));
    }

    [Test]
    public void The_end_tells_whole_characters_before_half_a_one()
    {
        var stream = Read("""{"a": 0, "Ã©â": 1}""", """{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true}""").CreateDecodeStream();
        Assert.That((Pieces(stream, 0, 1)[1], stream.Finish()), Is.EqualTo(((string?)null, "é")));
        stream = Bytes.CreateDecodeStream();
        Assert.That((Pieces(stream, A)[0], stream.Finish()), Is.EqualTo(("a", "")));
    }

    private static Tokenizer Read(string vocabulary, string decoder) => new(TokenizerReader.Read(System.Text.Encoding.UTF8.GetBytes($$$"""
        {"version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null, "pre_tokenizer": null, "post_processor": null,
         "decoder": {{{decoder}}}, "model": {"type": "WordLevel", "vocab": {{{vocabulary}}}, "unk_token": "a"}}
        """), "tokenizer.json").Parts);

    private static string?[] Pieces(DecodeStream stream, params int[] ids) => [.. ids.Select(stream.Step)];
}
