using System.Buffers.Binary;
using System.Text;

namespace OnnxTransformers.Checkpoints;

/// <summary>Safetensors files made by hand.</summary>
internal static class Bytes
{
    internal static byte[] Safetensors(string header, int dataLength) => Safetensors(Encoding.UTF8.GetBytes(header), dataLength);

    internal static byte[] Safetensors(byte[] header, int dataLength)
    {
        var file = new byte[8 + header.Length + dataLength];
        BinaryPrimitives.WriteInt64LittleEndian(file, header.Length);
        header.CopyTo(file, 8);
        for (var i = 0; i < dataLength; i++) file[8 + header.Length + i] = (byte)i;
        return file;
    }

    /// <summary>All bytes of a tensor, asked for in pieces of a given length.</summary>
    internal static byte[] All(this ITensorSource source, string name, int piece = 1 << 20)
    {
        var bytes = new byte[source.Tensors[name].Bytes];
        for (var at = 0; at < bytes.Length; at += piece) source.Read(name, at, bytes.AsSpan(at, Math.Min(piece, bytes.Length - at)));
        return bytes;
    }
}
