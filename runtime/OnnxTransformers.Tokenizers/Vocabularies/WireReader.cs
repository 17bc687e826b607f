using System.Buffers.Binary;

namespace OnnxTransformers.Tokenizers;

/// <summary>Reads the fields of one protobuf message from bytes; whatever is out of bounds or of an unknown form ends in a refusal.</summary>
internal ref struct WireReader(ReadOnlySpan<byte> message, string file)
{
    private const int Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5;

    private ReadOnlySpan<byte> _rest = message;
    private int _form;

    /// <summary>Goes to the next field; 0 at the end.</summary>
    internal int NextField()
    {
        if (_rest.IsEmpty) return 0;
        var tag = ReadVarint();
        _form = (int)(tag & 7);
        var field = tag >> 3;
        return field is > 0 and < 1 << 29 ? (int)field : throw Damaged($"a field number of {field}");
    }

    /// <summary>Passes over the field's value.</summary>
    internal void Skip()
    {
        switch (_form)
        {
            case Varint: ReadVarint(); break;
            case Fixed64: Take(8); break;
            case Bytes: Take(ReadVarint()); break;
            case Fixed32: Take(4); break;
            default: throw Damaged($"a field of wire type {_form}");
        }
    }

    internal int Int()
    {
        Expect(Varint);
        return (int)(long)ReadVarint();
    }

    internal bool Flag()
    {
        Expect(Varint);
        return ReadVarint() != 0;
    }

    internal float Float()
    {
        Expect(Fixed32);
        return BinaryPrimitives.ReadSingleLittleEndian(Take(4));
    }

    /// <summary>Bytes, a text or a message.</summary>
    internal ReadOnlySpan<byte> Span()
    {
        Expect(Bytes);
        return Take(ReadVarint());
    }

    internal string Text()
    {
        var bytes = Span();
        return System.Text.Unicode.Utf8.IsValid(bytes) ? Vocabulary.Encoding8.GetString(bytes) : throw Damaged("a text that is no UTF-8");
    }

    internal readonly CorruptCheckpointException Damaged(string found) => new($"reading {file}", new Problem(file, found, "a sentencepiece model (a protobuf message)"));

    private readonly void Expect(int form)
    {
        if (_form != form) throw Damaged($"wire type {_form} where {form} is due");
    }

    private ulong ReadVarint()
    {
        ulong value = 0;
        for (var shift = 0; shift < 70; shift += 7)
        {
            var b = Take(1)[0];
            value |= (ulong)(b & 0x7F) << shift;
            if (b < 0x80) return value;
        }
        throw Damaged("a number of more than ten bytes");
    }

    private ReadOnlySpan<byte> Take(ulong length)
    {
        if (length > (ulong)_rest.Length) throw Damaged($"{_rest.Length} bytes left where {length} are due");
        var taken = _rest[..(int)length];
        _rest = _rest[(int)length..];
        return taken;
    }
}
