using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace OnnxTransformers.Tokenizers;

/// <summary>Remembers how words were cut. Bounded: when it is full it begins anew.</summary>
internal sealed class WordCache
{
    internal const int LongestWord = 64;
    private const int Slots = 1 << 15, MostWords = Slots / 2, MostChars = 1 << 18, MostTokens = 1 << 17;

    private struct Entry
    {
        internal uint Hash;
        internal int Key;
        internal int Tokens;
        internal ushort KeyLength;
        internal ushort TokenCount;
    }

    private readonly Entry[] _entries = new Entry[Slots];
    private char[] _keys = new char[1 << 12];
    private WordToken[] _tokens = new WordToken[1 << 11];
    private int _words, _keyEnd, _tokenEnd;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static uint HashOf(ReadOnlySpan<char> word)
    {
        const ulong Factor = 0x9E3779B97F4A7C15;
        var hash = (ulong)word.Length * Factor;
        ref var at = ref Unsafe.As<char, byte>(ref MemoryMarshal.GetReference(word));
        var length = word.Length * 2;
        for (; length >= 8; length -= 8, at = ref Unsafe.Add(ref at, 8))
            hash = (ulong.RotateLeft(hash, 29) ^ Unsafe.ReadUnaligned<ulong>(ref at)) * Factor;
        if (length >= 4)
        {
            hash = (ulong.RotateLeft(hash, 29) ^ Unsafe.ReadUnaligned<uint>(ref at)) * Factor;
            at = ref Unsafe.Add(ref at, 4);
            length -= 4;
        }
        if (length >= 2) hash = (ulong.RotateLeft(hash, 29) ^ Unsafe.ReadUnaligned<ushort>(ref at)) * Factor;
        return (uint)(hash >> 32) | 1;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool TryGet(ReadOnlySpan<char> word, uint hash, out ReadOnlySpan<WordToken> tokens)
    {
        for (var slot = hash >> 7 & Slots - 1; ; slot = slot + 1 & Slots - 1)
        {
            ref var entry = ref _entries[slot];
            if (entry.Hash == 0)
            {
                tokens = default;
                return false;
            }
            if (entry.Hash != hash || !word.SequenceEqual(_keys.AsSpan(entry.Key, entry.KeyLength))) continue;
            tokens = _tokens.AsSpan(entry.Tokens, entry.TokenCount);
            return true;
        }
    }

    internal void Add(ReadOnlySpan<char> word, uint hash, ReadOnlySpan<WordToken> tokens)
    {
        if (_words >= MostWords || _keyEnd + word.Length > MostChars || _tokenEnd + tokens.Length > MostTokens) Clear();
        if (_keyEnd + word.Length > _keys.Length) Array.Resize(ref _keys, _keys.Length * 2);
        while (_tokenEnd + tokens.Length > _tokens.Length) Array.Resize(ref _tokens, _tokens.Length * 2);
        var slot = hash >> 7 & Slots - 1;
        while (_entries[slot].Hash != 0) slot = slot + 1 & Slots - 1;
        _entries[slot] = new() { Hash = hash, Key = _keyEnd, KeyLength = (ushort)word.Length, Tokens = _tokenEnd, TokenCount = (ushort)tokens.Length };
        word.CopyTo(_keys.AsSpan(_keyEnd));
        tokens.CopyTo(_tokens.AsSpan(_tokenEnd));
        _keyEnd += word.Length;
        _tokenEnd += tokens.Length;
        _words++;
    }

    private void Clear()
    {
        Array.Clear(_entries);
        (_words, _keyEnd, _tokenEnd) = (0, 0, 0);
    }
}
