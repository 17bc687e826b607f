namespace OnnxTransformers.Tool.Lines;

/// <summary>Splits a stream into lines of bytes, without waiting for more than a line needs.</summary>
internal sealed class LineReader(Stream stream)
{
    private const int FirstBuffer = 1 << 16;
    private byte[] _buffer = new byte[FirstBuffer];
    private int _start, _end, _scanned;
    private bool _ended;

    /// <summary>True where the next line is here already, so that reading it will not wait.</summary>
    internal bool HasBufferedLine => _buffer.AsSpan(_start, _end - _start).Contains((byte)'\n');

    /// <summary>The next line without its ending, valid until the next call; null at the end.</summary>
    internal async ValueTask<ReadOnlyMemory<byte>?> ReadAsync(CancellationToken cancellation)
    {
        while (true)
        {
            var at = _buffer.AsSpan(_start + _scanned, _end - _start - _scanned).IndexOf((byte)'\n');
            if (at >= 0) return Take(_scanned + at, 1);
            _scanned = _end - _start;
            if (_ended) return _scanned > 0 ? Take(_scanned, 0) : default(ReadOnlyMemory<byte>?);
            MakeRoom();
            // A terminal's or pipe's read can't be interrupted; it is left behind when the program is cancelled.
            var read = await stream.ReadAsync(_buffer.AsMemory(_end), CancellationToken.None).AsTask().WaitAsync(cancellation).ConfigureAwait(false);
            _ended = read == 0;
            _end += read;
        }
    }

    private ReadOnlyMemory<byte> Take(int length, int ending)
    {
        var line = _buffer.AsMemory(_start, length);
        _start += length + ending;
        _scanned = 0;
        return line.Span is [.., (byte)'\r'] ? line[..^1] : line;
    }

    private void MakeRoom()
    {
        if (_end < _buffer.Length) return;
        var target = _start > 0 && _end - _start < _buffer.Length / 2 ? _buffer : new byte[checked(_buffer.Length * 2)];
        _buffer.AsSpan(_start, _end - _start).CopyTo(target);
        (_buffer, _end, _start) = (target, _end - _start, 0);
    }
}
