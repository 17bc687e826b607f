using System.Buffers.Binary;
using System.IO.Compression;

namespace OnnxTransformers.Processors;

/// <summary>Writes pictures as PNG, without a library.</summary>
public static class PngFile
{
    private static readonly byte[] Signature = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A];
    private const byte Up = 2;

    /// <summary>Writes a picture into a file, in the place of one that is there; whole or not at all.</summary>
    /// <exception cref="InvalidInputException">The mode is one that PNG doesn't have: CMYK.</exception>
    public static void Write(Image image, string path)
    {
        var partial = $"{path}.partial";
        try
        {
            using (var file = File.Create(partial)) Write(image, file);
            File.Move(partial, path, overwrite: true);
        }
        catch
        {
            File.Delete(partial);
            throw;
        }
    }

    /// <summary>Writes a picture into a stream.</summary>
    /// <inheritdoc cref="Write(Image, string)"/>
    public static void Write(Image image, Stream output)
    {
        var (depth, colour) = image.Mode switch
        {
            ImageMode.Gray => (8, 0),
            ImageMode.Gray16 => (16, 0),
            ImageMode.Rgb => (8, 2),
            ImageMode.GrayAlpha => (8, 4),
            ImageMode.Rgba => (8, 6),
            _ => throw new InvalidInputException("writing a PNG", new Problem("", $"pixels of mode {image.Mode}", "Gray, Gray16, GrayAlpha, Rgb, Rgba", "convert it with ToRgb before")),
        };
        output.Write(Signature);
        Span<byte> header = stackalloc byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, image.Width);
        BinaryPrimitives.WriteInt32BigEndian(header[4..], image.Height);
        (header[8], header[9], header[10], header[11], header[12]) = ((byte)depth, (byte)colour, 0, 0, 0);
        Chunk(output, "IHDR"u8, header);
        Chunk(output, "IDAT"u8, Compressed(image));
        Chunk(output, "IEND"u8, []);
    }

    // Each row less the one above, which is small where neighbours are alike.
    private static ReadOnlySpan<byte> Compressed(Image image)
    {
        var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            var (row, above) = (new byte[1 + image.Stride], new byte[image.Stride]);
            row[0] = Up;
            for (var y = 0; y < image.Height; y++)
            {
                var pixels = image.Pixels.Span.Slice(y * image.Stride, image.Stride);
                for (var i = 0; i < pixels.Length; i++)
                {
                    // PNG puts the high byte of 16 bits first.
                    var value = image.Mode == ImageMode.Gray16 ? pixels[i ^ 1] : pixels[i];
                    row[i + 1] = (byte)(value - above[i]);
                    above[i] = value;
                }
                zlib.Write(row);
            }
        }
        return packed.GetBuffer().AsSpan(0, (int)packed.Length);
    }

    private static void Chunk(Stream output, ReadOnlySpan<byte> kind, ReadOnlySpan<byte> body)
    {
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, body.Length);
        output.Write(number);
        output.Write(kind);
        output.Write(body);
        BinaryPrimitives.WriteUInt32BigEndian(number, ~Crc(Crc(uint.MaxValue, kind), body));
        output.Write(number);
    }

    private static uint Crc(uint crc, ReadOnlySpan<byte> bytes)
    {
        foreach (var b in bytes) crc = CrcTable[(byte)(crc ^ b)] ^ (crc >> 8);
        return crc;
    }

    private static readonly uint[] CrcTable = [.. Enumerable.Range(0, 256).Select(static n =>
    {
        var crc = (uint)n;
        for (var bit = 0; bit < 8; bit++) crc = (crc & 1) != 0 ? 0xEDB88320 ^ (crc >> 1) : crc >> 1;
        return crc;
    })];
}
