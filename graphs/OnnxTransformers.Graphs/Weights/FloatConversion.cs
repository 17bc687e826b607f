using System.Collections.Frozen;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace OnnxTransformers.Graphs.Weights;

/// <summary>Conversions between floating types, to the nearest even. All go through float32 in blocks that stay in the first-level cache; float64 is first rounded to odd where the target is narrower
/// than float32, so that nothing is rounded twice.</summary>
internal static class FloatConversion
{
    private const int Block = 1024;

    private delegate void Widening(ReadOnlySpan<byte> from, Span<float> to);

    /// <summary>Writes the nearest values; true where a finite value became infinite.</summary>
    private delegate bool Narrowing(ReadOnlySpan<float> from, Span<byte> to);

    private static readonly FrozenDictionary<ElementType, Widening> Widenings = new Dictionary<ElementType, Widening>
    {
        [ElementType.Float] = (from, to) => MemoryMarshal.Cast<byte, float>(from).CopyTo(to),
        [ElementType.Float16] = (from, to) => HalfToSingle(MemoryMarshal.Cast<byte, ushort>(from), to),
        [ElementType.BFloat16] = (from, to) => BrainToSingle(MemoryMarshal.Cast<byte, ushort>(from), to),
        [ElementType.Float8E4M3FN] = Lookup(Float8.E4M3FN),
        [ElementType.Float8E4M3FNUZ] = Lookup(Float8.E4M3FNUZ),
        [ElementType.Float8E5M2] = Lookup(Float8.E5M2),
        [ElementType.Float8E5M2FNUZ] = Lookup(Float8.E5M2FNUZ),
        [ElementType.Float8E8M0] = Lookup(Float8.E8M0),
    }.ToFrozenDictionary();

    private static readonly FrozenDictionary<ElementType, Narrowing> Narrowings = new Dictionary<ElementType, Narrowing>
    {
        [ElementType.Float16] = (from, to) => SingleToHalf(from, MemoryMarshal.Cast<byte, ushort>(to)),
        [ElementType.BFloat16] = (from, to) => SingleToBrain(from, MemoryMarshal.Cast<byte, ushort>(to)),
    }.ToFrozenDictionary();

    /// <summary>True where <see cref="Apply"/> knows both types.</summary>
    internal static bool CanConvert(ElementType from, ElementType to) =>
        (from == ElementType.Double || Widenings.ContainsKey(from)) && (to is ElementType.Double or ElementType.Float || Narrowings.ContainsKey(to));

    /// <summary>Converts or scales all elements.</summary>
    /// <returns>The index of the first element whose finite value became infinite, or -1.</returns>
    internal static long Apply(Step step, ReadOnlySpan<byte> from, Span<byte> to)
    {
        var (size, target) = (step.From.Bits() / 8, step.To.Bits() / 8);
        var count = from.Length / size;
        for (var i = 0; i < count; i += Block)
        {
            var n = Math.Min(Block, count - i);
            var source = from.Slice(i * size, n * size);
            var overflow = step.Factor == 1 ? Convert(step.From, step.To, source, to.Slice(i * target, n * target)) : Scale(step, source, to.Slice(i * target, n * target));
            if (overflow) return i + FirstOverflow(step, source);
        }
        return -1;
    }

    /// <summary>The value of one element, for messages.</summary>
    internal static double ValueAt(ElementType type, ReadOnlySpan<byte> elements, int index)
    {
        Span<double> value = stackalloc double[1];
        var size = type.Bits() / 8;
        Convert(type, ElementType.Double, elements.Slice(index * size, size), MemoryMarshal.AsBytes(value));
        return value[0];
    }

    private static bool Convert(ElementType from, ElementType to, ReadOnlySpan<byte> source, Span<byte> target)
    {
        if (from == to)
        {
            source.CopyTo(target);
            return false;
        }
        if (from == ElementType.Double) return NarrowDoubles(MemoryMarshal.Cast<byte, double>(source), to, target);
        if (from == ElementType.Float && Narrowings.TryGetValue(to, out var direct)) return direct(MemoryMarshal.Cast<byte, float>(source), target);
        if (to == ElementType.Float)
        {
            Widenings[from](source, MemoryMarshal.Cast<byte, float>(target));
            return false;
        }
        Span<float> wide = stackalloc float[Block];
        wide = wide[..(source.Length * 8 / from.Bits())];
        Widenings[from](source, wide);
        if (to != ElementType.Double) return Narrowings[to](wide, target);
        var doubles = MemoryMarshal.Cast<byte, double>(target);
        for (var i = 0; i < wide.Length; i++) doubles[i] = wide[i];
        return false;
    }

