using System.Buffers;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace OnnxTransformers;

/// <summary>The inputs of one run: buffers from a pool that the caller fills, row-major. Integers are given as int64 and floats as float32; the session narrows them to what the graph declares.</summary>
/// <remarks>Not thread-safe; make one for each run, and dispose it when the run is over.</remarks>
public sealed class Feeds : IDisposable
{
    private readonly List<Entry> _entries = new(4);

    /// <summary>Number of inputs given so far.</summary>
    public int Count => _entries.Count;

    /// <summary>Adds an input of int64 and gives the place for its elements (what stands there is undefined).</summary>
    public Span<long> Int64(string name, params ReadOnlySpan<long> shape) => Add(new Buffer<long>(name, shape));

    /// <summary>Adds an input of float32 and gives the place for its elements (what stands there is undefined).</summary>
    public Span<float> Float(string name, params ReadOnlySpan<long> shape) => Add(new Buffer<float>(name, shape));

    /// <summary>Adds an input of booleans and gives the place for its elements (what stands there is undefined).</summary>
    public Span<bool> Bool(string name, params ReadOnlySpan<long> shape) => Add(new Buffer<bool>(name, shape));

    /// <summary>Adds a value that lives elsewhere, as a cache that an earlier run gave. It stays the caller's.</summary>
    public void Value(string name, OrtValue value) => _entries.Add(new Borrowed(name, value));

    /// <summary>Gives the buffers back to the pool.</summary>
    public void Dispose()
    {
        foreach (var entry in _entries) entry.Dispose();
        _entries.Clear();
    }

    internal IReadOnlyList<Entry> Entries => _entries;

    private Span<T> Add<T>(Buffer<T> buffer) where T : unmanaged
    {
        _entries.Add(buffer);
        return buffer.Span;
    }

    internal abstract class Entry(string name) : IDisposable
    {
        internal string Name { get; } = name;

        internal abstract ElementType Type { get; }

        internal abstract ReadOnlySpan<long> Shape { get; }

        /// <summary>True where <see cref="Native"/> can make the declared type of what was given.</summary>
        internal abstract bool Fits(ElementType declared);

        /// <summary>The value for the run, in the type that the graph declares.</summary>
        internal abstract OrtValue Native(ElementType declared);

        /// <summary>Frees what <see cref="Native"/> made for one run.</summary>
        internal abstract void Release(OrtValue native);

        public abstract void Dispose();
    }

    private sealed class Borrowed(string name, OrtValue value) : Entry(name)
    {
        private readonly OrtTensorTypeAndShapeInfo _info = value.GetTensorTypeAndShape();

        internal override ElementType Type => OrtTypes.From(_info.ElementDataType);

        internal override ReadOnlySpan<long> Shape => _info.Shape;

        internal override bool Fits(ElementType declared) => Type == declared;

        internal override OrtValue Native(ElementType declared) => value;

        internal override void Release(OrtValue native) { }

        public override void Dispose() { }
    }

    private sealed class Buffer<T> : Entry where T : unmanaged
    {
        private readonly long[] _shape;
        private readonly int _count;
        private T[] _data;

        internal Buffer(string name, ReadOnlySpan<long> shape) : base(name)
        {
            _shape = shape.ToArray();
            long count = 1;
            foreach (var d in shape) count = checked(count * d);
            _count = checked((int)count);
            _data = ArrayPool<T>.Shared.Rent(_count);
        }

        internal Span<T> Span => _data.AsSpan(0, _count);

        internal override ElementType Type => typeof(T) == typeof(long) ? ElementType.Int64 : typeof(T) == typeof(float) ? ElementType.Float : ElementType.Bool;

        internal override ReadOnlySpan<long> Shape => _shape;

        internal override bool Fits(ElementType declared) => declared == Type
            || (typeof(T) == typeof(long) && declared == ElementType.Int32)
            || (typeof(T) == typeof(float) && declared is ElementType.Float16 or ElementType.BFloat16);

        internal override OrtValue Native(ElementType declared)
        {
            if (_count == 0) return OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, (TensorElementType)(int)declared, _shape);
            if (declared == Type) return OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, _data.AsMemory(0, _count), _shape);
            var value = OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, (TensorElementType)(int)declared, _shape);
            Narrowing.Copy(MemoryMarshal.AsBytes(Span), Type, value.GetTensorMutableRawData(), declared);
            return value;
        }

        internal override void Release(OrtValue native) => native.Dispose();

        public override void Dispose()
        {
            if (_data.Length > 0) ArrayPool<T>.Shared.Return(_data);
            _data = [];
        }
    }
}
