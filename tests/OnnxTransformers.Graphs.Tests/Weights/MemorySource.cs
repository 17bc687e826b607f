using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Graphs.Weights;

/// <summary>Tensors in memory, or in one file when saved; counts which bytes are asked for.</summary>
internal sealed class MemorySource : ITensorSource
{
    private readonly Dictionary<string, TensorInfo> _tensors = new(StringComparer.Ordinal);
    private readonly Dictionary<string, byte[]> _bytes = new(StringComparer.Ordinal);
    private readonly Dictionary<string, TensorLocation> _locations = new(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, TensorInfo> Tensors => _tensors;

    /// <summary>How often each byte of a tensor was read through <see cref="Read"/>.</summary>
    internal ConcurrentDictionary<string, int[]> Reads { get; } = new(StringComparer.Ordinal);

    internal Recipe Add(string name, ElementType type, long[] shape, byte[] bytes)
    {
        var tensor = new TensorInfo(name, type, [.. shape]);
        if (tensor.Bytes != bytes.Length) throw new ArgumentException($"{bytes.Length} bytes for {tensor}");
        _tensors.Add(name, tensor);
        _bytes.Add(name, bytes);
        Reads[name] = new int[bytes.Length];
        return new Recipe.Stored(tensor);
    }

    internal Recipe Add(string name, long[] shape, params float[] values) => Add(name, ElementType.Float, shape, MemoryMarshal.AsBytes(values.AsSpan()).ToArray());

    /// <summary>Random values around zero.</summary>
    internal Recipe AddRandom(string name, ElementType type, params long[] shape)
    {
        var random = new Random(name.Length + (int)name[^1] + shape.Length);
        var tensor = new TensorInfo(name, type, [.. shape]);
        var bytes = new byte[tensor.Bytes];
        random.NextBytes(bytes);
        for (var i = 0; type == ElementType.Float && i < bytes.Length; i += 4) bytes[i + 3] = (byte)(0x3D | (bytes[i + 3] & 0x80));
        return Add(name, type, shape, bytes);
    }

    /// <summary>Puts all tensors into one file, one after the other, and answers with their places from now on.</summary>
    internal string SaveTo(ScratchFolder folder, string file = "model.safetensors", int headerBytes = 24)
    {
        var path = folder[file];
        using var stream = File.Create(path);
        stream.Write(new byte[headerBytes]);
        foreach (var (name, bytes) in _bytes)
        {
            _locations[name] = new TensorLocation(path, stream.Position, bytes.Length);
            stream.Write(bytes);
        }
        return path;
    }

    public void Read(string name, long offset, Span<byte> destination)
    {
        _bytes[name].AsSpan((int)offset, destination.Length).CopyTo(destination);
        for (var i = 0; i < destination.Length; i++) Interlocked.Increment(ref Reads[name][offset + i]);
    }

    public TensorLocation? Locate(string name) => _locations.GetValueOrDefault(name);

    internal byte[] Bytes(string name) => _bytes[name];
}
