using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace OnnxTransformers.Processors.Resizing;

/// <summary>Weighted sums of whole rows of 8-bit values.</summary>
internal static class VerticalPass
{
    private const int Columns = 32;

    /// <summary>Computes output rows <paramref name="from"/> to <paramref name="to"/>. The source begins with row <paramref name="skipped"/> of the
    /// picture.</summary>
    internal static void Run(ReadOnlySpan<byte> source, int stride, int skipped, Span<byte> target, int from, int to, Weights weights)
    {
        Span<int> scratch = weights.Taps <= 512 ? stackalloc int[weights.Taps] : new int[weights.Taps];
        for (var o = from; o < to; o++)
        {
            var rows = source.Slice((weights.First[o] - skipped) * stride, weights.Count[o] * stride);
            Row(rows, stride, target.Slice(o * stride, stride), weights, o, scratch);
        }
    }

    private static void Row(ReadOnlySpan<byte> rows, int stride, Span<byte> target, Weights weights, int output, Span<int> scratch)
    {
        var done = 0;
        if (Avx2.IsSupported && stride >= Columns)
        {
            // Weights of rows 2i and 2i + 1 side by side, once the high parts and once the low ones.
            var pairs = (weights.Count[output] + 1) / 2;
            var highs = scratch[..pairs];
            var lows = scratch.Slice(weights.Taps / 2, pairs);
            for (var i = 0; i < pairs; i++)
            {
                var at = (output * weights.Taps + i / 2 * 4) * 2 + i % 2 * 2;
                highs[i] = (ushort)weights.Pairs[at] | weights.Pairs[at + 1] << 16;
                lows[i] = (ushort)weights.Pairs[at + 4] | weights.Pairs[at + 5] << 16;
            }
            for (; done + Columns <= stride; done += Columns) Block(rows, stride, done, target, weights, output, highs, lows);
            // The rest together with columns that are done already.
            if (done < stride) Block(rows, stride, stride - Columns, target, weights, output, highs, lows);
            return;
        }
        var half = 1 << (weights.Bits - 1);
        for (var x = done; x < stride; x++)
        {
            var sum = half;
            for (var i = 0; i < weights.Count[output]; i++) sum += rows[i * stride + x] * weights[output, i];
            target[x] = (byte)Math.Clamp(sum >> weights.Bits, 0, 255);
        }
    }

    private static void Block(ReadOnlySpan<byte> rows, int stride, int x, Span<byte> target, Weights weights, int output, ReadOnlySpan<int> highs, ReadOnlySpan<int> lows)
    {
        ref var at = ref Unsafe.Add(ref MemoryMarshal.GetReference(rows), x);
        ref var high = ref MemoryMarshal.GetReference(highs);
        ref var low = ref MemoryMarshal.GetReference(lows);
        var (count, pairs) = (weights.Count[output], highs.Length);
        Vector256<int> h0 = default, h1 = default, h2 = default, h3 = default, l0 = default, l1 = default, l2 = default, l3 = default;
        for (var i = 0; i < pairs; i++)
        {
            var a = Vector256.LoadUnsafe(ref at);
            // An odd last row is paired with itself; its partner's weight is zero.
            var b = 2 * i + 1 < count ? Vector256.LoadUnsafe(ref Unsafe.Add(ref at, stride)) : a;
            var wh = Vector256.Create(Unsafe.Add(ref high, i)).AsInt16();
            var wl = Vector256.Create(Unsafe.Add(ref low, i)).AsInt16();
            var left = Avx2.UnpackLow(a, b);
            var right = Avx2.UnpackHigh(a, b);
            var p0 = Avx2.UnpackLow(left, Vector256<byte>.Zero).AsInt16();
            var p1 = Avx2.UnpackHigh(left, Vector256<byte>.Zero).AsInt16();
            var p2 = Avx2.UnpackLow(right, Vector256<byte>.Zero).AsInt16();
            var p3 = Avx2.UnpackHigh(right, Vector256<byte>.Zero).AsInt16();
            h0 += Avx2.MultiplyAddAdjacent(p0, wh);
            l0 += Avx2.MultiplyAddAdjacent(p0, wl);
            h1 += Avx2.MultiplyAddAdjacent(p1, wh);
            l1 += Avx2.MultiplyAddAdjacent(p1, wl);
            h2 += Avx2.MultiplyAddAdjacent(p2, wh);
            l2 += Avx2.MultiplyAddAdjacent(p2, wl);
            h3 += Avx2.MultiplyAddAdjacent(p3, wh);
            l3 += Avx2.MultiplyAddAdjacent(p3, wl);
            at = ref Unsafe.Add(ref at, 2 * stride);
        }
        var half = Vector256.Create(1 << (weights.Bits - 1));
        var w0 = Avx2.PackSignedSaturate(Finish(h0, l0, half, weights.Bits), Finish(h1, l1, half, weights.Bits));
        var w1 = Avx2.PackSignedSaturate(Finish(h2, l2, half, weights.Bits), Finish(h3, l3, half, weights.Bits));
        Avx2.PackUnsignedSaturate(w0, w1).StoreUnsafe(ref Unsafe.Add(ref MemoryMarshal.GetReference(target), x));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Finish(Vector256<int> high, Vector256<int> low, Vector256<int> half, int bits) => Vector256.ShiftRightArithmetic((high << Weights.LowBits) + low + half, bits);
}
