using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace OnnxTransformers.Graphs.Weights;

/// <summary>Makes the parts of matrices in blocks, to the nearest integer, even where two are as near. The same numbers give the same bytes on every machine.</summary>
internal static unsafe class BlockQuantizer
{
    private const int Lanes = 8;

    /// <summary>Makes a part of some rows.</summary>
    /// <param name="recipe">Which part, and how.</param>
    /// <param name="numbers">The rows, dense.</param>
    /// <param name="rows">How many; a number of them that fills whole bytes.</param>
    /// <param name="to">Where the part goes.</param>
    /// <returns>The first block whose numbers have no scale: some are not finite, or too far apart; -1 where all have one.</returns>
    internal static long Make(Recipe.Quantized recipe, float* numbers, long rows, byte* to)
    {
        var blocks = recipe.Of.Shape[1] / BlockFormat.Size;
        return recipe.Part switch
        {
            QuantizedPart.Values => Values(recipe.Format, numbers, rows * blocks, to, recipe is { Layout: BlockLayout.Typed, Format.ZeroPoints: false }),
            QuantizedPart.Scales => Scales(recipe.Format, numbers, rows * blocks, (float*)to),
            _ when recipe.Layout == BlockLayout.Typed => ZeroPoints(recipe.Format, numbers, 1, rows * blocks, to),
            _ => ZeroPoints(recipe.Format, numbers, rows, blocks, to),
        };
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static long Values(BlockFormat format, float* numbers, long blocks, byte* to, bool signed)
    {
        var (largest, bits, bytes) = (Vector256.Create(format.Largest), format.Bits, format.BlockBytes);
        // Taking the middle away from an unsigned integer is turning its highest bit.
        var turn = Vector256.Create((byte)(!signed ? 0 : bits == 8 ? 0x80 : 0x88));
        for (var b = 0L; b < blocks; b++, numbers += BlockFormat.Size, to += bytes)
        {
            var (scale, zero) = Choose(format, numbers);
            if (!float.IsFinite(scale)) return b;
            var (inverse, middle) = (Vector256.Create(scale == 0 ? 0 : 1 / scale), Vector256.Create(zero));
            var low = Vector256.Narrow(Integers(numbers, inverse, middle, largest), Integers(numbers + Lanes, inverse, middle, largest));
            var high = Vector256.Narrow(Integers(numbers + 2 * Lanes, inverse, middle, largest), Integers(numbers + 3 * Lanes, inverse, middle, largest));
            if (bits == 8)
            {
                (Vector256.Narrow(low, high).AsByte() ^ turn).Store(to);
                continue;
            }
            // Two in one byte: the first as it is, the second 4 bits up.
            var pairs = Vector256.Narrow(low, high).AsUInt16();
            pairs = (pairs | (pairs >> 4)) & Vector256.Create((ushort)0xFF);
            (Vector128.Narrow(pairs.GetLower(), pairs.GetUpper()) ^ turn.GetLower()).Store(to);
        }
        return -1;
    }

    private static long Scales(BlockFormat format, float* numbers, long blocks, float* to)
    {
        for (var b = 0L; b < blocks; b++, numbers += BlockFormat.Size)
        {
            to[b] = Choose(format, numbers).Scale;
            if (!float.IsFinite(to[b])) return b;
        }
        return -1;
    }

    private static long ZeroPoints(BlockFormat format, float* numbers, long rows, long blocks, byte* to)
    {
        for (var r = 0L; r < rows; r++)
        {
            for (var b = 0L; b < blocks; b++, numbers += BlockFormat.Size)
            {
                var (scale, zero) = Choose(format, numbers);
                if (!float.IsFinite(scale)) return r * blocks + b;
                if (format.Bits == 8) to[b] = (byte)zero;
                else if (b % 2 == 0) to[b / 2] = (byte)zero;
                else to[b / 2] |= (byte)(zero << 4);
            }
            to += (blocks * format.Bits + 7) / 8;
        }
        return -1;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Integers(float* numbers, Vector256<float> inverse, Vector256<int> zero, Vector256<int> largest)
    {
        var steps = Vector256.ConvertToInt32(Vector256.Round(Vector256.Load(numbers) * inverse));
        return Vector256.Min(Vector256.Max(steps + zero, Vector256<int>.Zero), largest);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (float Scale, int Zero) Choose(BlockFormat format, float* numbers)
    {
        Vector256<float> a = Vector256.Load(numbers), b = Vector256.Load(numbers + Lanes), c = Vector256.Load(numbers + 2 * Lanes), d = Vector256.Load(numbers + 3 * Lanes);
        float least = Least(Vector256.Min(Vector256.Min(a, b), Vector256.Min(c, d))), most = -Least(-Vector256.Max(Vector256.Max(a, b), Vector256.Max(c, d)));
        if (!format.ZeroPoints)
        {
            var scale = (most >= -least ? most : least) / -format.Middle;
            return (Usable(scale), format.Middle);
        }
        (least, most) = (Math.Min(least, 0), Math.Max(most, 0));
        var step = Usable((most - least) / format.Largest);
        return (step, step == 0 || !float.IsFinite(step) ? 0 : Math.Clamp((int)MathF.Round(-least / step), 0, format.Largest));
    }

    /// <summary>A scale without an inverse is none: what it would stand for is smaller than any number that counts.</summary>
    private static float Usable(float scale) => Math.Abs(scale) < 1.17549435e-38f ? 0 : scale;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Least(Vector256<float> v)
    {
        var four = Vector128.Min(v.GetLower(), v.GetUpper());
        return Math.Min(Math.Min(four[0], four[1]), Math.Min(four[2], four[3]));
    }
}
