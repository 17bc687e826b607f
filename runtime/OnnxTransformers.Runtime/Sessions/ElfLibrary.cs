using System.Buffers.Binary;
using System.Text;

namespace OnnxTransformers;

/// <summary>Reads from a Linux shared library which others it asks for, so that a missing one can be named without loading anything.</summary>
/// <remarks>64-bit little-endian ELF only: the section of type SHT_DYNAMIC (6), its DT_NEEDED (1) entries, and the string table that the section links to (System V ABI, "Dynamic Section").</remarks>
internal static class ElfLibrary
{
    private const int MostSections = 4096;
    private const int MostBytes = 1 << 20;

    /// <summary>The names as the loader will look for them ("libcudart.so.13"); empty where the file is not such a library.</summary>
    internal static IReadOnlyList<string> Needed(string path)
    {
        try
        {
            using var file = File.OpenRead(path);
            var header = Read(file, 0, 64);
            if (!header.AsSpan().StartsWith("\u007FELF\u0002\u0001"u8)) return [];
            var start = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(40));
            int size = BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(58)), count = BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(60));
            if (size != 64 || count > MostSections) return [];
            var sections = Read(file, start, size * count);
            for (var i = 0; i < count; i++)
            {
                var section = sections.AsSpan(i * size, size);
                if (BinaryPrimitives.ReadUInt32LittleEndian(section[4..]) != 6) continue;
                var link = BinaryPrimitives.ReadInt32LittleEndian(section[40..]);
                if (link < 0 || link >= count) return [];
                return Names(Bytes(file, section), Bytes(file, sections.AsSpan(link * size, size)));
            }
            return [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static List<string> Names(byte[] dynamic, byte[] strings)
    {
        var names = new List<string>();
        for (var at = 0; at + 16 <= dynamic.Length; at += 16)
        {
            var (tag, value) = (BinaryPrimitives.ReadInt64LittleEndian(dynamic.AsSpan(at)), BinaryPrimitives.ReadInt64LittleEndian(dynamic.AsSpan(at + 8)));
            if (tag != 1 || value < 0 || value >= strings.Length) continue;
            var rest = strings.AsSpan((int)value);
            var end = rest.IndexOf((byte)0);
            names.Add(Encoding.ASCII.GetString(end < 0 ? rest : rest[..end]));
        }
        return names;
    }

    private static byte[] Bytes(FileStream file, ReadOnlySpan<byte> section) =>
        Read(file, BinaryPrimitives.ReadInt64LittleEndian(section[24..]), (int)Math.Min(BinaryPrimitives.ReadInt64LittleEndian(section[32..]), MostBytes));

    private static byte[] Read(FileStream file, long offset, int count)
    {
        if (offset < 0 || count < 0 || offset + count > file.Length) throw new EndOfStreamException();
        var bytes = new byte[count];
        file.Position = offset;
        file.ReadExactly(bytes);
        return bytes;
    }
}
