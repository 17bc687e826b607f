using System.Buffers.Binary;

namespace OnnxTransformers.Graphs;

/// <summary>Single numbers as the bytes of an element type.</summary>
internal static class Scalars
{
    /// <summary>The little-endian bytes of <paramref name="value"/>, rounded to the nearest even where the type is narrower.</summary>
    internal static byte[] Bytes(double value, ElementType type)
    {
        var bytes = new byte[type.Bits() / 8];
        switch (type)
        {
            case ElementType.Float: BinaryPrimitives.WriteSingleLittleEndian(bytes, (float)value); break;
            case ElementType.Double: BinaryPrimitives.WriteDoubleLittleEndian(bytes, value); break;
            case ElementType.Float16: BinaryPrimitives.WriteHalfLittleEndian(bytes, (Half)value); break;
            case ElementType.BFloat16: BinaryPrimitives.WriteUInt16LittleEndian(bytes, BrainFloat.Round((float)value)); break;
            case ElementType.Int64: BinaryPrimitives.WriteInt64LittleEndian(bytes, (long)value); break;
            case ElementType.Int32: BinaryPrimitives.WriteInt32LittleEndian(bytes, (int)value); break;
            case ElementType.UInt8: bytes[0] = (byte)value; break;
            case ElementType.Bool: bytes[0] = value != 0 ? (byte)1 : (byte)0; break;
            default: throw new ArgumentOutOfRangeException(nameof(type), type, "constants are floats, int32, int64 and booleans");
        }
        return bytes;
    }

    /// <summary>The most negative finite number of a floating type.</summary>
    internal static double Lowest(ElementType type) => type switch
    {
        ElementType.Float16 => (double)Half.MinValue,
        ElementType.BFloat16 => -3.3895313892515355e38,
        ElementType.Double => double.MinValue,
        _ => float.MinValue,
    };
}
