using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace OnnxTransformers.Graphs.Weights;

/// <summary>Moves elements between layouts in memory.</summary>
internal static unsafe class Layout
{
    /// <summary>Copies a block of elements from one set of strides to another.</summary>
    /// <param name="source">The block's first element.</param>
    /// <param name="from">How far a step along each extent goes in the source, in elements.</param>
    /// <param name="target">Where the first element goes.</param>
    /// <param name="to">How far a step along each extent goes in the target.</param>
    /// <param name="extents">Extents of the block.</param>
    /// <param name="elementSize">1, 2, 4, 8 or 16 bytes.</param>
    internal static void Move(byte* source, ReadOnlySpan<long> from, byte* target, ReadOnlySpan<long> to, ReadOnlySpan<long> extents, int elementSize)
    {
        switch (elementSize)
        {
            case 1: Move(source, from, target, to, extents); break;
            case 2: Move((ushort*)source, from, (ushort*)target, to, extents); break;
            case 4: Move((uint*)source, from, (uint*)target, to, extents); break;
            case 8: Move((ulong*)source, from, (ulong*)target, to, extents); break;
            default: Move((UInt128*)source, from, (UInt128*)target, to, extents); break;
        }
    }

    private static void Move<T>(T* source, ReadOnlySpan<long> from, T* target, ReadOnlySpan<long> to, ReadOnlySpan<long> extents) where T : unmanaged
    {
        if (extents.Length == 0)
        {
            *target = *source;
            return;
        }
        // The loops inside: along which the source is contiguous, and along which the target is.
        var (near, fast) = (Shortest(from, extents), Shortest(to, extents));

        Span<long> index = stackalloc long[extents.Length];
        index.Clear();
        while (true)
        {
            long at = 0, put = 0;
            for (var i = 0; i < extents.Length; i++) (at, put) = (at + index[i] * from[i], put + index[i] * to[i]);
            if (fast == near) Row(source + at, from[fast], target + put, to[fast], extents[fast]);
            else Transpose(source + at, from[fast], from[near], target + put, to[fast], to[near], extents[fast], extents[near]);

            var axis = extents.Length - 1;
            for (; axis >= 0; axis--)
            {
                if (axis == fast || axis == near) continue;
                if (++index[axis] < extents[axis]) break;
                index[axis] = 0;
            }
            if (axis < 0) return;
        }
    }

    private static int Shortest(ReadOnlySpan<long> strides, ReadOnlySpan<long> extents)
    {
        var shortest = -1;
        for (var i = 0; i < strides.Length; i++)
            if (extents[i] > 1 && (shortest < 0 || strides[i] < strides[shortest])) shortest = i;
        return Math.Max(shortest, 0);
    }

    private static void Row<T>(T* source, long sourceStride, T* target, long targetStride, long count) where T : unmanaged
    {
        if (sourceStride == 1 && targetStride == 1)
        {
            Buffer.MemoryCopy(source, target, count * sizeof(T), count * sizeof(T));
            return;
        }
        for (var i = 0L; i < count; i++) target[i * targetStride] = source[i * sourceStride];
    }

