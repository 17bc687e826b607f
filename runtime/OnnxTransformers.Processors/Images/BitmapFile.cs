using System.Buffers.Binary;

namespace OnnxTransformers.Processors;

/// <summary>Windows bitmaps: uncompressed, of 1, 4, 8, 24 or 32 bits, with and without a palette. Layout: BITMAPFILEHEADER and BITMAPINFOHEADER of the
/// Windows documentation.</summary>
internal static class BitmapFile
{
    private const string Doing = "decoding an image";

    internal static Image Decode(ReadOnlySpan<byte> file, ImageLimits limits)
    {
        if (file.Length < 54) throw Damaged($"{file.Length} bytes", "a file header and an image header of 54 bytes");
        var pixelsAt = BinaryPrimitives.ReadUInt32LittleEndian(file[10..]);
        var headerBytes = BinaryPrimitives.ReadUInt32LittleEndian(file[14..]);
        var width = BinaryPrimitives.ReadInt32LittleEndian(file[18..]);
        var signedHeight = BinaryPrimitives.ReadInt32LittleEndian(file[22..]);
        var bits = BinaryPrimitives.ReadUInt16LittleEndian(file[28..]);
        var compression = BinaryPrimitives.ReadUInt32LittleEndian(file[30..]);
        var paletteColours = BinaryPrimitives.ReadUInt32LittleEndian(file[46..]);
        if (headerBytes < 40) throw Damaged($"a header of {headerBytes} bytes", "BITMAPINFOHEADER and newer, of 40 bytes or more");
        if (compression != 0 || bits is not (1 or 4 or 8 or 24 or 32)) throw Damaged($"{bits} bits a pixel in compression {compression}", "uncompressed pixels of 1, 4, 8, 24 or 32 bits", "save it as PNG");
        var height = Math.Abs((long)signedHeight);
        limits.Check(width, height);
        var stride = (width * (long)bits + 31) / 32 * 4;
        if (pixelsAt > file.Length || stride * height > file.Length - pixelsAt) throw Damaged($"{file.Length} bytes", $"{pixelsAt + stride * height} bytes for {width} x {height} pixels of {bits} bits");
        var palette = ReadOnlySpan<byte>.Empty;
        if (bits <= 8)
        {
            var colours = paletteColours == 0 ? 1u << bits : paletteColours;
            var at = 14 + (long)headerBytes;
            if (colours > 256 || at + colours * 4 > file.Length) throw Damaged($"a palette of {colours} colours behind the end", "the palette between header and pixels");
            palette = file.Slice((int)at, (int)colours * 4);
        }
        var target = new byte[checked(width * (int)height * 3)];
        for (var y = 0; y < height; y++)
        {
            var row = file.Slice((int)(pixelsAt + stride * (signedHeight > 0 ? height - 1 - y : y)), (int)stride);
            for (var x = 0; x < width; x++)
            {
                var bgr = bits > 8 ? row[(x * bits / 8)..] : Colour(palette, row[x * bits / 8] >> (8 - bits - x * bits % 8) & ((1 << bits) - 1));
                var to = (y * width + x) * 3;
                (target[to], target[to + 1], target[to + 2]) = (bgr[2], bgr[1], bgr[0]);
            }
        }
        return new Image(width, (int)height, ImageMode.Rgb, target);
    }

    private static ReadOnlySpan<byte> Colour(ReadOnlySpan<byte> palette, int index) =>
        index * 4 < palette.Length ? palette.Slice(index * 4, 4) : throw Damaged($"palette colour {index}", $"the palette's {palette.Length / 4} colours");

    private static InvalidInputException Damaged(string found, string supported, string? next = null) => new(Doing, new Problem("Bmp", found, supported, next));
}
