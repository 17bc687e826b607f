using System.Collections.Immutable;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace OnnxTransformers.Generation;

/// <summary>The inputs and outputs of a decoder's steps, bound to values where they are. What stays the same from step to step stays bound. A cache has one and keeps the graph open with it; not thread-safe.</summary>
internal sealed class StepBinding : IDisposable
{
    private readonly InferenceSession _session;
    private readonly SessionLease _lease;
    private readonly OrtIoBinding _native;
    private readonly string _doing;
    private readonly Dictionary<string, HostInput> _inputs = new(4, StringComparer.Ordinal);
    private readonly OrtValue?[] _pasts;
    private readonly OrtValue?[] _presents;
    private ImmutableArray<string> _bound = [];
    private OrtValue? _scores;
    private bool _disposed;

    internal StepBinding(InferenceSession session, SessionLease lease, string doing, int slots)
    {
        lease.Enter();
        (_session, _lease, _doing, _pasts, _presents) = (session, lease, doing, new OrtValue?[slots], new OrtValue?[slots]);
        try
        {
            _native = session.CreateIoBinding();
        }
        catch
        {
            lease.Leave();
            throw;
        }
    }

    /// <summary>The place for an input's elements, row-major; what stands there is undefined. <see cref="Bind"/> gives it to the run.</summary>
    /// <param name="name">The input's name.</param>
    /// <param name="declared">The type that the graph takes; elements are given as int64 all the same, booleans as 0 and 1.</param>
    /// <param name="shape">Its dimensions; none for a scalar.</param>
    internal Span<long> Input(string name, ElementType declared, params scoped ReadOnlySpan<long> shape)
    {
        if (!_inputs.TryGetValue(name, out var input)) _inputs.Add(name, input = new HostInput(declared));
        return input.Prepare(shape);
    }

    /// <summary>Binds an input that was filled. Providers copy it to their device now, so this is done each step.</summary>
    /// <returns>Its bytes.</returns>
    internal long Bind(string name)
    {
        var input = _inputs[name];
        _native.BindInput(name, input.Value());
        return input.Bytes;
    }

    /// <summary>Binds the value of a slot of the cache, which stays the cache's.</summary>
    internal void Past(int slot, string name, OrtValue value)
    {
        if (ReferenceEquals(_pasts[slot], value)) return;
        _native.BindInput(name, value);
        _pasts[slot] = value;
    }

    /// <summary>Says what the next run gives besides the cache; where it is something else than before, nothing is bound any more.</summary>
    internal void Outputs(ImmutableArray<string> names)
    {
        if (_bound.AsSpan().SequenceEqual(names.AsSpan())) return;
        Forget();
        _bound = names;
    }

    /// <summary>Lets go of all values, so that those of the cache that are replaced are freed at once.</summary>
    internal void Forget()
    {
        _native.ClearBoundInputs();
        _native.ClearBoundOutputs();
        Array.Clear(_pasts);
        Array.Clear(_presents);
        _bound = [];
    }

    /// <summary>Lets the run write scores into a value on the host that is used again when its reader has given it back.</summary>
    internal OrtValue Scores(string name, ElementType type, long[] shape)
    {
        var value = _scores is { } kept && kept.GetTensorTypeAndShape().Shape.AsSpan().SequenceEqual(shape) ? kept : null;
        if (value is null)
        {
            _scores?.Dispose();
            value = OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, (TensorElementType)(int)type, shape);
        }
        _scores = null;
        _native.BindOutput(name, value);
        return value;
    }

    /// <summary>Takes scores back that nobody reads any more.</summary>
    internal void Return(OrtValue scores)
    {
        if (_disposed || _scores is not null) scores.Dispose();
        else _scores = scores;
    }

    /// <summary>Lets the run allocate an output in a memory.</summary>
    internal void Output(string name, OrtMemoryInfo memory) => _native.BindOutputToDevice(name, memory);

    /// <summary>Lets the run write a slot of the cache into a value that stays the cache's.</summary>
    internal void Present(int slot, string name, OrtValue value)
    {
        if (ReferenceEquals(_presents[slot], value)) return;
        _native.BindOutput(name, value);
        _presents[slot] = value;
    }

    /// <summary>Runs the graph.</summary>
    /// <exception cref="InvalidInputException">ONNX Runtime refuses the values.</exception>
    /// <exception cref="ObjectDisposedException">The model was disposed.</exception>
    /// <returns>The time that it took.</returns>
    internal TimeSpan Run(CancellationToken cancellation)
    {
        _lease.Enter();
        // What fails is thrown; a run that is broken off within a branch would be logged as an error, too.
        using var options = new RunOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL };
        using var registration = cancellation.UnsafeRegister(static o => ((RunOptions)o!).Terminate = true, options);
        var begun = Stopwatch.GetTimestamp();
        try
        {
            _session.RunWithBinding(options, _native);
            return Stopwatch.GetElapsedTime(begun);
        }
        catch (OnnxRuntimeException e)
        {
            cancellation.ThrowIfCancellationRequested();
            throw new InvalidInputException(_doing, new Problem("inputs", $"ONNX Runtime could not run the graph on them ({e.Message.ReplaceLineEndings(" ").Trim()})"), e);
        }
        finally
        {
            _lease.Leave();
        }
    }

    /// <summary>What the run gave, in the order in which it was bound; the values are the caller's.</summary>
    internal IReadOnlyList<OrtValue> Given() => _native.GetOutputValues();

    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _native.Dispose();
        foreach (var input in _inputs.Values) input.Dispose();
        _scores?.Dispose();
        _lease.Leave();
    }

    /// <summary>An input that the host fills, in memory that does not move.</summary>
    private sealed class HostInput(ElementType declared) : IDisposable
    {
        private readonly int _width = declared switch { ElementType.Int64 => 8, ElementType.Bool => 1, _ => 4 };
        private long[] _filled = [];
        private byte[] _narrow = [];
        private long[] _shape = [];
        private int _count;
        private OrtValue? _value;

        internal long Bytes => (long)_count * _width;

        internal Span<long> Prepare(scoped ReadOnlySpan<long> shape)
        {
            if (_value is not null && shape.SequenceEqual(_shape)) return _filled.AsSpan(0, _count);
            _value?.Dispose();
            _value = null;
            _shape = shape.ToArray();
            _count = 1;
            foreach (var d in shape) _count = checked(_count * (int)d);
            // Masks grow by a token each step.
            if (_filled.Length < _count)
            {
                _filled = GC.AllocateUninitializedArray<long>(Math.Max(_count, 2 * _filled.Length), pinned: true);
                if (declared != ElementType.Int64) _narrow = GC.AllocateUninitializedArray<byte>(_filled.Length * _width, pinned: true);
            }
            return _filled.AsSpan(0, _count);
        }

        internal OrtValue Value()
        {
            if (declared == ElementType.Bool)
                for (var i = 0; i < _count; i++) _narrow[i] = (byte)_filled[i];
            else if (declared != ElementType.Int64) Narrowing.Copy(MemoryMarshal.AsBytes(_filled.AsSpan(0, _count)), ElementType.Int64, _narrow.AsSpan(0, _count * _width), declared);
            return _value ??= OrtValue.CreateTensorValueWithData(OrtMemoryInfo.DefaultInstance, (TensorElementType)(int)declared, _shape, Address(), Bytes);
        }

        public void Dispose() => _value?.Dispose();

        private nint Address() => declared == ElementType.Int64 ? Marshal.UnsafeAddrOfPinnedArrayElement(_filled, 0) : Marshal.UnsafeAddrOfPinnedArrayElement(_narrow, 0);
    }
}
