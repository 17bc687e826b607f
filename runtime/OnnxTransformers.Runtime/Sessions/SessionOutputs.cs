using System.Buffers;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;

namespace OnnxTransformers;

/// <summary>What one run gave. Spans are valid until it is disposed; it may outlive the session.</summary>
/// <remarks>Not thread-safe.</remarks>
public sealed class SessionOutputs : IDisposable
{
    private readonly SessionLease _lease;
    private readonly string[] _names;
    private readonly OrtValue?[] _values;
    private readonly long[]?[] _shapes;
    private readonly float[]?[] _widened;
    private bool _disposed;

    internal SessionOutputs(SessionLease lease, string[] names, IReadOnlyList<OrtValue> values)
    {
        (_lease, _names) = (lease, names);
        _values = [.. values];
        _shapes = new long[names.Length][];
        _widened = new float[names.Length][];
    }

    /// <summary>Names of the outputs, in the order asked for.</summary>
    public IReadOnlyList<string> Names => _names;

    /// <summary>The dimensions of an output.</summary>
    public ReadOnlySpan<long> Shape(string name) => ShapeAt(IndexOf(name));

    /// <summary>The elements of an output of float32, float16 or bfloat16, row-major, as float32.</summary>
    public ReadOnlySpan<float> Float(string name)
    {
        var i = IndexOf(name);
        var value = At(i);
        var type = OrtTypes.From(value.GetTensorTypeAndShape().ElementDataType);
        if (type == ElementType.Float) return value.GetTensorDataAsSpan<float>();
        var count = CountAt(i);
        if (_widened[i] is null)
        {
            var buffer = ArrayPool<float>.Shared.Rent(count);
            Narrowing.Copy(value.GetTensorMutableRawData(), type, MemoryMarshal.AsBytes(buffer.AsSpan(0, count)), ElementType.Float);
            _widened[i] = buffer;
        }
        return _widened[i].AsSpan(0, count);
    }

    /// <summary>The elements of an output of int64, row-major.</summary>
    public ReadOnlySpan<long> Int64(string name) => At(IndexOf(name)).GetTensorDataAsSpan<long>();

    /// <summary>The value itself; it stays this object's.</summary>
    public OrtValue Value(string name) => At(IndexOf(name));

    /// <summary>The value itself, which is the caller's from now on: it must be disposed, before or after this object.</summary>
    public OrtValue Take(string name)
    {
        var i = IndexOf(name);
        var value = At(i);
        _values[i] = null;
        return value;
    }

    /// <summary>Frees the values.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        foreach (var value in _values) value?.Dispose();
        foreach (var buffer in _widened)
            if (buffer is not null) ArrayPool<float>.Shared.Return(buffer);
        _lease.Leave();
    }

    private int IndexOf(string name)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        var i = Array.IndexOf(_names, name);
        return i >= 0 ? i : throw new KeyNotFoundException($"This run gave no \"{name}\"; it gave {string.Join(", ", _names)}.");
    }

    private OrtValue At(int i) => _values[i] ?? throw new InvalidOperationException($"\"{_names[i]}\" was taken.");

    private long[] ShapeAt(int i) => _shapes[i] ??= At(i).GetTensorTypeAndShape().Shape;

    private int CountAt(int i)
    {
        long count = 1;
        foreach (var d in ShapeAt(i)) count *= d;
        return checked((int)count);
    }
}
