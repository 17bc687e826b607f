using System.Text;

namespace OnnxTransformers.Generation;

/// <summary>A protobuf message as it is written, field by field.</summary>
internal sealed class ProtoWriter
{
    private readonly List<byte> _bytes = [];

    internal ProtoWriter Number(int field, long value)
    {
        Variable((ulong)field << 3);
        Variable((ulong)value);
        return this;
    }

    internal ProtoWriter Text(int field, string text) => Bytes(field, Encoding.UTF8.GetBytes(text));

    internal ProtoWriter Message(int field, ProtoWriter content) => Bytes(field, content.ToArray());

    internal ProtoWriter Bytes(int field, ReadOnlySpan<byte> content)
    {
        Variable(((ulong)field << 3) | 2);
        Variable((ulong)content.Length);
        _bytes.AddRange(content);
        return this;
    }

    internal byte[] ToArray() => [.. _bytes];

    private void Variable(ulong value)
    {
        for (; value >= 0x80; value >>= 7) _bytes.Add((byte)(value | 0x80));
        _bytes.Add((byte)value);
    }
}
