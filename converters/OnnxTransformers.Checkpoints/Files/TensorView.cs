using System.IO.MemoryMappedFiles;

namespace OnnxTransformers.Checkpoints;

/// <summary>The bytes of a tensor where they lie in the mapped file, without a copy. It stays valid until it is disposed itself, even when the checkpoint is disposed before.</summary>
/// <remarks>Touching it makes its pages resident; use <see cref="ITensorSource.Read"/> to stream. If another program cuts the file short meanwhile, touching the lost part ends the process.</remarks>
public sealed unsafe class TensorView : IDisposable
{
    private readonly MemoryMappedViewAccessor? _view;
    private byte* _start;

    internal TensorView(MemoryMappedViewAccessor? view, long length)
    {
        (_view, Length) = (view, length);
        if (view is null) return;
        byte* pages = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref pages);
        _start = pages + view.PointerOffset;
    }

    /// <summary>Bytes.</summary>
    public long Length { get; }

    /// <summary>All bytes of a tensor of less than 2 GiB.</summary>
    /// <exception cref="OverflowException">It is larger: use <see cref="Slice"/>.</exception>
    public ReadOnlySpan<byte> Bytes => Slice(0, checked((int)Length));

    /// <summary>A part of the bytes. The span must not be used after this view is disposed.</summary>
    public ReadOnlySpan<byte> Slice(long offset, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length - length);
        if (length == 0) return [];
        ObjectDisposedException.ThrowIf(_start == null, this);
        return new ReadOnlySpan<byte>(_start + offset, length);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_start == null) return;
        _start = null;
        _view!.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
    }
}
