using System.Buffers.Binary;

namespace OnnxTransformers.Processors;

/// <summary>Conversions between modes, with Pillow's arithmetic (Convert.c, AlphaComposite.c).</summary>
internal static class PixelConversion
{
    internal static Image ToRgb(Image image)
    {
        var source = image.Pixels.Span;
        var target = new byte[checked(image.Width * image.Height * 3)];
        var size = image.Mode.PixelBytes();
        for (int from = 0, to = 0; to < target.Length; from += size, to += 3)
        {
            var (r, g, b) = Rgb(image.Mode, source.Slice(from, size));
            (target[to], target[to + 1], target[to + 2]) = (r, g, b);
        }
        return new Image(image.Width, image.Height, ImageMode.Rgb, target);
    }

    internal static Image OnWhite(Image image)
    {
        var source = image.Pixels.Span;
        var target = new byte[checked(image.Width * image.Height * 3)];
        var size = image.Mode.PixelBytes();
        for (int from = 0, to = 0; to < target.Length; from += size, to += 3)
        {
            var pixel = source.Slice(from, size);
            var (r, g, b) = Rgb(image.Mode, pixel);
            var alpha = pixel[^1];
            (target[to], target[to + 1], target[to + 2]) = (OverWhite(r, alpha), OverWhite(g, alpha), OverWhite(b, alpha));
        }
        return new Image(image.Width, image.Height, ImageMode.Rgb, target);
    }

    /// <summary>Colours times alpha (Pillow's RGBa and La).</summary>
    internal static Image Premultiply(Image image) => EachColour(image, (value, alpha) =>
    {
        var product = value * alpha + 128;
        return (byte)(((product >> 8) + product) >> 8);
    });

    /// <summary>Colours by alpha.</summary>
    internal static Image Unpremultiply(Image image) => EachColour(image, (value, alpha) => alpha is 0 or 255 ? value : (byte)Math.Min(255 * value / alpha, 255));

    internal static Image Orient(Image image, int orientation)
    {
        var size = image.Mode.PixelBytes();
        var turned = orientation >= 5;
        var (width, height) = turned ? (image.Height, image.Width) : (image.Width, image.Height);
        var source = image.Pixels.Span;
        var target = new byte[source.Length];
        for (int y = 0, to = 0; y < height; y++)
            for (var x = 0; x < width; x++, to += size)
            {
                // Where the pixel at (x, y) of the upright picture lies in the stored one.
                var (sx, sy) = orientation switch
                {
                    2 => (width - 1 - x, y),
                    3 => (width - 1 - x, height - 1 - y),
                    4 => (x, height - 1 - y),
                    5 => (y, x),
                    6 => (y, width - 1 - x),
                    7 => (height - 1 - y, width - 1 - x),
                    _ => (height - 1 - y, x),
                };
                source.Slice((sy * image.Width + sx) * size, size).CopyTo(target.AsSpan(to));
            }
        return new Image(width, height, image.Mode, target);
    }

    private static Image EachColour(Image image, Func<byte, byte, byte> change)
    {
        var (pixels, size) = (image.Pixels.ToArray(), image.Mode.PixelBytes());
        for (var p = 0; p < pixels.Length; p += size)
            for (var c = 0; c < size - 1; c++) pixels[p + c] = change(pixels[p + c], pixels[p + size - 1]);
        return new Image(image.Width, image.Height, image.Mode, pixels);
    }

    private static (byte R, byte G, byte B) Rgb(ImageMode mode, ReadOnlySpan<byte> p) => mode switch
    {
        ImageMode.Gray or ImageMode.GrayAlpha => (p[0], p[0], p[0]),
        ImageMode.Cmyk => (Uninked(p[0], p[3]), Uninked(p[1], p[3]), Uninked(p[2], p[3])),
        ImageMode.Gray16 => Clipped(BinaryPrimitives.ReadUInt16LittleEndian(p)),
        _ => (p[0], p[1], p[2]),
    };

    private static (byte, byte, byte) Clipped(ushort gray) => ((byte)Math.Min((int)gray, 255), (byte)Math.Min((int)gray, 255), (byte)Math.Min((int)gray, 255));

    // 255 - K - ink * (255 - K) / 255, rounded as MULDIV255 does.
    private static byte Uninked(int ink, int black)
    {
        var product = ink * (255 - black) + 128;
        return (byte)Math.Clamp(255 - black - (((product >> 8) + product) >> 8), 0, 255);
    }

    // On an opaque ground the result's alpha is 255, and the weights are those of AlphaComposite.c with 7 extra bits.
    private static byte OverWhite(int value, int alpha)
    {
        const int Bits = 7;
        var blend = 255 * (255 - alpha);
        var outAlpha = alpha * 255 + blend;
        var weight = (int)((long)alpha * 255 * 255 * (1 << Bits) / outAlpha);
        var other = 255 * (1 << Bits) - weight;
        var sum = value * weight + 255 * other + (0x80 << Bits);
        return (byte)((((sum >> 8) + sum) >> 8) >> Bits);
    }
}
