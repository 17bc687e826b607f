namespace OnnxTransformers.Processors;

/// <summary>Turns the bytes of a picture file into pixels. Implementations are adapters of a library, in packages of their own, and safe to use from several
/// threads.</summary>
/// <remarks>An implementation keeps colours as they are stored (no profile is applied), expands palettes, makes 1 to 8 bits to 8 and leaves orientation to
/// the caller.
/// Windows bitmaps are read by this package itself.</remarks>
public interface IImageDecoder
{
    /// <summary>The library's name and version, for messages.</summary>
    string Name { get; }

    /// <summary>Decodes a file, its first frame where there are several.</summary>
    /// <param name="file">The whole file.</param>
    /// <param name="format">The format that its first bytes tell.</param>
    /// <param name="limits">What is refused before any pixel is decoded.</param>
    /// <exception cref="InvalidInputException">The file is damaged, truncated, or larger than the limits.</exception>
    DecodedImage Decode(ReadOnlyMemory<byte> file, ImageFormat format, ImageLimits limits);
}

/// <summary>A decoded picture and how it has to be turned.</summary>
/// <param name="Image">The pixels as stored.</param>
/// <param name="Orientation">EXIF's orientation, 1 to 8; 1 where the file has none.</param>
public sealed record DecodedImage(Image Image, int Orientation = 1);

/// <summary>How large a picture may be.</summary>
/// <param name="MaxPixels">Width times height; the default is where Pillow raises its decompression bomb error.</param>
/// <param name="MaxFileBytes">Bytes of the file.</param>
public sealed record ImageLimits(long MaxPixels = 178_956_970, long MaxFileBytes = 1L << 30)
{
    /// <summary>The defaults.</summary>
    public static ImageLimits Default { get; } = new();

    /// <summary>Refuses a picture that is too large; decoders call it as soon as they know the size.</summary>
    /// <exception cref="InvalidInputException">It is.</exception>
    public void Check(long width, long height)
    {
        if (width < 1 || height < 1) throw new InvalidInputException("decoding an image",
            new Problem("", $"{width} x {height} pixels", "at least one pixel on each side"));
        if (width > int.MaxValue || height > int.MaxValue || width * height > MaxPixels)
            throw new InvalidInputException("decoding an image",
                new Problem("", $"{width} x {height} pixels", $"at most {MaxPixels} pixels", "raise ImageLimits.MaxPixels where such pictures are meant"));
    }
}
