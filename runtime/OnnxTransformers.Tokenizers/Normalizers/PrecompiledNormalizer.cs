using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace OnnxTransformers.Tokenizers;

/// <summary>Sentencepiece's rules in compiled form: a double-array trie (Darts) of what is replaced, and the replacements.</summary>
internal sealed class PrecompiledNormalizer : Normalizer
{
    private readonly uint[] _trie;
    private readonly byte[] _texts;
    private readonly string?[] _ascii = new string?[128];

    private PrecompiledNormalizer(uint[] trie, byte[] texts)
    {
        (_trie, _texts) = (trie, texts);
        for (var c = 0; c < 128; c++) _ascii[c] = Find([(byte)c]);
    }

    /// <summary>Reads the base64 text of <c>precompiled_charsmap</c>.</summary>
    internal static PrecompiledNormalizer Read(JsonPlace node)
    {
        var map = node.Get("precompiled_charsmap");
        if (!map.Value.TryGetBytesFromBase64(out var bytes)) throw map.Corrupt("no base64 text", "a character map of sentencepiece");
        return Of(bytes) ?? throw map.Corrupt("a map whose trie ends before its time", "a character map of sentencepiece");
    }

    /// <summary>Reads the map's bytes: the size of the trie, the trie, the texts. Null where they end too early.</summary>
    internal static PrecompiledNormalizer? Of(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < 8) return null;
        var size = BinaryPrimitives.ReadUInt32LittleEndian(bytes) / 4;
        if (size == 0 || size > (uint)(bytes.Length - 4) / 4) return null;
        var trie = new uint[size];
        for (var i = 0; i < trie.Length; i++) trie[i] = BinaryPrimitives.ReadUInt32LittleEndian(bytes[(4 + i * 4)..]);
        return new(trie, bytes[(4 + trie.Length * 4)..].ToArray());
    }

    internal override void Normalize(TextPair text)
    {
        var source = text.Current;
        if (!Changes(source.Span)) return;
        var edits = text.Edits;
        edits.Clear();
        Span<byte> bytes = stackalloc byte[8];
        for (var i = 0; i < source.Length;)
        {
            var c = source.Chars[i];
            // An ASCII character before another is a cluster by itself, but for CR before LF.
            var end = c < 128 && (i + 1 == source.Length || source.Chars[i + 1] < 128 && c != '\r') ? i + 1 : Graphemes.End(source.Span, i);
            var cluster = source.Span[i..end];
            if (cluster.Length < 6 && Utf8(cluster, bytes) is var length and < 6 && Find(bytes[..length]) is { } whole) Replace(edits, cluster, whole);
            else
                for (var k = i; k < end;)
                {
                    var point = source.CodePointAt(k, out var units);
                    var character = source.Span.Slice(k, units);
                    if ((point < 128 ? _ascii[point] : Find(bytes[..Utf8(character, bytes)])) is { } other) Replace(edits, character, other);
                    else edits.Add((point, 0));
                    k += units;
                }
            i = end;
        }
        text.Begin();
        foreach (var (c, change) in CollectionsMarshal.AsSpan(edits)) text.Put(c, change);
        text.End();
    }

    /// <summary>False for ASCII that the map leaves alone.</summary>
    private bool Changes(ReadOnlySpan<char> text)
    {
        foreach (var c in text)
            if (c >= 128 || _ascii[c] is not null) return true;
        return false;
    }

    private static int Utf8(ReadOnlySpan<char> text, Span<byte> bytes)
    {
        var length = Vocabulary.Encoding8.GetByteCount(text);
        return length > bytes.Length ? length : Vocabulary.Encoding8.GetBytes(text, bytes);
    }

    /// <summary>One for one as long as both last; then the rest is inserted, or what remains vanishes with the last character written, whichever that was.</summary>
    private static void Replace(List<(int Char, int Change)> edits, ReadOnlySpan<char> old, string replacement)
    {
        var more = Count(replacement) - Count(old);
        var first = edits.Count;
        for (var i = 0; i < replacement.Length;)
        {
            int c = replacement[i++];
            if (char.IsHighSurrogate((char)c)) c = char.ConvertToUtf32((char)c, replacement[i++]);
            edits.Add((c, 0));
        }
        if (more > 0)
            for (var i = Math.Max(first, edits.Count - more); i < edits.Count; i++) edits[i] = (edits[i].Char, 1);
        else if (more < 0 && edits.Count > 0) edits[^1] = (edits[^1].Char, edits[^1].Change + more);
    }

    private static int Count(ReadOnlySpan<char> text)
    {
        var count = 0;
        foreach (var c in text)
            if (!char.IsLowSurrogate(c)) count++;
        return count;
    }

    /// <summary>What the shortest key that <paramref name="key"/> begins with is replaced by, or null.</summary>
    private string? Find(ReadOnlySpan<byte> key)
    {
        var node = Offset(_trie[0]);
        foreach (var b in key)
        {
            if (b == 0) break;
            node ^= b;
            if (node >= (uint)_trie.Length) return null;
            var unit = _trie[node];
            if ((unit & (1u << 31 | 0xFF)) != b) return null;
            node ^= Offset(unit);
            if ((unit >> 8 & 1) == 0) continue;
            if (node >= (uint)_trie.Length) return null;
            var start = (int)(_trie[node] & int.MaxValue);
            if (start > _texts.Length) return null;
            var length = _texts.AsSpan(start).IndexOf((byte)0);
            return Vocabulary.Encoding8.GetString(_texts.AsSpan(start, length < 0 ? _texts.Length - start : length));
        }
        return null;
    }

    private static uint Offset(uint unit) => unit >> 10 << (int)((unit & 1u << 9) >> 6);
}
