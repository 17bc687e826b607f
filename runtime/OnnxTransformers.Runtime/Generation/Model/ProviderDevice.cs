using System.Collections.Concurrent;
using Microsoft.ML.OnnxRuntime;
using Ort = Microsoft.ML.OnnxRuntime;

namespace OnnxTransformers.Generation;

/// <summary>A provider's device: values are copied there, by graphs of one operator.</summary>
internal sealed class ProviderDevice : CacheDevice
{
    private static readonly long[] One = [1];
    private readonly ConcurrentDictionary<(ElementType, int, string), Lazy<InferenceSession>> _copiers = [];
    private readonly RuntimeOptions _options;
    private readonly OrtAllocator _allocator;
    private readonly RunOptions _runOptions = new();
    private readonly SessionLease _lease;

    /// <param name="session">A session that computes on the device, for its memory.</param>
    /// <param name="options">How copying graphs are opened.</param>
    /// <param name="memory">ONNX Runtime's name of the device's memory, as "Cuda".</param>
    /// <param name="deviceId">Which device.</param>
    internal ProviderDevice(InferenceSession session, RuntimeOptions options, string memory, int deviceId)
    {
        _options = options;
        IsHost = memory == "Cpu";
        Memory = new OrtMemoryInfo(memory, OrtAllocatorType.DeviceAllocator, deviceId, OrtMemType.Default);
        _allocator = new OrtAllocator(session, Memory);
        _lease = new SessionLease(new Natives(this));
    }

    internal override OrtMemoryInfo Memory { get; }

    internal override bool IsHost { get; }

    internal override OrtValue Allocate(ElementType type, long[] shape, bool zeroed)
    {
        if (shape.Contains(0)) return OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, Native(type), shape);
        // Kernels read a buffer further than the text, and what was there before may be no number at all.
        return Owned.By(OrtValue.CreateAllocatedTensorValue(_allocator, Native(type), shape), value => Cleared(value, type, shape));
    }

    internal override OrtValue SelectRows(OrtValue value, ReadOnlySpan<int> rows)
    {
        var wanted = new long[rows.Length];
        for (var i = 0; i < wanted.Length; i++) wanted[i] = rows[i];
        using var indices = OrtValue.CreateTensorValueFromMemory(wanted, [wanted.Length]);
        return Copy(value, "Gather", [("indices", indices)]);
    }

    internal override OrtValue Crop(OrtValue value, int axis, int length)
    {
        using var starts = OrtValue.CreateTensorValueFromMemory(new long[] { 0 }, One);
        using var ends = OrtValue.CreateTensorValueFromMemory(new long[] { length }, One);
        using var axes = OrtValue.CreateTensorValueFromMemory(new long[] { axis }, One);
        return Copy(value, "Slice", [("starts", starts), ("ends", ends), ("axes", axes)]);
    }

    internal override void Enter() => _lease.Enter();

    internal override void Leave() => _lease.Leave();

    public override void Dispose() => _lease.Close();

    private OrtValue Cleared(OrtValue value, ElementType type, long[] shape)
    {
        using var zero = OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, Native(type), [.. shape.Select(_ => 1L)]);
        zero.GetTensorMutableRawData().Clear();
        using var dimensions = OrtValue.CreateTensorValueFromMemory(shape, [shape.Length]);
        Run(zero, "Expand", [("shape", dimensions)], binding => binding.BindOutput("y", value)).Dispose();
        return value;
    }

    private OrtValue Copy(OrtValue value, string op, ReadOnlySpan<(string Name, OrtValue Value)> others) => Run(value, op, others, binding => binding.BindOutputToDevice("y", Memory));

    private OrtValue Run(OrtValue value, string op, ReadOnlySpan<(string Name, OrtValue Value)> others, Action<OrtIoBinding> bindOutput)
    {
        var info = value.GetTensorTypeAndShape();
        var session = _copiers.GetOrAdd((OrtTypes.From(info.ElementDataType), info.DimensionsCount, op), key => new(() => Open(key.Item1, key.Item2, key.Item3))).Value;
        using var binding = session.CreateIoBinding();
        binding.BindInput("x", value);
        foreach (var (name, other) in others) binding.BindInput(name, other);
        bindOutput(binding);
        session.RunWithBinding(_runOptions, binding);
        // The collection holds one value, which goes to the caller.
        return binding.GetOutputValues()[0];
    }

    private InferenceSession Open(ElementType type, int rank, string op)
    {
        using var native = new Ort.SessionOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
        Providers.Append(native, _options, $"opening a graph that copies caches ({op})");
        return new InferenceSession(CopyGraph.Write(type, rank, op), native);
    }

    /// <summary>What the last one to leave frees: buffers are freed by the allocator that made them.</summary>
    private sealed class Natives(ProviderDevice device) : IDisposable
    {
        public void Dispose()
        {
            foreach (var copier in device._copiers.Values) copier.Value.Dispose();
            device._runOptions.Dispose();
            device._allocator.Dispose();
            device.Memory.Dispose();
        }
    }
}
