namespace OnnxTransformers.Processors;

/// <summary>The kinds of picture files that are read.</summary>
public enum ImageFormat
{
    /// <summary>JPEG: baseline and progressive; gray, YCbCr, CMYK and YCCK.</summary>
    Jpeg,
    /// <summary>PNG: gray, RGB, palette, with and without alpha, 1 to 16 bits.</summary>
    Png,
    /// <summary>GIF: the first frame.</summary>
    Gif,
    /// <summary>WebP: lossy and lossless; the first frame.</summary>
    WebP,
    /// <summary>TIFF: the first page.</summary>
    Tiff,
    /// <summary>Windows bitmap.</summary>
    Bmp,
}

internal static class ImageFormats
{
    private static ReadOnlySpan<byte> JpegStart => [0xFF, 0xD8, 0xFF];

    private static ReadOnlySpan<byte> PngStart => [0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10];

    /// <summary>The format that the first bytes tell, whatever the file's name says; null where it is none that is read.</summary>
    internal static ImageFormat? Of(ReadOnlySpan<byte> file)
    {
        if (file.StartsWith(JpegStart)) return ImageFormat.Jpeg;
        if (file.StartsWith(PngStart)) return ImageFormat.Png;
        if (file.StartsWith("GIF87a"u8) || file.StartsWith("GIF89a"u8)) return ImageFormat.Gif;
        if (file.Length > 12 && file.StartsWith("RIFF"u8) && file[8..].StartsWith("WEBP"u8)) return ImageFormat.WebP;
        if (file.StartsWith("II*\0"u8) || file.StartsWith("MM\0*"u8)) return ImageFormat.Tiff;
        return file.StartsWith("BM"u8) ? ImageFormat.Bmp : null;
    }
}
