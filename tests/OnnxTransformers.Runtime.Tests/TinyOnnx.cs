using System.Text;

namespace OnnxTransformers;

/// <summary>Writes ONNX files of a few nodes byte by byte, so that these tests need neither a converter nor a fixture. Field numbers are those of onnx.proto.</summary>
internal sealed class TinyOnnx
{
    private readonly List<byte> _graph = [];

    internal TinyOnnx Input(string name, ElementType type, params object[] shape) => Field(11, ValueInfo(name, type, shape));

    internal TinyOnnx Output(string name, ElementType type, params object[] shape) => Field(12, ValueInfo(name, type, shape));

    internal TinyOnnx Node(string op, string[] inputs, string[] outputs, params (string Name, long Value)[] attributes)
    {
        var node = new MemoryStream();
        foreach (var input in inputs) Text(node, 1, input);
        foreach (var output in outputs) Text(node, 2, output);
        Text(node, 4, op);
        foreach (var (name, value) in attributes)
        {
            var attribute = new MemoryStream();
            Text(attribute, 1, name);
            Number(attribute, 3, value);
            Number(attribute, 20, 2); // INT
            Bytes(node, 5, attribute.ToArray());
        }
        return Field(1, node.ToArray());
    }

    internal TinyOnnx Int64(string name, long[] shape, params long[] data) => Initializer(name, 7, shape, data.SelectMany(BitConverter.GetBytes));

    internal TinyOnnx Float(string name, long[] shape, params float[] data) => Initializer(name, 1, shape, data.SelectMany(BitConverter.GetBytes));

    internal string Write(string path)
    {
        Field(2, Encoding.UTF8.GetBytes("tiny"));
        var (opset, model) = (new MemoryStream(), new MemoryStream());
        Number(opset, 2, 21);
        Number(model, 1, 10);
        Bytes(model, 7, [.. _graph]);
        Bytes(model, 8, opset.ToArray());
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, model.ToArray());
        return path;
    }

    private TinyOnnx Initializer(string name, int type, long[] shape, IEnumerable<byte> raw)
    {
        var tensor = new MemoryStream();
        foreach (var d in shape) Number(tensor, 1, d);
        Number(tensor, 2, type);
        Text(tensor, 8, name);
        Bytes(tensor, 9, [.. raw]);
        return Field(5, tensor.ToArray());
    }

    private static byte[] ValueInfo(string name, ElementType type, object[] shape)
    {
        var (dims, tensor, kind, info) = (new MemoryStream(), new MemoryStream(), new MemoryStream(), new MemoryStream());
        foreach (var d in shape)
        {
            var dim = new MemoryStream();
            if (d is string symbol) Text(dim, 2, symbol);
            else Number(dim, 1, Convert.ToInt64(d, null));
            Bytes(dims, 1, dim.ToArray());
        }
        Number(tensor, 1, (int)type);
        Bytes(tensor, 2, dims.ToArray());
        Bytes(kind, 1, tensor.ToArray());
        Text(info, 1, name);
        Bytes(info, 2, kind.ToArray());
        return info.ToArray();
    }

    private TinyOnnx Field(int field, byte[] bytes)
    {
        var stream = new MemoryStream();
        Bytes(stream, field, bytes);
        _graph.AddRange(stream.ToArray());
        return this;
    }

    private static void Text(Stream stream, int field, string text) => Bytes(stream, field, Encoding.UTF8.GetBytes(text));

    private static void Bytes(Stream stream, int field, byte[] bytes)
    {
        VarInt(stream, ((ulong)field << 3) | 2);
        VarInt(stream, (ulong)bytes.Length);
        stream.Write(bytes);
    }

    private static void Number(Stream stream, int field, long value)
    {
        VarInt(stream, (ulong)field << 3);
        VarInt(stream, (ulong)value);
    }

    private static void VarInt(Stream stream, ulong value)
    {
        for (; value >= 0x80; value >>= 7) stream.WriteByte((byte)(value | 0x80));
        stream.WriteByte((byte)value);
    }
}
