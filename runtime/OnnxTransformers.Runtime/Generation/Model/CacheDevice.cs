using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace OnnxTransformers.Generation;

/// <summary>Where a cache lives, and the copying that happens there.</summary>
internal abstract class CacheDevice : IDisposable
{
    /// <summary>The memory that values are bound to.</summary>
    internal abstract OrtMemoryInfo Memory { get; }

    /// <summary>Whether host and device are one.</summary>
    internal abstract bool IsHost { get; }

    internal abstract OrtValue Allocate(ElementType type, long[] shape, bool zeroed);

    /// <summary>A copy of some rows of a value.</summary>
    internal abstract OrtValue SelectRows(OrtValue value, ReadOnlySpan<int> rows);

    /// <summary>A copy of a value with the beginning of one dimension only.</summary>
    internal abstract OrtValue Crop(OrtValue value, int axis, int length);

    /// <summary>Keeps the device open for a cache that holds values, also where the model is disposed first.</summary>
    /// <exception cref="ObjectDisposedException">The model was disposed.</exception>
    internal abstract void Enter();

    /// <summary>The cache is gone.</summary>
    internal abstract void Leave();

    public abstract void Dispose();

    private protected static TensorElementType Native(ElementType type) => (TensorElementType)(int)type;
}

/// <summary>The processor: values are copied in blocks.</summary>
internal sealed class HostDevice : CacheDevice
{
    internal static HostDevice Instance { get; } = new();

    internal override OrtMemoryInfo Memory => OrtMemoryInfo.DefaultInstance;

    internal override bool IsHost => true;

    internal override OrtValue Allocate(ElementType type, long[] shape, bool zeroed)
    {
        var value = OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, Native(type), shape);
        if (zeroed) value.GetTensorMutableRawData().Clear();
        return value;
    }

    internal override OrtValue SelectRows(OrtValue value, ReadOnlySpan<int> rows)
    {
        var info = value.GetTensorTypeAndShape();
        var shape = info.Shape;
        var had = (int)shape[0];
        shape[0] = rows.Length;
        var target = OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, info.ElementDataType, shape);
        if (info.ElementCount == 0) return target;
        var from = value.GetTensorMutableRawData();
        var to = target.GetTensorMutableRawData();
        var row = from.Length / had;
        for (var i = 0; i < rows.Length; i++) from.Slice(rows[i] * row, row).CopyTo(to[(i * row)..]);
        return target;
    }

    internal override OrtValue Crop(OrtValue value, int axis, int length)
    {
        var info = value.GetTensorTypeAndShape();
        var shape = info.Shape;
        var had = (int)shape[axis];
        shape[axis] = length;
        var target = OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, info.ElementDataType, shape);
        var from = value.GetTensorMutableRawData();
        var to = target.GetTensorMutableRawData();
        if (to.IsEmpty) return target;
        var blocks = 1L;
        for (var i = 0; i < axis; i++) blocks *= shape[i];
        var (wide, narrow) = ((int)(from.Length / blocks), (int)(to.Length / blocks));
        for (var i = 0; i < blocks; i++) from.Slice(i * wide, narrow).CopyTo(to[(i * narrow)..]);
        return target;
    }

    internal override void Enter()
    {
        // The processor's memory is always there.
    }

    internal override void Leave()
    {
        // See above.
    }

    public override void Dispose()
    {
        // The memory description is ONNX Runtime's own.
    }
}