    /// <summary>target[c * targetColumn + r * targetRow] = source[r * sourceRow + c * sourceColumn], tile by tile, so that each cache line is read and written whole.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Transpose<T>(T* source, long sourceRow, long sourceColumn, T* target, long targetRow, long targetColumn, long rows, long columns) where T : unmanaged
    {
        var tile = Math.Max(8, 64 / sizeof(T));
        for (var c = 0L; c < columns; c += tile)
        {
            var width = Math.Min(tile, columns - c);
            var r = 0L;
            if (sourceColumn == 1 && targetRow == 1 && width == tile)
            {
                if (sizeof(T) == 4 && Avx2.IsSupported)
                    for (; r + 8 <= rows; r += 8)
                        for (var i = c; i < c + tile; i += 8) Tile8x8((uint*)(source + r * sourceRow + i), sourceRow, (uint*)(target + i * targetColumn + r), targetColumn);
                if (sizeof(T) == 2 && Sse2.IsSupported)
                    for (; r + 8 <= rows; r += 8)
                        for (var i = c; i < c + tile; i += 8) Tile8x8((ushort*)(source + r * sourceRow + i), sourceRow, (ushort*)(target + i * targetColumn + r), targetColumn);
            }
            for (; r < rows; r++)
            {
                var row = source + r * sourceRow + c * sourceColumn;
                var column = target + c * targetColumn + r * targetRow;
                for (var i = 0L; i < width; i++) column[i * targetColumn] = row[i * sourceColumn];
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Tile8x8(uint* source, long sourceStride, uint* target, long targetStride)
    {
        var r0 = Vector256.Load(source).AsSingle();
        var r1 = Vector256.Load(source + sourceStride).AsSingle();
        var r2 = Vector256.Load(source + sourceStride * 2).AsSingle();
        var r3 = Vector256.Load(source + sourceStride * 3).AsSingle();
        var r4 = Vector256.Load(source + sourceStride * 4).AsSingle();
        var r5 = Vector256.Load(source + sourceStride * 5).AsSingle();
        var r6 = Vector256.Load(source + sourceStride * 6).AsSingle();
        var r7 = Vector256.Load(source + sourceStride * 7).AsSingle();

        var t0 = Avx.UnpackLow(r0, r1).AsDouble();
        var t1 = Avx.UnpackHigh(r0, r1).AsDouble();
        var t2 = Avx.UnpackLow(r2, r3).AsDouble();
        var t3 = Avx.UnpackHigh(r2, r3).AsDouble();
        var t4 = Avx.UnpackLow(r4, r5).AsDouble();
        var t5 = Avx.UnpackHigh(r4, r5).AsDouble();
        var t6 = Avx.UnpackLow(r6, r7).AsDouble();
        var t7 = Avx.UnpackHigh(r6, r7).AsDouble();

        var u0 = Avx.UnpackLow(t0, t2);
        var u1 = Avx.UnpackHigh(t0, t2);
        var u2 = Avx.UnpackLow(t1, t3);
        var u3 = Avx.UnpackHigh(t1, t3);
        var u4 = Avx.UnpackLow(t4, t6);
        var u5 = Avx.UnpackHigh(t4, t6);
        var u6 = Avx.UnpackLow(t5, t7);
        var u7 = Avx.UnpackHigh(t5, t7);

        Avx.Permute2x128(u0, u4, 0x20).AsUInt32().Store(target);
        Avx.Permute2x128(u1, u5, 0x20).AsUInt32().Store(target + targetStride);
        Avx.Permute2x128(u2, u6, 0x20).AsUInt32().Store(target + targetStride * 2);
        Avx.Permute2x128(u3, u7, 0x20).AsUInt32().Store(target + targetStride * 3);
        Avx.Permute2x128(u0, u4, 0x31).AsUInt32().Store(target + targetStride * 4);
        Avx.Permute2x128(u1, u5, 0x31).AsUInt32().Store(target + targetStride * 5);
        Avx.Permute2x128(u2, u6, 0x31).AsUInt32().Store(target + targetStride * 6);
        Avx.Permute2x128(u3, u7, 0x31).AsUInt32().Store(target + targetStride * 7);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Tile8x8(ushort* source, long sourceStride, ushort* target, long targetStride)
    {
        var r0 = Vector128.Load(source);
        var r1 = Vector128.Load(source + sourceStride);
        var r2 = Vector128.Load(source + sourceStride * 2);
        var r3 = Vector128.Load(source + sourceStride * 3);
        var r4 = Vector128.Load(source + sourceStride * 4);
        var r5 = Vector128.Load(source + sourceStride * 5);
        var r6 = Vector128.Load(source + sourceStride * 6);
        var r7 = Vector128.Load(source + sourceStride * 7);

        var t0 = Sse2.UnpackLow(r0, r1).AsUInt32();
        var t1 = Sse2.UnpackHigh(r0, r1).AsUInt32();
        var t2 = Sse2.UnpackLow(r2, r3).AsUInt32();
        var t3 = Sse2.UnpackHigh(r2, r3).AsUInt32();
        var t4 = Sse2.UnpackLow(r4, r5).AsUInt32();
        var t5 = Sse2.UnpackHigh(r4, r5).AsUInt32();
        var t6 = Sse2.UnpackLow(r6, r7).AsUInt32();
        var t7 = Sse2.UnpackHigh(r6, r7).AsUInt32();

        var u0 = Sse2.UnpackLow(t0, t2).AsUInt64();
        var u1 = Sse2.UnpackHigh(t0, t2).AsUInt64();
        var u2 = Sse2.UnpackLow(t1, t3).AsUInt64();
        var u3 = Sse2.UnpackHigh(t1, t3).AsUInt64();
        var u4 = Sse2.UnpackLow(t4, t6).AsUInt64();
        var u5 = Sse2.UnpackHigh(t4, t6).AsUInt64();
        var u6 = Sse2.UnpackLow(t5, t7).AsUInt64();
        var u7 = Sse2.UnpackHigh(t5, t7).AsUInt64();

        Sse2.UnpackLow(u0, u4).AsUInt16().Store(target);
        Sse2.UnpackHigh(u0, u4).AsUInt16().Store(target + targetStride);
        Sse2.UnpackLow(u1, u5).AsUInt16().Store(target + targetStride * 2);
        Sse2.UnpackHigh(u1, u5).AsUInt16().Store(target + targetStride * 3);
        Sse2.UnpackLow(u2, u6).AsUInt16().Store(target + targetStride * 4);
        Sse2.UnpackHigh(u2, u6).AsUInt16().Store(target + targetStride * 5);
        Sse2.UnpackLow(u3, u7).AsUInt16().Store(target + targetStride * 6);
        Sse2.UnpackHigh(u3, u7).AsUInt16().Store(target + targetStride * 7);
    }
}