    private static bool Scale(Step step, ReadOnlySpan<byte> source, Span<byte> target)
    {
        Span<double> values = stackalloc double[Block];
        values = values[..(source.Length * 8 / step.From.Bits())];
        Convert(step.From, ElementType.Double, source, MemoryMarshal.AsBytes(values));
        var infinite = false;
        for (var i = 0; i < values.Length; i++)
        {
            var scaled = values[i] * step.Factor;
            infinite |= double.IsInfinity(scaled) && double.IsFinite(values[i]);
            values[i] = scaled;
        }
        return Convert(ElementType.Double, step.To, MemoryMarshal.AsBytes(values), target) | infinite;
    }

    private static int FirstOverflow(Step step, ReadOnlySpan<byte> source)
    {
        var (size, target) = (step.From.Bits() / 8, step.To.Bits() / 8);
        Span<byte> one = stackalloc byte[sizeof(double)];
        for (var i = 0; ; i++)
        {
            var element = source.Slice(i * size, size);
            if (step.Factor == 1 ? Convert(step.From, step.To, element, one[..target]) : Scale(step, element, one[..target])) return i;
        }
    }

    private static bool NarrowDoubles(ReadOnlySpan<double> from, ElementType to, Span<byte> target)
    {
        if (to == ElementType.Float)
        {
            var floats = MemoryMarshal.Cast<byte, float>(target);
            var overflow = false;
            for (var i = 0; i < from.Length; i++)
            {
                floats[i] = (float)from[i];
                overflow |= float.IsInfinity(floats[i]) && double.IsFinite(from[i]);
            }
            return overflow;
        }
        Span<float> odd = stackalloc float[Block];
        odd = odd[..from.Length];
        for (var i = 0; i < from.Length; i++) odd[i] = RoundToOdd(from[i]);
        return Narrowings[to](odd, target);
    }

    /// <summary>The value cut to float32, its last bit set where something was cut off: rounding that to a narrower type equals rounding the value itself.</summary>
    private static float RoundToOdd(double value)
    {
        var near = (float)value;
        if (near == value || double.IsNaN(value)) return near;
        var bits = BitConverter.SingleToUInt32Bits(near);
        if (Math.Abs((double)near) > Math.Abs(value)) bits--;
        return BitConverter.UInt32BitsToSingle(bits | 1);
    }

    private static Widening Lookup(float[] table) => (from, to) =>
    {
        for (var i = 0; i < from.Length; i++) to[i] = table[from[i]];
    };

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void HalfToSingle(ReadOnlySpan<ushort> from, Span<float> to)
    {
        var i = 0;
        for (; i + Vector256<ushort>.Count <= from.Length; i += Vector256<ushort>.Count)
        {
            var (low, high) = Vector256.Widen(Vector256.Create(from[i..]));
            HalfToSingle(low).CopyTo(to[i..]);
            HalfToSingle(high).CopyTo(to[(i + Vector256<float>.Count)..]);
        }
        for (; i < from.Length; i++) to[i] = (float)BitConverter.UInt16BitsToHalf(from[i]);
    }

