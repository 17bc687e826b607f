using System.Collections.Immutable;

namespace OnnxTransformers;

/// <summary>What is known of a stored tensor before any of its bytes is read.</summary>
/// <param name="Name">The name under which the checkpoint holds it.</param>
/// <param name="Type">The type of its elements as stored.</param>
/// <param name="Shape">Its dimensions; empty for a scalar. Elements are in row-major order, little-endian.</param>
public sealed record TensorInfo(string Name, ElementType Type, ImmutableArray<long> Shape)
{
    /// <summary>Number of elements.</summary>
    public long Count { get; } = Shape.Aggregate(1L, (a, b) => checked(a * b));

    /// <summary>Bytes as stored.</summary>
    public long Bytes => Type.Bytes(Count);

    /// <summary>The dimensions as "[30522, 768]".</summary>
    public string ShapeText => $"[{string.Join(", ", Shape)}]";
}

/// <summary>Where the bytes of a tensor lie, contiguous and as they are, in a file.</summary>
/// <param name="Path">The file's full path.</param>
/// <param name="Offset">Bytes from the file's start.</param>
/// <param name="Length">Bytes.</param>
public sealed record TensorLocation(string Path, long Offset, long Length);

/// <summary>A set of named tensors that can be asked for their types and shapes at once, and for their bytes one after the other.</summary>
/// <remarks>Implementations are safe to read from several threads.</remarks>
public interface ITensorSource
{
    /// <summary>All tensors by name.</summary>
    IReadOnlyDictionary<string, TensorInfo> Tensors { get; }

    /// <summary>Copies the bytes of tensor <paramref name="name"/> from <paramref name="offset"/> on until <paramref name="destination"/> is full.</summary>
    /// <exception cref="CorruptCheckpointException">The file ends before.</exception>
    void Read(string name, long offset, Span<byte> destination);

    /// <summary>Where the bytes lie in a file of safetensors; null where they have to be decoded first.</summary>
    TensorLocation? Locate(string name);
}
