using System.Buffers.Binary;
using System.Text;

namespace OnnxTransformers.Checkpoints;

/// <summary>The directory of a zip file whose entries are stored as they are, as torch.save writes them: where each entry's bytes lie.</summary>
/// <remarks>APPNOTE.TXT of PKWARE; zip64 included. Nothing is ever inflated, so that nothing can be larger than the file.</remarks>
internal sealed class ZipDirectory
{
    private const uint LocalSignature = 0x04034b50, EntrySignature = 0x02014b50, EndSignature = 0x06054b50, End64Signature = 0x06064b50, Locator64Signature = 0x07064b50;
    private const int LocalLength = 30, EntryLength = 46, EndLength = 22, End64Length = 56, Locator64Length = 20;
    private const int MaxDirectory = 64 << 20;
    private readonly InputFile _file;
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private readonly long _directory;

    private readonly record struct Entry(int NameLength, ushort Method, ushort Flags, long Packed, long Length, long Header);

    private ZipDirectory(InputFile file)
    {
        _file = file;
        (_directory, var length, var count) = End();
        if (length > MaxDirectory) throw Wrong($"a directory of {Shown.Bytes(length)}");
        var bytes = new byte[length];
        file.Read(_directory, bytes);
        ReadEntries(bytes, count);
    }

    internal IEnumerable<string> Names => _entries.Keys;

    internal static ZipDirectory Read(InputFile file) => new(file);

    /// <summary>Where an entry's bytes begin in the file and how many they are; null where there is no such entry.</summary>
    internal (long Start, long Length)? Find(string name)
    {
        if (!_entries.TryGetValue(name, out var entry)) return null;
        if (entry.Method != 0 || entry.Packed != entry.Length) throw Wrong(name, "it is compressed", "entries stored as they are, as torch.save writes them");
        if ((entry.Flags & 1) != 0) throw Wrong(name, "it is encrypted", "entries stored as they are, as torch.save writes them");
        Span<byte> header = stackalloc byte[LocalLength];
        if (entry.Header > _directory - LocalLength) throw Wrong(name, "it lies outside the file");
        _file.Read(entry.Header, header);
        if (BinaryPrimitives.ReadUInt32LittleEndian(header) != LocalSignature || BinaryPrimitives.ReadUInt16LittleEndian(header[26..]) != entry.NameLength)
            throw Wrong(name, "its header isn't where the directory says");
        var start = entry.Header + LocalLength + entry.NameLength + BinaryPrimitives.ReadUInt16LittleEndian(header[28..]);
        if (start > _directory - entry.Length) throw Wrong(name, "it lies outside the file");
        return (start, entry.Length);
    }

    private (long Start, long Length, long Count) End()
    {
        var tail = new byte[Math.Min(_file.Length, EndLength + ushort.MaxValue)];
        var tailStart = _file.Length - tail.Length;
        _file.Read(tailStart, tail);
        for (var at = tail.Length - EndLength; at >= 0; at--)
        {
            var end = tail.AsSpan(at);
            if (BinaryPrimitives.ReadUInt32LittleEndian(end) != EndSignature || BinaryPrimitives.ReadUInt16LittleEndian(end[20..]) != end.Length - EndLength) continue;
            if (BinaryPrimitives.ReadUInt32LittleEndian(end[4..]) != 0) throw Wrong("a file of several parts");
            var (count, length, start) = ((long)BinaryPrimitives.ReadUInt16LittleEndian(end[10..]), (long)BinaryPrimitives.ReadUInt32LittleEndian(end[12..]), (long)BinaryPrimitives.ReadUInt32LittleEndian(end[16..]));
            if (count == ushort.MaxValue || length == uint.MaxValue || start == uint.MaxValue) return End64(tailStart + at);
            return Within(start, length, tailStart + at) ? (start, length, count) : throw Wrong("a directory that lies outside the file");
        }
        throw Wrong("no directory at its end: the file is cut short");
    }

