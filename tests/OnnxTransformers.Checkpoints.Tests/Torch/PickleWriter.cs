using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace OnnxTransformers.Checkpoints;

/// <summary>Writes pickles and files of torch.save by hand, sound and unsound ones.</summary>
internal sealed class PickleWriter
{
    private readonly List<byte> _bytes = [];

    internal PickleWriter(byte protocol = 2) => Raw(0x80, protocol);

    internal PickleWriter Raw(params ReadOnlySpan<byte> bytes)
    {
        _bytes.AddRange(bytes);
        return this;
    }

    internal PickleWriter Op(string opcodes) => Raw(Encoding.Latin1.GetBytes(opcodes));

    internal PickleWriter Text(string text)
    {
        var utf8 = Encoding.UTF8.GetBytes(text);
        return Op("X").Int32(utf8.Length).Raw(utf8);
    }

    internal PickleWriter Int(long value)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
        return Raw(0x8a, 8).Raw(bytes);
    }

    internal PickleWriter Global(string module, string name) => Op($"c{module}\n{name}\n");

    internal PickleWriter Tuple(params ReadOnlySpan<long> values)
    {
        Op("(");
        foreach (var value in values) Int(value);
        return Op("t");
    }

    internal PickleWriter Storage(string type, string key, long count, string module = "torch") =>
        Op("(").Text("storage").Global(module, type).Text(key).Text("cpu").Int(count).Op("tQ");

    /// <summary>A tensor as torch writes it.</summary>
    internal PickleWriter Tensor(string type, string key, long count, long offset, long[] shape, long[] strides) =>
        Global("torch._utils", "_rebuild_tensor_v2").Op("(").Storage(type, key, count).Int(offset).Tuple(shape).Tuple(strides).Raw(0x89).Global("collections", "OrderedDict").Op(")RtR");

    internal byte[] Done() => [.. Op(".")._bytes];

    private PickleWriter Int32(int value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        return Raw(bytes);
    }

    /// <summary>A file in today's format.</summary>
    internal static byte[] Zip(byte[] pickle, params ReadOnlySpan<(string Key, byte[] Bytes)> storages) => Zip(pickle, [], CompressionLevel.NoCompression, storages);

    internal static byte[] Zip(byte[] pickle, (string Name, byte[] Bytes)[] more, CompressionLevel level, params ReadOnlySpan<(string Key, byte[] Bytes)> storages)
    {
        using var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            Add(zip, "archive/data.pkl", pickle);
            foreach (var (name, bytes) in more) Add(zip, name, bytes);
            foreach (var (key, bytes) in storages) Add(zip, $"archive/data/{key}", bytes);
        }
        return stream.ToArray();

        void Add(ZipArchive zip, string name, byte[] bytes)
        {
            using var entry = zip.CreateEntry(name, level).Open();
            entry.Write(bytes);
        }
    }

    /// <summary>Rewrites a zip's directory as files above 4 GiB have it: all sizes and offsets in zip64 fields.</summary>
    internal static byte[] Zip64(byte[] zip)
    {
        var end = zip.AsSpan(zip.Length - 22);
        var (count, length, start) = (BinaryPrimitives.ReadUInt16LittleEndian(end[10..]), BinaryPrimitives.ReadInt32LittleEndian(end[12..]), BinaryPrimitives.ReadInt32LittleEndian(end[16..]));
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write(zip, 0, start);
        for (var entry = zip.AsSpan(start, length); entry.Length > 0;)
        {
            int name = BinaryPrimitives.ReadUInt16LittleEndian(entry[28..]), extra = BinaryPrimitives.ReadUInt16LittleEndian(entry[30..]);
            var fixedPart = entry[..46].ToArray();
            fixedPart.AsSpan(20, 8).Fill(0xff);
            fixedPart.AsSpan(42, 4).Fill(0xff);
            BinaryPrimitives.WriteUInt16LittleEndian(fixedPart.AsSpan(30), 33);
            writer.Write(fixedPart);
            writer.Write(entry.Slice(46, name));
            writer.Write([7, 0, 1, 0, 0, 1, 0, 24, 0]);
            foreach (var at in new[] { 24, 20, 42 }) writer.Write((long)BinaryPrimitives.ReadUInt32LittleEndian(entry[at..]));
            entry = entry[(46 + name + extra)..];
        }
        var directoryEnd = stream.Position;
        writer.Write([0x50, 0x4b, 6, 6, 44, 0, 0, 0, 0, 0, 0, 0, 45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        foreach (var value in new long[] { count, count, directoryEnd - start, start }) writer.Write(value);
        writer.Write([0x50, 0x4b, 6, 7, 0, 0, 0, 0]);
        writer.Write(directoryEnd);
        writer.Write(1);
        writer.Write([0x50, 0x4b, 5, 6, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0]);
        return stream.ToArray();
    }

    /// <summary>A file in the format before zip.</summary>
    internal static byte[] Legacy(byte[] pickle, params ReadOnlySpan<(string Key, long Count, byte[] Bytes)> storages)
    {
        using var stream = new MemoryStream();
        stream.Write([0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, (byte)'.']);
        stream.Write(new PickleWriter().Int(1001).Done());
        stream.Write(new PickleWriter().Op("}").Text("little_endian").Raw(0x88).Op("s").Done());
        stream.Write(pickle);
        var keys = new PickleWriter().Op("](");
        foreach (var (key, _, _) in storages) keys.Text(key);
        stream.Write(keys.Op("e").Done());
        Span<byte> count = stackalloc byte[8];
        foreach (var storage in storages)
        {
            BinaryPrimitives.WriteInt64LittleEndian(count, storage.Count);
            stream.Write(count);
            stream.Write(storage.Bytes);
        }
        return stream.ToArray();
    }
}
