using System.Collections.Frozen;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats.Gif;
using SixLabors.ImageSharp.Formats.Jpeg;
using SixLabors.ImageSharp.Formats.Png;
using SixLabors.ImageSharp.Formats.Tiff;
using SixLabors.ImageSharp.Formats.Webp;
using SixLabors.ImageSharp.Metadata.Profiles.Exif;
using SixLabors.ImageSharp.PixelFormats;

namespace OnnxTransformers.Processors;

/// <summary>Decodes with SixLabors.ImageSharp 2: no native code. Pictures come as RGB or RGBA, gray of 16 bits as 16 bits; CMYK is converted by the library.
/// Its JPEG decoder repeats chroma instead of interpolating it, so that photos with halved chroma are up to 20 levels apart from Pillow's.</summary>
/// <remarks>Safe to use from several threads. Version 2 gets no new features, and crafted files are a known weakness: prefer libvips for files of
/// strangers.</remarks>
public sealed class ImageSharpDecoder : IImageDecoder
{
    private const string Doing = "decoding an image";

    private static readonly FrozenDictionary<ImageFormat, Func<Adapter>> Decoders = new Dictionary<ImageFormat, Func<Adapter>>
    {
        [ImageFormat.Jpeg] = () => new(new JpegDecoder()),
        [ImageFormat.Png] = () => new(new PngDecoder()),
        [ImageFormat.Gif] = () => new(new GifDecoder { DecodingMode = SixLabors.ImageSharp.Metadata.FrameDecodingMode.First }),
        [ImageFormat.WebP] = () => new(new WebpDecoder()),
        [ImageFormat.Tiff] = () => new(new TiffDecoder { DecodingMode = SixLabors.ImageSharp.Metadata.FrameDecodingMode.First }),
    }.ToFrozenDictionary();

    /// <inheritdoc/>
    public string Name => $"SixLabors.ImageSharp {typeof(SixLabors.ImageSharp.Image).Assembly.GetName().Version}";

    /// <inheritdoc/>
    public DecodedImage Decode(ReadOnlyMemory<byte> file, ImageFormat format, ImageLimits limits)
    {
        if (!Decoders.TryGetValue(format, out var create)) throw new InvalidInputException(Doing,
            new Problem("", $"a file of format {format}", string.Join(", ", Decoders.Keys.Order())));
        try
        {
            var info = SixLabors.ImageSharp.Image.Identify(file.ToArray()) ?? throw Damaged(format, "no header", null);
            limits.Check(info.Width, info.Height);
            var orientation = info.Metadata.ExifProfile?.GetValue(ExifTag.Orientation)?.Value ?? 1;
            return new DecodedImage(create().Load(file.Span, IsWideGray(info, format)), orientation);
        }
        catch (Exception e) when (e is ImageFormatException or NotSupportedException or IndexOutOfRangeException or ArgumentException or EndOfStreamException or NullReferenceException or OverflowException)
        {
            throw Damaged(format, e.Message, e);
        }
    }

    private static bool IsWideGray(IImageInfo info, ImageFormat format) =>
        format == ImageFormat.Png && info.Metadata.GetPngMetadata() is { ColorType: PngColorType.Grayscale, BitDepth: PngBitDepth.Bit16 };

    private static InvalidInputException Damaged(ImageFormat format, string why, Exception? inner) =>
        new(Doing, new Problem("", $"a damaged {format} file ({why.ReplaceLineEndings(" ").Trim()})", "a whole file", "write the file again from its source"), inner);

    /// <summary>One of the library's decoders.</summary>
    private sealed record Adapter(SixLabors.ImageSharp.Formats.IImageDecoder Decoder)
    {
        internal Image Load(ReadOnlySpan<byte> file, bool wide)
        {
            if (wide)
            {
                using var gray = SixLabors.ImageSharp.Image.Load<L16>(file, Decoder);
                return Copy(gray, ImageMode.Gray16);
            }
            using var colours = SixLabors.ImageSharp.Image.Load<Rgba32>(file, Decoder);
            return Copy(colours, ImageMode.Rgba);
        }

        private static Image Copy<T>(Image<T> image, ImageMode mode) where T : unmanaged, IPixel<T>
        {
            var pixels = new byte[checked(image.Width * image.Height * System.Runtime.CompilerServices.Unsafe.SizeOf<T>())];
            image.CopyPixelDataTo(pixels);
            return new Image(image.Width, image.Height, mode, pixels);
        }
    }
}
