using System.Buffers.Binary;
using System.Collections.Frozen;
using System.Text.Json;

namespace OnnxTransformers.Testing;

/// <summary>A tensor of golden.safetensors, read whole. The reader is independent of the product's, so that a fault of one does not hide in the other.</summary>
/// <param name="Type">Type of the elements as stored.</param>
/// <param name="Shape">Dimensions.</param>
/// <param name="Bytes">The elements, little-endian.</param>
public sealed record GoldenTensor(ElementType Type, IReadOnlyList<long> Shape, ReadOnlyMemory<byte> Bytes)
{
    private static readonly FrozenDictionary<string, ElementType> Types = new Dictionary<string, ElementType>
    {
        ["F64"] = ElementType.Double,
        ["F32"] = ElementType.Float,
        ["F16"] = ElementType.Float16,
        ["BF16"] = ElementType.BFloat16,
        ["I64"] = ElementType.Int64,
        ["I32"] = ElementType.Int32,
        ["I16"] = ElementType.Int16,
        ["I8"] = ElementType.Int8,
        ["U8"] = ElementType.UInt8,
        ["BOOL"] = ElementType.Bool,
    }.ToFrozenDictionary();

    /// <summary>Number of elements.</summary>
    public int Count => checked((int)Shape.Aggregate(1L, (a, b) => a * b));

    /// <summary>An element as a number; false is 0 and true 1.</summary>
    public double this[int index]
    {
        get
        {
            var bytes = Bytes.Span;
            return Type switch
            {
                ElementType.Double => BinaryPrimitives.ReadDoubleLittleEndian(bytes[(8 * index)..]),
                ElementType.Float => BinaryPrimitives.ReadSingleLittleEndian(bytes[(4 * index)..]),
                ElementType.Float16 => (double)BinaryPrimitives.ReadHalfLittleEndian(bytes[(2 * index)..]),
                ElementType.BFloat16 => BitConverter.Int32BitsToSingle(BinaryPrimitives.ReadUInt16LittleEndian(bytes[(2 * index)..]) << 16),
                ElementType.Int64 => BinaryPrimitives.ReadInt64LittleEndian(bytes[(8 * index)..]),
                ElementType.Int32 => BinaryPrimitives.ReadInt32LittleEndian(bytes[(4 * index)..]),
                ElementType.Int16 => BinaryPrimitives.ReadInt16LittleEndian(bytes[(2 * index)..]),
                ElementType.Int8 => (sbyte)bytes[index],
                _ => bytes[index],
            };
        }
    }

    /// <summary>All elements as float32.</summary>
    public float[] Floats() => [.. Enumerable.Range(0, Count).Select(i => (float)this[i])];

    /// <summary>All elements as int64.</summary>
    public long[] Longs() => [.. Enumerable.Range(0, Count).Select(i => (long)this[i])];

    /// <summary>All tensors of a file by name; none where there is no such file.</summary>
    public static IReadOnlyDictionary<string, GoldenTensor> ReadAll(string path)
    {
        if (!File.Exists(path)) return FrozenDictionary<string, GoldenTensor>.Empty;
        var file = File.ReadAllBytes(path);
        var start = 8 + checked((int)BinaryPrimitives.ReadUInt64LittleEndian(file));
        using var header = JsonDocument.Parse(file.AsMemory(8, start - 8));
        var tensors = new Dictionary<string, GoldenTensor>(StringComparer.Ordinal);
        foreach (var entry in header.RootElement.EnumerateObject().Where(e => e.Name != "__metadata__"))
        {
            var offsets = entry.Value.GetProperty("data_offsets");
            int begin = offsets[0].GetInt32(), end = offsets[1].GetInt32();
            long[] shape = [.. entry.Value.GetProperty("shape").EnumerateArray().Select(d => d.GetInt64())];
            tensors.Add(entry.Name, new GoldenTensor(Types[entry.Value.GetProperty("dtype").GetString()!], shape, file.AsMemory(start + begin, end - begin)));
        }
        return tensors;
    }
}
