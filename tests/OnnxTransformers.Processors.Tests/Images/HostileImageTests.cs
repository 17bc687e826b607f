using System.Buffers.Binary;
using System.Diagnostics;
using System.IO.Compression;
using NUnit.Framework;

namespace OnnxTransformers.Processors.Images;

/// <summary>Damaged, truncated and huge pictures are refused, soon and without much memory.</summary>
[TestFixture]
public class HostileImageTests
{
    private static readonly string[] Files = ["cat.png", "china.jpg", "progressive.jpg", "cmyk.jpg", "photo.webp", "photo.tiff", "photo.bmp", "animated.gif"];

    [Test]
    [TestCaseSource(nameof(Files))]
    public void Truncated_files_are_refused(string name)
    {
        var file = File.ReadAllBytes(Media.Find($"media/{name}"));
        // The first frame of an animation is whole long before the file ends.
        foreach (var length in (int[])[13, 64, file.Length / 20, name == "animated.gif" ? file.Length / 10 : file.Length / 2])
            Assert.That(() => Media.Loader.Load(file.AsMemory(0, length)),
                Throws.TypeOf<InvalidInputException>().With.Message.StartsWith("decoding an image: "), $"{length} of {file.Length} bytes");
    }

    [Test]
    [TestCaseSource(nameof(Files))]
    public void Files_with_changed_bytes_are_decoded_or_refused(string name)
    {
        var file = File.ReadAllBytes(Media.Find($"media/{name}"));
        var random = new Random(7);
        var watch = Stopwatch.StartNew();
        for (var round = 0; round < 40; round++)
        {
            var changed = file.ToArray();
            for (var i = 0; i < 8; i++) changed[random.Next(changed.Length)] = (byte)random.Next(256);
            try
            {
                _ = Media.Loader.Load(changed);
            }
            catch (InvalidInputException)
            {
                // Refused: as good as decoded.
            }
        }
        Assert.That(watch.Elapsed, Is.LessThan(TimeSpan.FromSeconds(30)));
    }

    [Test]
    public void Huge_dimensions_are_refused_before_decoding()
    {
        var png = Png(60_000, 60_000);
        var before = GC.GetTotalAllocatedBytes();
        var e = Assert.Throws<InvalidInputException>(() => Media.Loader.Load(png));
        Assert.That(e!.Message, Is.EqualTo("decoding an image: 60000 x 60000 pixels; supported: at most 178956970 pixels. Next: raise ImageLimits.MaxPixels where such pictures are meant"));
        Assert.That(GC.GetTotalAllocatedBytes() - before, Is.LessThan(10_000_000));
    }

    [Test]
    public void A_bitmap_that_promises_more_than_it_holds_is_refused()
    {
        var bitmap = new byte[100];
        "BM"u8.CopyTo(bitmap);
        BinaryPrimitives.WriteInt32LittleEndian(bitmap.AsSpan(10), 54);
        BinaryPrimitives.WriteInt32LittleEndian(bitmap.AsSpan(14), 40);
        BinaryPrimitives.WriteInt32LittleEndian(bitmap.AsSpan(18), 1000);
        BinaryPrimitives.WriteInt32LittleEndian(bitmap.AsSpan(22), 1000);
        BinaryPrimitives.WriteInt16LittleEndian(bitmap.AsSpan(28), 24);
        Assert.That(() => Media.Loader.Load(bitmap),
            Throws.TypeOf<InvalidInputException>().With.Message.EqualTo("decoding an image: Bmp: 100 bytes; supported: 3000054 bytes for 1000 x 1000 pixels of 24 bits"));
    }

    [Test]
    public void Other_files_are_refused() =>
        Assert.That(() => Media.Loader.Load("<svg/>"u8.ToArray()),
            Throws.TypeOf<InvalidInputException>().With.Message.EqualTo("decoding an image: a file that begins like no picture; supported: Jpeg, Png, Gif, WebP, Tiff, Bmp"));

    [Test]
    public void A_missing_file_is_named() =>
        Assert.That(() => Media.Loader.Load("no-such.png"),
            Throws.TypeOf<InvalidInputException>().With.Message.EqualTo("reading an image: no-such.png: no such file; supported: a picture file"));

    [Test]
    public void A_file_above_the_limit_is_refused() =>
        Assert.That(() => new ImageLoader(new VipsDecoder(), new ImageLimits(MaxFileBytes: 5)).Load(new byte[6]),
            Throws.TypeOf<InvalidInputException>().With.Message.Contains("a file of 6 bytes; supported: at most 5 bytes"));

    // A whole, valid header of a gray picture, with hardly any pixels behind it.
    private static byte[] Png(int width, int height)
    {
        using var stream = new MemoryStream();
        stream.Write([0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10]);
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        header[8] = 8;
        Chunk(stream, "IHDR"u8, header);
        using var data = new MemoryStream();
        using (var zlib = new ZLibStream(data, CompressionLevel.Fastest, leaveOpen: true)) zlib.Write(new byte[1000]);
        Chunk(stream, "IDAT"u8, data.ToArray());
        Chunk(stream, "IEND"u8, []);
        return stream.ToArray();
    }

    private static void Chunk(MemoryStream stream, ReadOnlySpan<byte> type, byte[] content)
    {
        byte[] body = [.. type, .. content];
        var number = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, content.Length);
        stream.Write(number);
        stream.Write(body);
        BinaryPrimitives.WriteUInt32BigEndian(number, Crc(body));
        stream.Write(number);
    }

    private static uint Crc(byte[] bytes)
    {
        var crc = uint.MaxValue;
        foreach (var b in bytes)
        {
            crc ^= b;
            for (var i = 0; i < 8; i++) crc = (crc & 1) != 0 ? crc >> 1 ^ 0xEDB88320 : crc >> 1;
        }
        return ~crc;
    }
}
