using System.Text;

namespace OnnxTransformers.Tokenizers;

/// <summary>ByT5's and Perceiver's: the bytes of a text, at an offset.</summary>
internal sealed class ByteModel(int offset) : Model
{
    internal override Vocabulary Vocabulary { get; } = Bytes(offset);

    private static Vocabulary Bytes(int offset)
    {
        var names = new Vocabulary();
        for (var b = 0; b < 256; b++) names.Add(((char)b).ToString(), b + offset);
        return names.Freeze();
    }

    protected override void Tokenize(ReadOnlySpan<char> word, ModelScratch scratch, List<WordToken> tokens)
    {
        foreach (var b in Transcode(word, scratch, out _)) tokens.Add(new(b + offset, 0, 1));
    }
}

/// <summary>CANINE's: every character is its code point.</summary>
internal sealed class CodePointModel : Model
{
    private static readonly Dictionary<int, string> Named = new() { [0] = "[PAD]", [0xE000] = "[CLS]", [0xE001] = "[SEP]", [0xE002] = "[BOS]", [0xE003] = "[MASK]", [0xE004] = "[RESERVED]" };

    internal const int Count = 0x110000;

    internal override Vocabulary Vocabulary { get; } = new Vocabulary().Freeze();

    internal override int Size => Count;

    internal override string? Name(int id) => Named.TryGetValue(id, out var name) ? name : Rune.IsValid(id) ? new Rune(id).ToString() : id is >= 0 and < Count ? "\uFFFD" : null;

    internal override int Find(string token) => Rune.TryGetRuneAt(token, 0, out var rune) && rune.Utf16SequenceLength == token.Length ? rune.Value : -1;

    protected override void Tokenize(ReadOnlySpan<char> word, ModelScratch scratch, List<WordToken> tokens)
    {
        foreach (var rune in word.EnumerateRunes()) tokens.Add(new(rune.Value, 0, 1));
    }
}

/// <summary>Characters of a vocabulary.</summary>
/// <param name="vocabulary">Ids by character.</param>
/// <param name="unknown">The id of others, or -1 where there is none.</param>
/// <param name="blank">An id that stands before, between and after the characters of a text, or -1.</param>
internal sealed class CharacterModel(Vocabulary vocabulary, int unknown, int blank = -1) : Model
{
    internal override Vocabulary Vocabulary => vocabulary;

    protected override void Tokenize(ReadOnlySpan<char> word, ModelScratch scratch, List<WordToken> tokens)
    {
        if (blank >= 0) tokens.Add(new(blank, 0, 1));
        Span<byte> bytes = stackalloc byte[4];
        foreach (var rune in word.EnumerateRunes())
        {
            var id = vocabulary.Find(bytes[..rune.EncodeToUtf8(bytes)]);
            if (id < 0) id = unknown;
            if (id < 0) throw WordPiece.NoUnknown("unk_token");
            tokens.Add(new(id, 0, 1));
            if (blank >= 0) tokens.Add(new(blank, 0, 1));
        }
    }
}
