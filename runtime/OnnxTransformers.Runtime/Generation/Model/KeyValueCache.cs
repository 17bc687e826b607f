using System.Collections.Immutable;
using Microsoft.ML.OnnxRuntime;

namespace OnnxTransformers.Generation;

/// <summary>The keys and values of a graph, or other states, where its provider computes.</summary>
internal sealed class KeyValueCache : IModelCache
{
    private readonly ImmutableArray<CacheSlot> _slots;
    private readonly CacheDevice _device;
    private readonly OrtValue?[] _values;
    private bool _holdsDevice;
    private bool _disposed;

    internal KeyValueCache(ImmutableArray<CacheSlot> slots, CacheDevice device, CacheStrategy strategy, int capacity)
    {
        (_slots, _device, Strategy) = (slots, device, strategy);
        Capacity = strategy == CacheStrategy.Shared ? capacity : int.MaxValue;
        _values = new OrtValue[slots.Length];
        CanCrop = slots.All(s => s.LengthAxis >= 0 && (s.Window is null || device.IsHost));
    }

    internal CacheStrategy Strategy { get; }

    public int Rows { get; private set; }

    public int Length { get; private set; }

    public int Capacity { get; }

    public bool CanCrop { get; }

    public long HostBytes { get; internal set; }

    public TimeSpan RunTime { get; internal set; }

    /// <summary>What the model has bound for this cache's steps; it ends with the cache.</summary>
    internal StepBinding? Binding { get; set; }

    /// <summary>Prepares for a step: an empty cache gets its first values.</summary>
    /// <exception cref="InvalidInputException">The buffer is too short, or the rows are others.</exception>
    /// <exception cref="ObjectDisposedException">The model was disposed.</exception>
    internal void Begin(int rows, int tokens)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (Rows != 0 && rows != Rows) throw new InvalidInputException("running a step", new Problem("cache", $"{Rows} sequences, and the step has {rows}", "as many as the step"));
        if (Strategy == CacheStrategy.Shared && Length + tokens > Capacity)
            throw new InvalidInputException("running a step", new Problem("cache", $"{Length + tokens} tokens", $"{Capacity}, for which the buffer was made"));
        if (Rows != 0) return;
        if (!_holdsDevice) _device.Enter();
        _holdsDevice = true;
        // Where there was no memory for all, the cache stayed empty and may be tried again.
        Free();
        for (var i = 0; i < _slots.Length; i++) _values[i] = _device.Allocate(_slots[i].Type, _slots[i].Dimensions(rows, Strategy == CacheStrategy.Shared ? _slots[i].Room(Capacity, _device.IsHost) : 0), zeroed: _slots[i].LengthAxis < 0);
        Rows = rows;
    }

    /// <summary>The value of a slot; it stays the cache's.</summary>
    internal OrtValue Value(int slot) => _values[slot]!;

    /// <summary>Takes what a step gave: in the order of the slots, or nothing where the buffer was written into.</summary>
    internal void End(IReadOnlyList<OrtValue> presents, int first, int tokens)
    {
        // A graph without past and present reads everything again at each step.
        if (_slots.IsEmpty) return;
        Length += tokens;
        if (Strategy == CacheStrategy.Shared) return;
        for (var i = 0; i < _slots.Length; i++) Replace(i, presents[first + i]);
    }

    public void Select(ReadOnlySpan<int> rows)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (Rows == 0 || IsIdentity(rows)) return;
        Binding?.Forget();
        for (var i = 0; i < _slots.Length; i++) Replace(i, _device.SelectRows(_values[i]!, rows));
        Rows = rows.Length;
    }

    public void Crop(int length)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (length >= Length) return;
        if (!CanCrop) throw new NotSupportedException("This model's state sums up all tokens or keeps the last ones only, so none can be taken back.");
        Length = length;
        if (Strategy == CacheStrategy.Shared) return;
        for (var i = 0; i < _slots.Length; i++) Replace(i, _device.Crop(_values[i]!, _slots[i].LengthAxis, length));
    }

    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        Binding?.Dispose();
        Free();
        if (_holdsDevice) _device.Leave();
    }

    private bool IsIdentity(ReadOnlySpan<int> rows)
    {
        if (rows.Length != Rows) return false;
        for (var i = 0; i < rows.Length; i++)
            if (rows[i] != i) return false;
        return true;
    }

    private void Free()
    {
        foreach (ref var value in _values.AsSpan())
        {
            value?.Dispose();
            value = null;
        }
    }

    private void Replace(int slot, OrtValue value)
    {
        _values[slot]!.Dispose();
        _values[slot] = value;
    }
}