    private static Vector256<float> HalfToSingle(Vector256<uint> half)
    {
        var magnitude = (half & Vector256.Create(0x7FFFu)) << 13;
        var exponent = magnitude & Vector256.Create(0x7C00u << 13);
        var normal = magnitude + Vector256.Create((127u - 15) << 23);
        var special = normal + Vector256.Create((128u - 16) << 23);
        // A subnormal half is its mantissa over 2^24: give it the exponent of 2^-14 and take away the implied one.
        var subnormal = ((normal + Vector256.Create(1u << 23)).AsSingle() - Vector256.Create(113u << 23).AsSingle()).AsUInt32();
        var value = Vector256.ConditionalSelect(Vector256.Equals(exponent, Vector256.Create(0x7C00u << 13)), special, Vector256.ConditionalSelect(Vector256.Equals(exponent, Vector256<uint>.Zero), subnormal, normal));
        return (value | ((half & Vector256.Create(0x8000u)) << 16)).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static bool SingleToHalf(ReadOnlySpan<float> from, Span<ushort> to)
    {
        var overflow = Vector256<uint>.Zero;
        var i = 0;
        for (; i + Vector256<ushort>.Count <= from.Length; i += Vector256<ushort>.Count)
        {
            var low = Vector256.Create(from[i..]).AsUInt32();
            var high = Vector256.Create(from[(i + Vector256<float>.Count)..]).AsUInt32();
            Vector256.Narrow(SingleToHalf(low, ref overflow), SingleToHalf(high, ref overflow)).CopyTo(to[i..]);
        }
        var any = overflow != Vector256<uint>.Zero;
        for (; i < from.Length; i++)
        {
            to[i] = BitConverter.HalfToUInt16Bits((Half)from[i]);
            any |= float.IsFinite(from[i]) && Math.Abs(from[i]) >= 65520f;
        }
        return any;
    }

    private static Vector256<uint> SingleToHalf(Vector256<uint> single, ref Vector256<uint> overflow)
    {
        var magnitude = single & Vector256.Create(0x7FFFFFFFu);
        var infinity = Vector256.Create(0x7F800000u);
        var tooLarge = Vector256.GreaterThanOrEqual(magnitude, Vector256.Create(0x477FF000u));          // 65520, the middle between the largest half and the next
        overflow |= tooLarge & Vector256.LessThan(magnitude, infinity);

        // Adding 0.5 lets the adder of float32 round at 2^-24, the unit of subnormal halves.
        var subnormal = (magnitude.AsSingle() + Vector256.Create(0.5f)).AsUInt32() - Vector256.Create(0x3F000000u);
        var odd = (magnitude >> 13) & Vector256<uint>.One;
        var normal = (magnitude + Vector256.Create(unchecked((uint)((15 - 127) << 23)) + 0xFFFu) + odd) >> 13;
        var special = Vector256.ConditionalSelect(Vector256.GreaterThan(magnitude, infinity), Vector256.Create(0x7E00u), Vector256.Create(0x7C00u));
        var value = Vector256.ConditionalSelect(tooLarge, special, Vector256.ConditionalSelect(Vector256.LessThan(magnitude, Vector256.Create(0x38800000u)), subnormal, normal));
        return value | ((single >> 16) & Vector256.Create(0x8000u));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void BrainToSingle(ReadOnlySpan<ushort> from, Span<float> to)
    {
        var bits = MemoryMarshal.Cast<float, uint>(to);
        var i = 0;
        for (; i + Vector256<ushort>.Count <= from.Length; i += Vector256<ushort>.Count)
        {
            var (low, high) = Vector256.Widen(Vector256.Create(from[i..]));
            (low << 16).CopyTo(bits[i..]);
            (high << 16).CopyTo(bits[(i + Vector256<uint>.Count)..]);
        }
        for (; i < from.Length; i++) bits[i] = (uint)from[i] << 16;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static bool SingleToBrain(ReadOnlySpan<float> from, Span<ushort> to)
    {
        var bits = MemoryMarshal.Cast<float, uint>(from);
        var overflow = Vector256<uint>.Zero;
        var i = 0;
        for (; i + Vector256<ushort>.Count <= bits.Length; i += Vector256<ushort>.Count)
        {
            var low = SingleToBrain(Vector256.Create(bits[i..]), ref overflow);
            var high = SingleToBrain(Vector256.Create(bits[(i + Vector256<uint>.Count)..]), ref overflow);
            Vector256.Narrow(low, high).CopyTo(to[i..]);
        }
        for (; i < bits.Length; i++) to[i] = (ushort)SingleToBrain(Vector256.Create(bits[i]), ref overflow).ToScalar();
        return overflow != Vector256<uint>.Zero;
    }

    private static Vector256<uint> SingleToBrain(Vector256<uint> single, ref Vector256<uint> overflow)
    {
        var magnitude = single & Vector256.Create(0x7FFFFFFFu);
        var infinity = Vector256.Create(0x7F800000u);
        overflow |= Vector256.GreaterThanOrEqual(magnitude, Vector256.Create(0x7F7F8000u)) & Vector256.LessThan(magnitude, infinity);
        var rounded = (single + Vector256.Create(0x7FFFu) + ((single >> 16) & Vector256<uint>.One)) >> 16;
        var quiet = (single >> 16) | Vector256.Create(0x40u);
        return Vector256.ConditionalSelect(Vector256.GreaterThan(magnitude, infinity), quiet, rounded);
    }
}
