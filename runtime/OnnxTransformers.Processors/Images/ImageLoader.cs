using System.Buffers.Binary;

namespace OnnxTransformers.Processors;

/// <summary>Reads picture files as the reference's <c>load_image</c> does: first frame, turned upright, in RGB.</summary>
/// <param name="decoder">The library that decodes; without one, only Windows bitmaps are read.</param>
/// <param name="limits">How large a picture may be; the defaults without it.</param>
/// <remarks>Safe to use from several threads.</remarks>
public sealed class ImageLoader(IImageDecoder? decoder, ImageLimits? limits = null)
{
    private readonly ImageLimits _limits = limits ?? ImageLimits.Default;

    /// <summary>Reads a file, upright and in RGB.</summary>
    /// <exception cref="InvalidInputException">There is no such file, it is no picture, damaged, or too large.</exception>
    public Image Load(string path) => About(path, () => Convert(Decode(Bytes(path))));

    /// <summary>Reads a file that is in memory, upright and in RGB.</summary>
    /// <inheritdoc cref="Load(string)"/>
    public Image Load(ReadOnlyMemory<byte> file) => Convert(Decode(file));

    /// <summary>Reads a file as it is stored: alpha and CMYK are kept, the orientation is not applied (Pillow's <c>Image.open</c>, with palettes
    /// expanded).</summary>
    /// <inheritdoc cref="Load(string)"/>
    public Image LoadStored(string path) => About(path, () => Decode(Bytes(path)).Image);

    private static Image Convert(DecodedImage decoded) => decoded.Image.Upright(decoded.Orientation).ToRgb();

    private DecodedImage Decode(ReadOnlyMemory<byte> file)
    {
        if (file.Length > _limits.MaxFileBytes)
            throw new InvalidInputException("decoding an image",
                new Problem("", $"a file of {file.Length} bytes", $"at most {_limits.MaxFileBytes} bytes", "raise ImageLimits.MaxFileBytes where such files are meant"));
        return ImageFormats.Of(file.Span) switch
        {
            null => throw new InvalidInputException("decoding an image",
                new Problem("", "a file that begins like no picture", string.Join(", ", Enum.GetNames<ImageFormat>()))),
            ImageFormat.Bmp => new DecodedImage(BitmapFile.Decode(file.Span, _limits)),
            ImageFormat.WebP when BinaryPrimitives.ReadUInt32LittleEndian(file.Span[4..]) > (uint)file.Length - 8 =>
                throw new InvalidInputException("decoding an image",
                    new Problem("", "a damaged WebP file (it is shorter than its header says)", "a whole file", "write the file again from its source")),
            { } format when decoder is null => throw new InvalidInputException("decoding an image",
                new Problem("", $"a file of format {format}, and no decoder", nameof(ImageFormat.Bmp), "give a decoder: VipsDecoder of OnnxTransformers.Processors.Vips or ImageSharpDecoder of OnnxTransformers.Processors.ImageSharp")),
            { } format => decoder.Decode(file, format, _limits),
        };
    }

    private byte[] Bytes(string path)
    {
        var file = new FileInfo(path);
        if (!file.Exists) throw new InvalidInputException("reading an image", new Problem("", "no such file", "a picture file"));
        if (file.Length > _limits.MaxFileBytes)
            throw new InvalidInputException("reading an image",
                new Problem("", $"a file of {file.Length} bytes", $"at most {_limits.MaxFileBytes} bytes", "raise ImageLimits.MaxFileBytes where such files are meant"));
        return File.ReadAllBytes(path);
    }

    // Problems of a file name it.
    private static T About<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (InvalidInputException e)
        {
            throw new InvalidInputException(e.Doing, e.Problems.Select(p => p with { Where = p.Where.Length == 0 ? path : $"{path}: {p.Where}" }), e.InnerException);
        }
    }
}
