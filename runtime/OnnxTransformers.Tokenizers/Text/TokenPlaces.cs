namespace OnnxTransformers.Tokenizers;

/// <summary>Packs where tokens are: nearly always one byte holds how far after the end of the token before a token begins, how long it is, and whether it begins the next word.</summary>
internal sealed class PlaceWriter
{
    // Bit 7: the next word. Bits 4 to 6: the gap plus 2, as the second token of a character begins where the first did. Bits 0 to 3: the length.
    internal const int WordBit = 7, GapBit = 4, LeastGap = -2, MostGap = 5, MostLength = 14, Other = 15;

    private const int MostBytes = 16;

    private byte[] _bytes = new byte[1024];
    private int _length;
    private int _end;
    private int _word;

    /// <summary>Begins with nothing.</summary>
    internal void Clear() => _length = 0;

    /// <summary>Begins a sequence, whose words count from 0.</summary>
    internal void Begin() => (_end, _word) = (0, -1);

    internal void Add(Offset offset, int word)
    {
        if (_length + MostBytes > _bytes.Length) Array.Resize(ref _bytes, _bytes.Length * 2);
        var (gap, length, step) = (offset.Start - _end, offset.End - offset.Start, word - _word);
        (_end, _word) = (offset.End, word);
        if (gap is >= LeastGap and <= MostGap && (uint)length <= MostLength && (uint)step <= 1)
        {
            _bytes[_length++] = (byte)(step << WordBit | gap - LeastGap << GapBit | length);
            return;
        }
        _bytes[_length++] = Other;
        AddNumber(gap);
        AddNumber(length);
        AddNumber(step);
    }

    internal byte[] ToArray() => _bytes.AsSpan(0, _length).ToArray();

    private void AddNumber(int number)
    {
        var rest = (uint)(number << 1 ^ number >> 31);
        for (; rest > 127; rest >>= 7) _bytes[_length++] = (byte)(rest | 128);
        _bytes[_length++] = (byte)rest;
    }
}

/// <summary>Reads what <see cref="PlaceWriter"/> packed, token by token.</summary>
internal ref struct PlaceReader(ReadOnlySpan<byte> bytes)
{
    private readonly ReadOnlySpan<byte> _bytes = bytes;
    private int _at;
    private int _end;
    private int _word;

    internal void Begin() => (_end, _word) = (0, -1);

    internal (Offset Offset, int Word) Next()
    {
        int packed = _bytes[_at++];
        int gap, length, step;
        if (packed != PlaceWriter.Other)
        {
            gap = (packed >> PlaceWriter.GapBit & 7) + PlaceWriter.LeastGap;
            (length, step) = (packed & 15, packed >> PlaceWriter.WordBit);
        }
        else (gap, length, step) = (Number(), Number(), Number());
        var start = _end + gap;
        (_end, _word) = (start + length, _word + step);
        return (new(start, _end), _word);
    }

    private int Number()
    {
        var number = 0u;
        for (var shift = 0; ; shift += 7)
        {
            var b = _bytes[_at++];
            number |= (uint)(b & 127) << shift;
            if (b < 128) return (int)(number >> 1) ^ -(int)(number & 1);
        }
    }
}
