using System.Text;

namespace OnnxTransformers.Tokenizers;

/// <summary>The 256 visible characters that stand for bytes in byte-level vocabularies (GPT-2's bytes_to_unicode).</summary>
internal static class ByteAlphabet
{
    /// <summary>The character of each byte.</summary>
    internal static readonly char[] CharOf = new char[256];

    private static readonly short[] ByteOf = new short[0x144];

    static ByteAlphabet()
    {
        Array.Fill(ByteOf, (short)-1);
        var next = 256;
        for (var b = 0; b < 256; b++)
        {
            var c = b is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or >= 0xAE ? b : next++;
            CharOf[b] = (char)c;
            ByteOf[c] = (short)b;
        }
    }

    /// <summary>The byte of a character, or -1.</summary>
    internal static int ToByte(char c) => c < ByteOf.Length ? ByteOf[c] : -1;

    /// <summary>Rewrites a text as the characters of its bytes, each aligned with the character that the byte belongs to.</summary>
    internal static void Expand(TextPair text)
    {
        var source = text.Current;
        text.Begin();
        Span<byte> bytes = stackalloc byte[4];
        for (var i = 0; i < source.Length;)
        {
            var c = source.CodePointAt(i, out var units);
            i += units;
            var count = new Rune(c).EncodeToUtf8(bytes);
            for (var k = 0; k < count; k++) text.Put(CharOf[bytes[k]], k == 0 ? 0 : 1);
        }
        text.End();
    }
}