    private (long, long, long) End64(long end)
    {
        Span<byte> bytes = stackalloc byte[End64Length];
        var locator = bytes[..Locator64Length];
        if (end < Locator64Length + End64Length) throw Wrong("no zip64 directory");
        _file.Read(end - Locator64Length, locator);
        var at = BinaryPrimitives.ReadInt64LittleEndian(locator[8..]);
        if (BinaryPrimitives.ReadUInt32LittleEndian(locator) != Locator64Signature || !Within(at, End64Length, end)) throw Wrong("no zip64 directory");
        _file.Read(at, bytes);
        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes) != End64Signature) throw Wrong("no zip64 directory");
        var (count, length, start) = (BinaryPrimitives.ReadInt64LittleEndian(bytes[32..]), BinaryPrimitives.ReadInt64LittleEndian(bytes[40..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[48..]));
        return Within(start, length, at) ? (start, length, count) : throw Wrong("a directory that lies outside the file");
    }

    private void ReadEntries(ReadOnlySpan<byte> bytes, long count)
    {
        for (; count > 0; count--)
        {
            if (bytes.Length < EntryLength || BinaryPrimitives.ReadUInt32LittleEndian(bytes) != EntrySignature) throw Wrong("a damaged directory");
            var (nameLength, extraLength, commentLength) = (BinaryPrimitives.ReadUInt16LittleEndian(bytes[28..]),
                BinaryPrimitives.ReadUInt16LittleEndian(bytes[30..]), BinaryPrimitives.ReadUInt16LittleEndian(bytes[32..]));
            if (bytes.Length - EntryLength < nameLength + extraLength + commentLength) throw Wrong("a damaged directory");
            var name = Encoding.UTF8.GetString(bytes.Slice(EntryLength, nameLength));
            if (!_entries.TryAdd(name, ReadEntry(bytes, nameLength, bytes.Slice(EntryLength + nameLength, extraLength)))) throw Wrong(name, "it is there twice");
            bytes = bytes[(EntryLength + nameLength + extraLength + commentLength)..];
        }
    }

    // Sizes and offset stand in the zip64 field, in this order, where their own place holds all ones.
    private Entry ReadEntry(ReadOnlySpan<byte> bytes, int nameLength, ReadOnlySpan<byte> extra)
    {
        Span<long> values = [BinaryPrimitives.ReadUInt32LittleEndian(bytes[24..]), BinaryPrimitives.ReadUInt32LittleEndian(bytes[20..]),
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[42..])];
        while (extra.Length >= 4)
        {
            var (id, length) = (BinaryPrimitives.ReadUInt16LittleEndian(extra), BinaryPrimitives.ReadUInt16LittleEndian(extra[2..]));
            if (length > extra.Length - 4) throw Wrong("a damaged directory");
            var field = extra.Slice(4, length);
            for (var i = 0; id == 1 && i < values.Length; i++)
            {
                if (values[i] != uint.MaxValue) continue;
                if (field.Length < 8 || (values[i] = BinaryPrimitives.ReadInt64LittleEndian(field)) < 0) throw Wrong("a damaged directory");
                field = field[8..];
            }
            extra = extra[(4 + length)..];
        }
        return new Entry(nameLength, BinaryPrimitives.ReadUInt16LittleEndian(bytes[10..]),
            BinaryPrimitives.ReadUInt16LittleEndian(bytes[8..]), values[1], values[0], values[2]);
    }

    private static bool Within(long start, long length, long end) => start >= 0 && length >= 0 && start <= end - length;

    private CorruptCheckpointException Wrong(string found) => new($"reading {_file.Name}", new Problem("", found, Next: "download the file again"));

    private CorruptCheckpointException Wrong(string entry, string found, string? supported = null) => new($"reading {_file.Name}",
        new Problem(Shown.Clip(entry), found, supported));
}
