using System.Buffers;
using Microsoft.Win32.SafeHandles;

namespace OnnxTransformers.Graphs.Onnx;

/// <summary>Walks the fields of a protobuf file one after the other without loading it: what is large can be stepped over.</summary>
internal sealed class WireReader(SafeFileHandle file, string name)
{
    internal const int Varint = 0;
    internal const int Fixed64 = 1;
    internal const int Bytes = 2;
    internal const int Fixed32 = 5;

    private readonly byte[] _buffer = new byte[64 << 10];
    private long _bufferStart;
    private int _at;
    private int _end;

    internal long Length { get; } = RandomAccess.GetLength(file);

    internal long Position => _bufferStart + _at;

    /// <summary>The next field's number, its wire type, and for <see cref="Bytes"/> the length of its content, which lies before <paramref name="limit"/>.</summary>
    internal (int Field, int Wire, long Length) Next(long limit)
    {
        var start = Position;
        var tag = ReadVarint(limit);
        var (field, wire) = (tag >> 3, (int)(tag & 7));
        if (field is 0 or > (1 << 29) - 1 || wire is not (Varint or Fixed64 or Bytes or Fixed32)) throw Corrupt(start, $"a field that protobuf doesn't have (tag {tag})");
        var length = wire switch { Bytes => ReadVarint(limit), Fixed64 => 8ul, Fixed32 => 4ul, _ => 0ul };
        if (length > (ulong)(limit - Position)) throw Corrupt(start, $"field {field} is {length} bytes long, {limit - Position} are left");
        return ((int)field, wire, (long)length);
    }

    /// <summary>Copies the content of a field, with its tag, to <paramref name="to"/>.</summary>
    internal void Copy((int Field, int Wire, long Length) field, long limit, IBufferWriter<byte> to)
    {
        WriteVarint(to, ((ulong)field.Field << 3) | (uint)field.Wire);
        if (field.Wire == Varint)
        {
            WriteVarint(to, ReadVarint(limit));
            return;
        }
        if (field.Wire == Bytes) WriteVarint(to, (ulong)field.Length);
        for (var left = field.Length; left > 0;)
        {
            if (_at == _end) Fill();
            var n = (int)Math.Min(left, _end - _at);
            to.Write(_buffer.AsSpan(_at, n));
            _at += n;
            left -= n;
        }
    }

    internal void Skip(long bytes)
    {
        if (bytes <= _end - _at)
        {
            _at += (int)bytes;
            return;
        }
        _bufferStart = Position + bytes;
        (_at, _end) = (0, 0);
    }

    internal CorruptCheckpointException Corrupt(long at, string found, Exception? inner = null) =>
        new($"reading {name}", new Problem($"byte {at}", found, null, "fetch the file again, or check that it is an ONNX model"), inner);

    private ulong ReadVarint(long limit)
    {
        var start = Position;
        ulong value = 0;
        for (var shift = 0; shift < 64; shift += 7)
        {
            if (Position >= limit) throw Corrupt(start, "the file or message ends inside a number");
            if (_at == _end) Fill();
            var b = _buffer[_at++];
            value |= (ulong)(b & 0x7F) << shift;
            if (b < 0x80) return value;
        }
        throw Corrupt(start, "a number of more than 64 bits");
    }

    private void Fill()
    {
        _bufferStart += _end;
        _at = 0;
        _end = RandomAccess.Read(file, _buffer, _bufferStart);
        if (_end == 0) throw Corrupt(_bufferStart, "the file ends here, while it is being read");
    }

    private static void WriteVarint(IBufferWriter<byte> to, ulong value)
    {
        var span = to.GetSpan(10);
        var n = 0;
        for (; value >= 0x80; value >>= 7) span[n++] = (byte)(value | 0x80);
        span[n++] = (byte)value;
        to.Advance(n);
    }
}
