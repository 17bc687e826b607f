using System.Collections.Concurrent;
using Microsoft.Win32.SafeHandles;

namespace OnnxTransformers.Graphs.Weights;

/// <summary>Bytes of stored tensors, read from their files with positional reads where they lie there as they are: a mapped file would count as resident memory. Safe to use from several threads.</summary>
internal sealed class StoredBytes(ITensorSource source) : IDisposable
{
    private readonly ConcurrentDictionary<string, Lazy<SafeFileHandle>> _files = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, TensorLocation?> _locations = new(StringComparer.Ordinal);

    /// <summary>Copies bytes of a tensor from <paramref name="offset"/> on until <paramref name="to"/> is full.</summary>
    /// <exception cref="CorruptCheckpointException">They aren't there.</exception>
    internal void Read(TensorInfo tensor, long offset, Span<byte> to)
    {
        if (Locate(tensor) is not { } location)
        {
            source.Read(tensor.Name, offset, to);
            return;
        }
        var handle = _files.GetOrAdd(location.Path, Open).Value;
        var at = location.Offset + offset;
        while (to.Length > 0)
        {
            var n = RandomAccess.Read(handle, to, at);
            if (n == 0)
                throw new CorruptCheckpointException($"reading {Path.GetFileName(location.Path)}", new Problem(tensor.Name, $"the file ends at byte {at}, {to.Length} bytes are missing", null, "fetch the file again"));
            to = to[n..];
            at += n;
        }
    }

    /// <summary>Where a tensor lies; null where it has to be decoded.</summary>
    /// <exception cref="CorruptCheckpointException">The place has another size than the tensor.</exception>
    internal TensorLocation? Locate(TensorInfo tensor)
    {
        if (_locations.TryGetValue(tensor.Name, out var known)) return known;
        var location = source.Locate(tensor.Name);
        if (location is not null && location.Length != tensor.Bytes)
            throw new CorruptCheckpointException($"reading {Path.GetFileName(location.Path)}", new Problem(tensor.Name, $"{location.Length} bytes for {tensor.Type} {tensor.ShapeText}", $"{tensor.Bytes} bytes"));
        return _locations.GetOrAdd(tensor.Name, location);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var file in _files.Values)
            if (file.IsValueCreated) file.Value.Dispose();
        _files.Clear();
    }

    private static Lazy<SafeFileHandle> Open(string path) => new(() => File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read, FileOptions.SequentialScan));
}
