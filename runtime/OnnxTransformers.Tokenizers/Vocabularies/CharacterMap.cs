using System.Buffers.Binary;

namespace OnnxTransformers.Tokenizers;

/// <summary>Sentencepiece's compiled rules as sentencepiece itself reads them: at every place the longest rule counts. (The tokenizers library takes the shortest, within a
/// grapheme cluster: that is <see cref="PrecompiledNormalizer"/>.)</summary>
internal sealed class CharacterMap
{
    private readonly uint[] _trie;
    private readonly byte[] _texts;

    private CharacterMap(uint[] trie, byte[] texts) => (_trie, _texts) = (trie, texts);

    /// <summary>Reads a map: the size of the trie, the trie (Darts), the texts. Null for no map.</summary>
    internal static CharacterMap? Read(ReadOnlySpan<byte> bytes, string file)
    {
        if (bytes.Length == 0) return null;
        var size = bytes.Length < 4 ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(bytes) / 4;
        if (size == 0 || size > (uint)(bytes.Length - 4) / 4) throw new CorruptCheckpointException($"reading {file}", new Problem(file, "a map of characters whose trie ends before its time", "a map that sentencepiece compiled"));
        var trie = new uint[size];
        for (var i = 0; i < trie.Length; i++) trie[i] = BinaryPrimitives.ReadUInt32LittleEndian(bytes[(4 + i * 4)..]);
        return new(trie, bytes[(4 + trie.Length * 4)..].ToArray());
    }

    /// <summary>The bytes of the longest rule that <paramref name="text"/> begins with, or 0, and what they become.</summary>
    internal int Longest(ReadOnlySpan<byte> text, out ReadOnlySpan<byte> replacement)
    {
        replacement = default;
        var (node, length) = (Offset(_trie[0]), 0);
        for (var i = 0; i < text.Length && text[i] != 0; i++)
        {
            node ^= text[i];
            if (node >= (uint)_trie.Length) break;
            var unit = _trie[node];
            if ((unit & (1u << 31 | 0xFF)) != text[i]) break;
            node ^= Offset(unit);
            if ((unit >> 8 & 1) == 0) continue;
            if (node >= (uint)_trie.Length) break;
            var start = (int)(_trie[node] & int.MaxValue);
            if (start > _texts.Length) break;
            var rest = _texts.AsSpan(start);
            var end = rest.IndexOf((byte)0);
            replacement = end < 0 ? rest : rest[..end];
            length = i + 1;
        }
        return length;
    }

    private static uint Offset(uint unit) => unit >> 10 << (int)((unit & 1u << 9) >> 6);
}
