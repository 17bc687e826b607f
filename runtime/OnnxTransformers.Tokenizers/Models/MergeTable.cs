using System.Numerics;
using System.Runtime.CompilerServices;

namespace OnnxTransformers.Tokenizers;

/// <summary>Two tokens that merge, and what into.</summary>
internal readonly record struct Merge(int Left, int Right, int Merged);

/// <summary>Which pairs of tokens merge into which, and how early.</summary>
internal sealed class MergeTable
{
    /// <summary>The answer for pairs that don't merge: later than every merge.</summary>
    internal const ulong None = ulong.MaxValue;

    private struct Slot
    {
        internal ulong Key;
        internal ulong Value;
    }

    private readonly Slot[] _slots;
    private readonly int _shift;

    /// <summary>A table of so many merges, to be added.</summary>
    internal MergeTable(int count)
    {
        // From a third to five eighths full: most pairs that are looked for are not there, which a fuller table takes long to say.
        var size = BitOperations.RoundUpToPowerOf2((uint)Math.Max(16, count * 8L / 5));
        _slots = new Slot[size];
        _shift = 64 - BitOperations.Log2(size);
    }

    /// <summary>A table of merges in the order of their ranks.</summary>
    internal MergeTable(ReadOnlySpan<Merge> merges) : this(merges.Length)
    {
        for (var rank = 0; rank < merges.Length; rank++) Add(merges[rank].Left, merges[rank].Right, rank, merges[rank].Merged);
    }

    /// <summary>Adds a merge; of a pair that is there twice the last counts.</summary>
    internal void Add(int left, int right, int rank, int merged)
    {
        var key = ((ulong)(uint)left << 32 | (uint)right) + 1;
        var slot = Start(key);
        while (_slots[slot].Key != 0 && _slots[slot].Key != key) slot = slot + 1 & _slots.Length - 1;
        _slots[slot] = new() { Key = key, Value = (ulong)(uint)rank << 32 | (uint)merged };
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Start(ulong key) => (int)(key * 0x9E3779B97F4A7C15 >> _shift);

    /// <summary>The rank (upper half) and the id (lower half) of a merge, or <see cref="None"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ulong Find(int left, int right)
    {
        var key = ((ulong)(uint)left << 32 | (uint)right) + 1;
        var slots = _slots;
        for (var slot = Start(key); ; slot = slot + 1 & slots.Length - 1)
        {
            ref var found = ref slots[slot];
            if (found.Key == key) return found.Value;
            if (found.Key == 0) return None;
        }
    }
}
