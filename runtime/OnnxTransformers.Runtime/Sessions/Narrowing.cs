using System.Runtime.InteropServices;

namespace OnnxTransformers;

/// <summary>Between the types that callers use and those that a graph may declare instead.</summary>
internal static class Narrowing
{
    /// <summary>Copies elements of <paramref name="from"/> as elements of <paramref name="to"/>. Supported: int64 to int32, float32 to float16 and bfloat16, and those two back to float32.</summary>
    internal static void Copy(ReadOnlySpan<byte> source, ElementType from, Span<byte> target, ElementType to)
    {
        switch (from, to)
        {
            case (ElementType.Int64, ElementType.Int32):
                var whole = MemoryMarshal.Cast<byte, long>(source);
                var small = MemoryMarshal.Cast<byte, int>(target);
                for (var i = 0; i < whole.Length; i++) small[i] = checked((int)whole[i]);
                break;
            case (ElementType.Int32, ElementType.Int64):
                var ints = MemoryMarshal.Cast<byte, int>(source);
                var longs = MemoryMarshal.Cast<byte, long>(target);
                for (var i = 0; i < ints.Length; i++) longs[i] = ints[i];
                break;
            case (ElementType.Float, ElementType.Float16):
                var floats = MemoryMarshal.Cast<byte, float>(source);
                var halves = MemoryMarshal.Cast<byte, Half>(target);
                for (var i = 0; i < floats.Length; i++) halves[i] = (Half)floats[i];
                break;
            case (ElementType.Float, ElementType.BFloat16):
                var wide = MemoryMarshal.Cast<byte, float>(source);
                var brain = MemoryMarshal.Cast<byte, ushort>(target);
                for (var i = 0; i < wide.Length; i++) brain[i] = BrainFloat.Round(wide[i]);
                break;
            case (ElementType.Float16, ElementType.Float):
                var narrow = MemoryMarshal.Cast<byte, Half>(source);
                var widened = MemoryMarshal.Cast<byte, float>(target);
                for (var i = 0; i < narrow.Length; i++) widened[i] = (float)narrow[i];
                break;
            case (ElementType.BFloat16, ElementType.Float):
                var stored = MemoryMarshal.Cast<byte, ushort>(source);
                var restored = MemoryMarshal.Cast<byte, float>(target);
                for (var i = 0; i < stored.Length; i++) restored[i] = BitConverter.UInt32BitsToSingle((uint)stored[i] << 16);
                break;
            default:
                throw new ArgumentException($"{from} can't be copied as {to}.", nameof(to));
        }
    }
}
