using System.Collections.Frozen;
using System.Runtime.InteropServices;
using NetVips;

namespace OnnxTransformers.Processors;

/// <summary>Decodes with libvips: JPEG, PNG, GIF, WebP, TIFF. The native library comes with the package NetVips.Native, which the application adds, or from
/// the system.</summary>
/// <remarks>Safe to use from several threads. libvips's cache of operations is turned off, since it would keep decoded files alive, and its warnings are not
/// printed.</remarks>
public sealed class VipsDecoder : IImageDecoder
{
    private const string Doing = "decoding an image";

    // Only these loaders are ever called, so that no other code of libvips sees a hostile file. Only the first frame or page is read, one strip after the other.
    private static readonly FrozenDictionary<ImageFormat, Func<byte[], NetVips.Image>> Loaders = new Dictionary<ImageFormat, Func<byte[], NetVips.Image>>
    {
        [ImageFormat.Jpeg] = b => NetVips.Image.JpegloadBuffer(b, access: Enums.Access.Sequential, failOn: Enums.FailOn.Error),
        [ImageFormat.Png] = b => NetVips.Image.PngloadBuffer(b, access: Enums.Access.Sequential, failOn: Enums.FailOn.Error),
        [ImageFormat.Gif] = b => NetVips.Image.GifloadBuffer(b, n: 1, access: Enums.Access.Sequential, failOn: Enums.FailOn.Error),
        [ImageFormat.WebP] = b => NetVips.Image.WebploadBuffer(b, n: 1, access: Enums.Access.Sequential, failOn: Enums.FailOn.Error),
        [ImageFormat.Tiff] = b => NetVips.Image.TiffloadBuffer(b, n: 1, access: Enums.Access.Sequential, failOn: Enums.FailOn.Error),
    }.ToFrozenDictionary();

    // Warnings, of a colour profile for example, would go to standard error; what matters comes as an exception.
    private static readonly Log.LogDelegate Quiet = (_, _, _) => { };

    private static readonly Lazy<bool> Prepared = new(() =>
    {
        Cache.Max = 0;
        Log.SetLogHandler("VIPS", Enums.LogLevelFlags.Warning, Quiet);
        return true;
    });

    /// <summary>Loads libvips.</summary>
    /// <exception cref="ProviderUnavailableException">libvips is not on this machine.</exception>
    public VipsDecoder()
    {
        if (!ModuleInitializer.VipsInitialized)
            throw new ProviderUnavailableException("loading libvips", "libvips", [new Problem("libvips", ModuleInitializer.Exception?.Message ?? "not found", "libvips 8.15 and newer", "add the package NetVips.Native to the application, or install libvips42")]);
        _ = Prepared.Value;
        Name = $"libvips {NetVips.NetVips.Version(0)}.{NetVips.NetVips.Version(1)}.{NetVips.NetVips.Version(2)}";
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public DecodedImage Decode(ReadOnlyMemory<byte> file, ImageFormat format, ImageLimits limits)
    {
        if (!Loaders.TryGetValue(format, out var load)) throw new InvalidInputException(Doing,
            new Problem("", $"a file of format {format}", string.Join(", ", Loaders.Keys.Order())));
        try
        {
            using var image = load(file.ToArray());
            limits.Check(image.Width, image.Height);
            var orientation = image.Contains("orientation") ? Convert.ToInt32(image.Get("orientation"), System.Globalization.CultureInfo.InvariantCulture) : 1;
            return new DecodedImage(Pixels(image, format), orientation);
        }
        catch (VipsException e)
        {
            throw new InvalidInputException(Doing,
                new Problem("", $"a damaged {format} file ({e.Message.ReplaceLineEndings(" ").Trim()})", "a whole file", "write the file again from its source"), e);
        }
    }

    private static Image Pixels(NetVips.Image image, ImageFormat format)
    {
        var (width, height, bands) = (image.Width, image.Height, image.Bands);
        var wide = image.Format == Enums.BandFormat.Ushort;
        if (!wide && image.Format != Enums.BandFormat.Uchar || bands is < 1 or > 4)
            throw new InvalidInputException(Doing,
                new Problem("", $"{format} pixels of {bands} numbers of type {image.Format}", "1 to 4 unsigned numbers of 8 or 16 bits", "save it as PNG"));
        if (wide && bands == 1) return new Image(width, height, ImageMode.Gray16, MemoryMarshal.AsBytes<ushort>(image.WriteToMemory<ushort>()).ToArray());
        var mode = bands switch
        {
            1 => ImageMode.Gray,
            2 => ImageMode.GrayAlpha,
            3 => ImageMode.Rgb,
            _ => image.Interpretation == Enums.Interpretation.Cmyk ? ImageMode.Cmyk : ImageMode.Rgba,
        };
        // Pillow keeps the high byte of colours of 16 bits.
        return new Image(width, height, mode, wide ? Array.ConvertAll(image.WriteToMemory<ushort>(), v => (byte)(v >> 8)) : image.WriteToMemory<byte>());
    }
}
