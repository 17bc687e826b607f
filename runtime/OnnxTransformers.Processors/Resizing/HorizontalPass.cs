using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace OnnxTransformers.Processors.Resizing;

/// <summary>Weighted sums along the rows of interleaved 8-bit pixels.</summary>
internal static class HorizontalPass
{
    /// <summary>Rows that share each load of weights.</summary>
    internal const int RowsAtOnce = 4;

    // A group of four pixels is read as 16 bytes, the last group of a row up to this far behind the row.
    private const int Overrun = 32;

    /// <summary>Filters <paramref name="rows"/> rows.</summary>
    internal static void Run(ReadOnlySpan<byte> source, int stride, int channels, int firstRow, Span<byte> target, int newStride, int rows, Weights weights)
    {
        if (!Avx2.IsSupported)
        {
            for (var r = 0; r < rows; r++) Scalar(source.Slice((firstRow + r) * stride, stride), channels, target.Slice(r * newStride, newStride), weights);
            return;
        }
        var padded = stride + Overrun;
        byte[]? copy = null;
        for (var r = 0; r < rows; r += RowsAtOnce)
        {
            var count = Math.Min(RowsAtOnce, rows - r);
            var begin = (firstRow + r) * stride;
            // Where four rows and the overrun don't fit any more, they are copied to a place where they do; a missing row repeats the last.
            ReadOnlySpan<byte> four;
            var step = stride;
            if (count == RowsAtOnce && begin + RowsAtOnce * stride + Overrun <= source.Length) four = source[begin..];
            else
            {
                copy ??= new byte[RowsAtOnce * padded];
                step = padded;
                for (var i = 0; i < RowsAtOnce; i++) source.Slice(begin + Math.Min(i, count - 1) * stride, stride).CopyTo(copy.AsSpan(i * padded));
                four = copy;
            }
            FourRows(ref MemoryMarshal.GetReference(four), step, channels, ref MemoryMarshal.GetReference(target[(r * newStride)..]), newStride, count, weights);
        }
    }

    private static void Scalar(ReadOnlySpan<byte> row, int channels, Span<byte> target, Weights weights)
    {
        var (half, bits) = (1 << (weights.Bits - 1), weights.Bits);
        for (var o = 0; o < weights.Outputs; o++)
        {
            var first = weights.First[o] * channels;
            for (var c = 0; c < channels; c++)
            {
                var sum = half;
                for (var i = 0; i < weights.Count[o]; i++) sum += row[first + i * channels + c] * weights[o, i];
                target[o * channels + c] = (byte)Math.Clamp(sum >> bits, 0, 255);
            }
        }
    }

    // For each output and row: four pixels are loaded into both halves of a register, the left half keeps pixels 0 and 1 and the right half 2 and 3 as pairs
    // of 16-bit numbers, one pair for each channel.
    private static void FourRows(ref byte source, int stride, int channels, ref byte target, int newStride, int rows, Weights weights)
    {
        var pixels = PixelPairs(channels);
        var highs = Vector256.Create((byte)0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7);
        var lows = highs + Vector256.Create((byte)8);
        var half = Vector128.Create(1 << (weights.Bits - 1));
        var bits = weights.Bits;
        ref var pairs = ref Unsafe.As<short, byte>(ref MemoryMarshal.GetArrayDataReference(weights.Pairs));
        var (taps, outputs) = (weights.Taps, weights.Outputs);
        var (firsts, counts) = (weights.First, weights.Count);
        var groupBytes = 4 * channels;
        for (var o = 0; o < outputs; o++)
        {
            ref var at = ref Unsafe.Add(ref source, firsts[o] * channels);
            ref var w = ref Unsafe.Add(ref pairs, o * taps * 4);
            Vector256<int> h0 = default, h1 = default, h2 = default, h3 = default, l0 = default, l1 = default, l2 = default, l3 = default;
            for (var i = 0; i < counts[o]; i += 4)
            {
                var both = Both(ref w);
                var high = Avx2.Shuffle(both, highs).AsInt16();
                var low = Avx2.Shuffle(both, lows).AsInt16();
                var p0 = Avx2.Shuffle(Both(ref at), pixels).AsInt16();
                var p1 = Avx2.Shuffle(Both(ref Unsafe.Add(ref at, stride)), pixels).AsInt16();
                var p2 = Avx2.Shuffle(Both(ref Unsafe.Add(ref at, 2 * stride)), pixels).AsInt16();
                var p3 = Avx2.Shuffle(Both(ref Unsafe.Add(ref at, 3 * stride)), pixels).AsInt16();
                h0 += Avx2.MultiplyAddAdjacent(p0, high);
                l0 += Avx2.MultiplyAddAdjacent(p0, low);
                h1 += Avx2.MultiplyAddAdjacent(p1, high);
                l1 += Avx2.MultiplyAddAdjacent(p1, low);
                h2 += Avx2.MultiplyAddAdjacent(p2, high);
                l2 += Avx2.MultiplyAddAdjacent(p2, low);
                h3 += Avx2.MultiplyAddAdjacent(p3, high);
                l3 += Avx2.MultiplyAddAdjacent(p3, low);
                at = ref Unsafe.Add(ref at, groupBytes);
                w = ref Unsafe.Add(ref w, 16);
            }
            ref var to = ref Unsafe.Add(ref target, o * channels);
            Store(ref to, channels, Finish(h0, l0, half, bits));
            if (rows > 1) Store(ref Unsafe.Add(ref to, newStride), channels, Finish(h1, l1, half, bits));
            if (rows > 2) Store(ref Unsafe.Add(ref to, 2 * newStride), channels, Finish(h2, l2, half, bits));
            if (rows > 3) Store(ref Unsafe.Add(ref to, 3 * newStride), channels, Finish(h3, l3, half, bits));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe Vector256<byte> Both(ref byte at)
    {
        var v = Vector128.LoadUnsafe(ref at);
        return Vector256.Create(v, v);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Finish(Vector256<int> high, Vector256<int> low, Vector128<int> half, int bits)
    {
        var sums = (high << Weights.LowBits) + low;
        var sum = Vector128.ShiftRightArithmetic(sums.GetLower() + sums.GetUpper() + half, bits);
        var words = Sse2.PackSignedSaturate(sum, sum);
        return Sse2.PackUnsignedSaturate(words, words).AsUInt32().ToScalar();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(ref byte to, int channels, uint pixel)
    {
        switch (channels)
        {
            case 4:
                Unsafe.WriteUnaligned(ref to, pixel);
                break;
            case 3:
                Unsafe.WriteUnaligned(ref to, (ushort)pixel);
                Unsafe.Add(ref to, 2) = (byte)(pixel >> 16);
                break;
            case 2:
                Unsafe.WriteUnaligned(ref to, (ushort)pixel);
                break;
            default:
                to = (byte)pixel;
                break;
        }
    }

    private static Vector256<byte> PixelPairs(int channels)
    {
        Span<byte> mask = stackalloc byte[32];
        mask.Fill(0x80);
        for (var c = 0; c < channels; c++)
            for (var p = 0; p < 4; p++) mask[p / 2 * 16 + c * 4 + p % 2 * 2] = (byte)(p * channels + c);
        return Vector256.Create<byte>(mask);
    }
}
