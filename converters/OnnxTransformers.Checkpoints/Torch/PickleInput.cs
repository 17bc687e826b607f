using System.Buffers.Binary;
using System.Text;

namespace OnnxTransformers.Checkpoints;

/// <summary>A part of a file, read forwards through a small buffer.</summary>
internal sealed class PickleInput(InputFile file, long start, long end)
{
    private readonly byte[] _buffer = new byte[Math.Clamp(end - start, 16, 1 << 16)];
    private int _at;
    private int _filled;
    private long _next = start;

    internal string File => file.Name;

    /// <summary>The next byte's position in the file.</summary>
    internal long Position => _next - (_filled - _at);

    internal long Remaining => end - Position;

    internal byte Byte() => Take(1)[0];

    internal ushort UInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Take(2));

    internal int Int32() => BinaryPrimitives.ReadInt32LittleEndian(Take(4));

    internal uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    internal ulong UInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

    internal byte[] Bytes(ulong length)
    {
        var bytes = new byte[Within(length)];
        var buffered = Math.Min(bytes.Length, _filled - _at);
        _buffer.AsSpan(_at, buffered).CopyTo(bytes);
        _at += buffered;
        file.Read(_next, bytes.AsSpan(buffered));
        _next += bytes.Length - buffered;
        return bytes;
    }

    internal string Text(ulong length)
    {
        try
        {
            return length <= 256 ? Strict.GetString(Take(Within(length))) : Strict.GetString(Bytes(length));
        }
        catch (DecoderFallbackException e)
        {
            throw Wrong("a text that is not UTF-8", e);
        }
    }

    internal void Skip(ulong length)
    {
        var n = Within(length);
        var buffered = Math.Min(n, _filled - _at);
        _at += buffered;
        _next += n - buffered;
    }

    /// <summary>A line of a few hundred characters, without its end.</summary>
    internal string Line()
    {
        var line = new StringBuilder();
        for (var b = Byte(); b != '\n'; b = Byte())
        {
            if (line.Length == 512 || b is < 0x20 or > 0x7e) throw Wrong("a name that is none");
            line.Append((char)b);
        }
        return line.ToString();
    }

    internal CorruptCheckpointException Wrong(string found, Exception? inner = null) =>
        new($"reading the pickle in {file.Name}", new Problem($"byte {Position}", found, Next: "download the file again"), inner);

    private static UTF8Encoding Strict { get; } = new(false, throwOnInvalidBytes: true);

    private int Within(ulong length) => length <= (ulong)Remaining
        && length <= int.MaxValue ? (int)length : throw Wrong($"a value of {length} bytes where {Remaining} are left");

    private ReadOnlySpan<byte> Take(int length)
    {
        if (_filled - _at < length)
        {
            if (Remaining < length) throw Wrong("it ends in the middle");
            var kept = _filled - _at;
            _buffer.AsSpan(_at, kept).CopyTo(_buffer);
            var more = (int)Math.Min(_buffer.Length - kept, end - _next);
            file.Read(_next, _buffer.AsSpan(kept, more));
            (_at, _filled, _next) = (0, kept + more, _next + more);
        }
        _at += length;
        return _buffer.AsSpan(_at - length, length);
    }
}
