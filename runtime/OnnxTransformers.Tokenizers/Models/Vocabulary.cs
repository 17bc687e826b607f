using System.Runtime.CompilerServices;
using System.Text;

namespace OnnxTransformers.Tokenizers;

/// <summary>Tokens by their UTF-8 bytes and by their id. Hashes can be continued, so that a prefix or a left half is hashed once.</summary>
internal sealed class Vocabulary
{
    internal const ulong Seed = 0xCBF29CE484222325;
    private const ulong Factor = 0x9E3779B97F4A7C15;

    private byte[] _bytes = new byte[1 << 16];
    private int[] _starts = new int[1 << 10];
    private int[] _idOf = new int[1 << 10];
    private ulong[] _slots = [];
    private int[] _entryOf = [];
    private int _mask;

    /// <summary>Number of distinct tokens.</summary>
    internal int Count { get; private set; }

    /// <summary>Number of tokens as they were added, repeated ones included.</summary>
    internal int Entries { get; private set; }

    /// <summary>The highest id.</summary>
    internal int MaxId { get; private set; } = -1;

    /// <summary>Bytes of the longest token.</summary>
    internal int Longest { get; private set; }

    /// <summary>Adds a token before <see cref="Freeze"/>.</summary>
    internal void Add(ReadOnlySpan<byte> token, int id)
    {
        var start = _starts[Entries];
        while (start + token.Length > _bytes.Length) Array.Resize(ref _bytes, _bytes.Length * 2);
        token.CopyTo(_bytes.AsSpan(start));
        if (Entries + 2 > _starts.Length)
        {
            Array.Resize(ref _starts, _starts.Length * 2);
            Array.Resize(ref _idOf, _starts.Length);
        }
        _idOf[Entries++] = id;
        _starts[Entries] = start + token.Length;
        MaxId = Math.Max(MaxId, id);
        Longest = Math.Max(Longest, token.Length);
    }

    internal void Add(string token, int id) => Add(Encoding8.GetBytes(token), id);

    /// <summary>Builds the tables; of a token that was added twice the last id counts.</summary>
    internal Vocabulary Freeze()
    {
        var size = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(16, Entries * 2));
        _slots = new ulong[size];
        _mask = size - 1;
        _entryOf = new int[MaxId + 1];
        Array.Fill(_entryOf, -1);
        for (var entry = 0; entry < Entries; entry++)
        {
            var hash = Finish(Continue(Seed, Token(entry)));
            var slot = (int)hash & _mask;
            for (; _slots[slot] != 0; slot = slot + 1 & _mask)
                if ((uint)(_slots[slot] >> 32) == (uint)(hash >> 32) && Token((int)(uint)_slots[slot] - 1).SequenceEqual(Token(entry))) break;
            if (_slots[slot] == 0) Count++;
            _slots[slot] = hash >> 32 << 32 | (uint)(entry + 1);
            _entryOf[_idOf[entry]] = entry;
        }
        return this;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Continue(ulong hash, ReadOnlySpan<byte> bytes)
    {
        foreach (var b in bytes) hash = Continue(hash, b);
        return hash;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Continue(ulong hash, byte b) => (hash ^ b) * 0x100000001B3;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Finish(ulong hash)
    {
        hash = (hash ^ hash >> 32) * Factor;
        return hash ^ hash >> 29;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ReadOnlySpan<byte> Token(int entry) => _bytes.AsSpan(_starts[entry], _starts[entry + 1] - _starts[entry]);

    /// <summary>The id of a token, or -1.</summary>
    internal int Find(ReadOnlySpan<byte> token) => Find(Continue(Seed, token), token, default);

    /// <summary>The id of the token that is <paramref name="left"/> followed by <paramref name="right"/>, whose hash is <paramref name="state"/>; or -1.</summary>
    internal int Find(ulong state, ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        var hash = Finish(state);
        for (var slot = (int)hash & _mask; ; slot = slot + 1 & _mask)
        {
            var found = _slots[slot];
            if (found == 0) return -1;
            if ((uint)(found >> 32) != (uint)(hash >> 32)) continue;
            var entry = (int)(uint)found - 1;
            var token = Token(entry);
            if (token.Length == left.Length + right.Length && token.StartsWith(left) && token[left.Length..].SequenceEqual(right)) return _idOf[entry];
        }
    }

    /// <summary>Whether an id is that of the token that is <paramref name="left"/> followed by <paramref name="right"/>.</summary>
    internal bool Is(int id, ReadOnlySpan<byte> left, ReadOnlySpan<byte> right) =>
        TryGet(id, out var token) && token.Length == left.Length + right.Length && token.StartsWith(left) && token[left.Length..].SequenceEqual(right);

    internal int Find(string token)
    {
        Span<byte> buffer = stackalloc byte[256];
        var bytes = token.Length * 3 <= buffer.Length ? buffer : new byte[token.Length * 3];
        return Find(bytes[..Encoding8.GetBytes(token, bytes)]);
    }

    /// <summary>The bytes of the token with an id; false where there is none.</summary>
    internal bool TryGet(int id, out ReadOnlySpan<byte> token)
    {
        var known = (uint)id < (uint)_entryOf.Length && _entryOf[id] >= 0;
        token = known ? Token(_entryOf[id]) : default;
        return known;
    }

    internal string? Name(int id) => TryGet(id, out var token) ? Encoding8.GetString(token) : null;

    /// <summary>UTF-8; broken surrogates become U+FFFD.</summary>
    internal static UTF8Encoding Encoding8 { get; } = new(false);
}
