using System.Buffers;
using System.Runtime.InteropServices;

namespace OnnxTransformers.Checkpoints;

/// <summary>Reads a part of a strided tensor (a transposed weight, a slice of a larger one) in row-major order, with a buffer of 1 MiB whatever its size.</summary>
internal readonly ref struct StridedReader
{
    private const int BufferLength = 1 << 20;

    // Reading a gap is cheaper than another call below this length.
    private const int SmallSpan = 1 << 16;

    // At most this many bytes are read for one that is used, in larger spans.
    private const int MostWaste = 8;

    private readonly InputFile _file;
    private readonly TorchLayout _layout;
    private readonly int _size;
    private readonly byte[] _buffer;

    private StridedReader(InputFile file, TorchLayout layout, byte[] buffer) => (_file, _layout, _size, _buffer) = (file, layout, layout.ElementSize, buffer);

    /// <summary>Fills <paramref name="destination"/> with the tensor's bytes from <paramref name="offset"/> on.</summary>
    internal static void Read(InputFile file, TorchLayout layout, long offset, Span<byte> destination)
    {
        if (layout.Info.Count == 0 || destination.IsEmpty) return;
        if (layout.IsContiguous)
        {
            file.Read(layout.Start + offset, destination);
            return;
        }
        var buffer = ArrayPool<byte>.Shared.Rent(BufferLength);
        try
        {
            new StridedReader(file, layout, buffer).ReadBytes(offset, destination);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // The caller's borders need not be those of elements.
    private void ReadBytes(long offset, Span<byte> destination)
    {
        Span<byte> element = stackalloc byte[16];
        element = element[.._size];
        var (first, inside) = (offset / _size, (int)(offset % _size));
        if (inside > 0)
        {
            Range(0, 0, first++, 1, element);
            var part = element[inside..Math.Min(_size, inside + destination.Length)];
            part.CopyTo(destination);
            destination = destination[part.Length..];
        }
        var whole = destination.Length / _size;
        Range(0, 0, first, whole, destination[..(whole * _size)]);
        destination = destination[(whole * _size)..];
        if (destination.IsEmpty) return;
        Range(0, 0, first + whole, 1, element);
        element[..destination.Length].CopyTo(destination);
    }

    // Elements [first, first + count) of the dimensions from `dimension` on: an incomplete row, whole rows, an incomplete row.
    private void Range(int dimension, long origin, long first, long count, Span<byte> destination)
    {
        if (count == 0) return;
        var (extents, stride) = (_layout.Extents, _layout.Strides[dimension]);
        var row = 1L;
        foreach (var extent in extents.AsSpan(dimension + 1)) row *= extent;
        var inside = first % row;
        if (inside > 0)
        {
            var part = Math.Min(count, row - inside);
            Range(dimension + 1, origin + first / row * stride, inside, part, destination[..(int)(part * _size)]);
            destination = destination[(int)(part * _size)..];
            (first, count) = (first + part, count - part);
        }
        var rows = count / row;
        if (rows > 0)
        {
            var length = (int)(rows * row * _size);
            Span<long> box = [rows, .. extents.AsSpan(dimension + 1)];
            Span<long> steps = stackalloc long[box.Length];
            steps[^1] = 1;
            for (var i = box.Length - 2; i >= 0; i--) steps[i] = steps[i + 1] * box[i + 1];
            Box(origin + first / row * stride, box, _layout.Strides.AsSpan(dimension), steps, destination[..length]);
            destination = destination[length..];
            (first, count) = (first + rows * row, count - rows * row);
        }
        if (count > 0) Range(dimension + 1, origin + first / row * stride, 0, count, destination);
    }

    // A box of elements, read at once where it is small and dense enough, and halved along its longest way through the file where it isn't.
    private void Box(long origin, ReadOnlySpan<long> box, ReadOnlySpan<long> strides, ReadOnlySpan<long> steps, Span<byte> destination)
    {
        var (span, count, longest) = (1L, 1L, 0);
        for (var i = 0; i < box.Length; i++)
        {
            span += (box[i] - 1) * strides[i];
            count *= box[i];
            if ((box[i] - 1) * strides[i] > (box[longest] - 1) * strides[longest]) longest = i;
        }
        if (span * _size <= SmallSpan || (span * _size <= BufferLength && span / MostWaste <= count))
        {
            var bytes = _buffer.AsSpan(0, (int)span * _size);
            _file.Read(_layout.Start + origin * _size, bytes);
            Scatter(bytes, box, strides, steps, destination);
            return;
        }
        Span<long> half = [.. box];
        half[longest] = box[longest] / 2;
        Box(origin, half, strides, steps, destination);
        var moved = half[longest];
        half[longest] = box[longest] - moved;
        Box(origin + moved * strides[longest], half, strides, steps, destination[(int)(moved * steps[longest] * _size)..]);
    }

    private void Scatter(ReadOnlySpan<byte> source, ReadOnlySpan<long> box, ReadOnlySpan<long> strides, ReadOnlySpan<long> steps, Span<byte> destination)
    {
        switch (_size)
        {
            case 1: Scatter<byte>(source, box, strides, steps, destination); break;
            case 2: Scatter<ushort>(source, box, strides, steps, destination); break;
            case 4: Scatter<uint>(source, box, strides, steps, destination); break;
            case 8: Scatter<ulong>(source, box, strides, steps, destination); break;
            default: Scatter<UInt128>(source, box, strides, steps, destination); break;
        }
    }

    private static void Scatter<T>(ReadOnlySpan<byte> source, ReadOnlySpan<long> box, ReadOnlySpan<long> strides, ReadOnlySpan<long> steps, Span<byte> destination) where T : unmanaged =>
        Copy(MemoryMarshal.Cast<byte, T>(source), box, strides, steps, MemoryMarshal.Cast<byte, T>(destination));

    private static void Copy<T>(ReadOnlySpan<T> source, ReadOnlySpan<long> box, ReadOnlySpan<long> strides, ReadOnlySpan<long> steps, Span<T> destination) where T : unmanaged
    {
        var (stride, step) = ((int)strides[0], (int)steps[0]);
        if (box.Length == 1)
        {
            for (var i = 0; i < (int)box[0]; i++) destination[i * step] = source[i * stride];
            return;
        }
        for (var i = 0; i < (int)box[0]; i++) Copy(source[(i * stride)..], box[1..], strides[1..], steps[1..], destination[(i * step)..]);
    }
}
