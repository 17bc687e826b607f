using System.Collections.Frozen;
using System.Runtime.InteropServices;

namespace OnnxTransformers.Graphs.Onnx;

/// <summary>Data that a tensor holds itself: raw, or in the field of its type.</summary>
internal static class TensorData
{
    private static readonly FrozenDictionary<ElementType, Func<TensorProto, byte[]>> Fields = new Dictionary<ElementType, Func<TensorProto, byte[]>>
    {
        [ElementType.Float] = t => Pack(t.FloatData, v => v),
        [ElementType.Complex64] = t => Pack(t.FloatData, v => v),
        [ElementType.Double] = t => Pack(t.DoubleData, v => v),
        [ElementType.Complex128] = t => Pack(t.DoubleData, v => v),
        [ElementType.Int64] = t => Pack(t.Int64Data, v => v),
        [ElementType.UInt64] = t => Pack(t.Uint64Data, v => v),
        [ElementType.UInt32] = t => Pack(t.Uint64Data, v => (uint)v),
        [ElementType.Int32] = t => Pack(t.Int32Data, v => v),
        [ElementType.Int16] = t => Pack(t.Int32Data, v => (short)v),
        [ElementType.UInt16] = t => Pack(t.Int32Data, v => (ushort)v),
        [ElementType.Float16] = t => Pack(t.Int32Data, v => (ushort)v),
        [ElementType.BFloat16] = t => Pack(t.Int32Data, v => (ushort)v),
        [ElementType.Int8] = Small,
        [ElementType.UInt8] = Small,
        [ElementType.Bool] = Small,
        [ElementType.Float8E4M3FN] = Small,
        [ElementType.Float8E4M3FNUZ] = Small,
        [ElementType.Float8E5M2] = Small,
        [ElementType.Float8E5M2FNUZ] = Small,
        [ElementType.Float8E8M0] = Small,
        [ElementType.UInt4] = Small,
        [ElementType.Int4] = Small,
        [ElementType.Float4E2M1] = Small,
    }.ToFrozenDictionary();

    /// <summary>The elements, little-endian; empty where the tensor has none of its own or its type isn't known.</summary>
    internal static ReadOnlyMemory<byte> Of(TensorProto tensor)
    {
        if (tensor.HasRawData) return tensor.RawData.Memory;
        return Fields.TryGetValue((ElementType)tensor.DataType, out var field) ? field(tensor) : ReadOnlyMemory<byte>.Empty;
    }

    /// <summary>Types of up to 8 bits: a byte an entry.</summary>
    private static byte[] Small(TensorProto tensor) => Pack(tensor.Int32Data, v => (byte)v);

    private static byte[] Pack<TFrom, TTo>(IReadOnlyList<TFrom> values, Func<TFrom, TTo> element) where TTo : unmanaged
    {
        var elements = new TTo[values.Count];
        for (var i = 0; i < elements.Length; i++) elements[i] = element(values[i]);
        return MemoryMarshal.AsBytes(elements.AsSpan()).ToArray();
    }
}
