using System.Collections.Immutable;
using System.Runtime.InteropServices;

namespace OnnxTransformers.Processors;

/// <summary>A tensor that a processor has made, row-major.</summary>
public sealed class ProcessedTensor
{
    private readonly Array _values;

    private ProcessedTensor(ElementType type, Array values, ReadOnlySpan<long> shape)
    {
        (Type, _values, Shape) = (type, values, [.. shape]);
        var count = Shape.Aggregate(1L, (a, b) => checked(a * b));
        if (count != values.Length) throw new ArgumentException($"{values.Length} values for the shape [{string.Join(", ", Shape)}]");
    }

    /// <summary>Type of the elements: Float, BFloat16, Int64 or UInt8.</summary>
    public ElementType Type { get; }

    /// <summary>Dimensions.</summary>
    public ImmutableArray<long> Shape { get; }

    /// <summary>The elements where the type is Float.</summary>
    /// <exception cref="InvalidCastException">It is another.</exception>
    public ReadOnlyMemory<float> Floats => (float[])_values;

    /// <summary>The elements where the type is Int64.</summary>
    /// <exception cref="InvalidCastException">It is another.</exception>
    public ReadOnlyMemory<long> Longs => (long[])_values;

    /// <summary>All elements, little-endian.</summary>
    public ReadOnlySpan<byte> Bytes => _values switch
    {
        float[] v => MemoryMarshal.AsBytes(v.AsSpan()),
        long[] v => MemoryMarshal.AsBytes(v.AsSpan()),
        ushort[] v => MemoryMarshal.AsBytes(v.AsSpan()),
        _ => (byte[])_values,
    };

    internal static ProcessedTensor Of(float[] values, params ReadOnlySpan<long> shape) => new(ElementType.Float, values, shape);

    internal static ProcessedTensor Of(long[] values, params ReadOnlySpan<long> shape) => new(ElementType.Int64, values, shape);

    internal static ProcessedTensor Of(byte[] values, params ReadOnlySpan<long> shape) => new(ElementType.UInt8, values, shape);

    /// <summary>Rounds to bfloat16, half to even.</summary>
    internal static ProcessedTensor BFloat16(ReadOnlySpan<float> values, params ReadOnlySpan<long> shape)
    {
        var rounded = new ushort[values.Length];
        for (var i = 0; i < rounded.Length; i++) rounded[i] = BrainFloat.Round(values[i]);
        return new(ElementType.BFloat16, rounded, shape);
    }
}
