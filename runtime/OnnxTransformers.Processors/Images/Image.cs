using OnnxTransformers.Processors.Resizing;

namespace OnnxTransformers.Processors;

/// <summary>A picture: interleaved pixels, row after row from the top left, without gaps. It does not change once it is made.</summary>
public sealed class Image
{
    /// <summary>Wraps pixels, which must not be changed any more.</summary>
    /// <param name="width">Pixels across, at least 1.</param>
    /// <param name="height">Pixels down, at least 1.</param>
    /// <param name="mode">What the bytes of a pixel are.</param>
    /// <param name="pixels">[height, width, channels].</param>
    /// <exception cref="InvalidInputException">The sides are not positive, or the bytes are not as many as they say.</exception>
    public Image(int width, int height, ImageMode mode, ReadOnlyMemory<byte> pixels)
    {
        if (width < 1 || height < 1) throw new InvalidInputException("making an image",
            new Problem("", $"{width} x {height} pixels", "at least one pixel on each side"));
        var bytes = (long)width * height * mode.PixelBytes();
        if (pixels.Length != bytes) throw new InvalidInputException("making an image",
            new Problem("", $"{pixels.Length} bytes of pixels", $"{bytes} bytes for {width} x {height} pixels of {mode}"));
        (Width, Height, Mode, Pixels) = (width, height, mode, pixels);
    }

    /// <summary>Pixels across.</summary>
    public int Width { get; }

    /// <summary>Pixels down.</summary>
    public int Height { get; }

    /// <summary>What the bytes of a pixel are.</summary>
    public ImageMode Mode { get; }

    /// <summary>[height, width, channels].</summary>
    public ReadOnlyMemory<byte> Pixels { get; }

    /// <summary>Bytes of a row.</summary>
    public int Stride => Width * Mode.PixelBytes();

    /// <summary>The picture at another size, to the bit as Pillow's <c>Image.resize</c> makes it; colours are weighted by their alpha.</summary>
    /// <param name="width">New width, at least 1.</param>
    /// <param name="height">New height, at least 1.</param>
    /// <param name="filter">How pixels are weighted.</param>
    /// <param name="arithmetic">Whose arithmetic is followed.</param>
    /// <param name="reducingGap">Where given, the picture is first shrunk by whole factors until it is still this many times as large as the result.</param>
    /// <param name="threads">Threads at most; all cores where it is 0.</param>
    /// <exception cref="InvalidInputException">A size is not positive, or the mode is Gray16.</exception>
    public Image Resize(int width, int height, ResampleFilter filter, ResampleArithmetic arithmetic = ResampleArithmetic.Pillow, double? reducingGap = null, int threads = 0)
    {
        if (width < 1 || height < 1) throw new InvalidInputException("resizing an image",
            new Problem("", $"a target of {width} x {height} pixels", "at least one pixel on each side"));
        if (Mode == ImageMode.Gray16) throw new InvalidInputException("resizing an image",
            new Problem("", $"pixels of mode {Mode}", "pixels of 8 bits a channel", "convert it with ToRgb before"));
        if (width == Width && height == Height) return this;
        var alpha = Mode is ImageMode.GrayAlpha or ImageMode.Rgba && filter != ResampleFilter.Nearest;
        if (alpha) return PixelConversion.Unpremultiply(PixelConversion.Premultiply(this).ResizeChannels(width, height, filter, arithmetic, reducingGap, threads));
        return ResizeChannels(width, height, filter, arithmetic, reducingGap, threads);
    }

    private Image ResizeChannels(int width, int height, ResampleFilter filter, ResampleArithmetic arithmetic, double? reducingGap, int threads)
    {
        var (source, w, h, channels) = (Pixels, Width, Height, Mode.PixelBytes());
        double extentX = w, extentY = h;
        if (reducingGap is { } gap && filter != ResampleFilter.Nearest)
        {
            var factorX = Math.Max((int)((double)w / width / gap), 1);
            var factorY = Math.Max((int)((double)h / height / gap), 1);
            if (factorX > 1 || factorY > 1)
            {
                source = Reduction.Reduce(source.Span, w, h, channels, factorX, factorY);
                // Pillow hands these on in single precision.
                (extentX, extentY) = ((float)((double)w / factorX), (float)((double)h / factorY));
                (w, h) = ((w + factorX - 1) / factorX, (h + factorY - 1) / factorY);
            }
        }
        if (threads <= 0) threads = Environment.ProcessorCount;
        var pixels = filter == ResampleFilter.Nearest
            ? NearestPixels.Resize(source.Span, w, h, channels, extentX, extentY, width, height)
            : Resampler.Resize(source, w, h, channels, extentX, extentY, width, height, filter, arithmetic, threads);
        return new Image(width, height, Mode, pixels);
    }

    /// <summary>A part of the picture; what lies outside it is filled with one value in every channel.</summary>
    /// <param name="left">First column; negative columns lie outside.</param>
    /// <param name="top">First row.</param>
    /// <param name="width">Columns, at least 1.</param>
    /// <param name="height">Rows, at least 1.</param>
    /// <param name="fill">The value outside; one a channel, or one for all.</param>
    public Image Crop(int left, int top, int width, int height, params ReadOnlySpan<byte> fill)
    {
        if (left == 0 && top == 0 && width == Width && height == Height) return this;
        var channels = Mode.PixelBytes();
        var target = new byte[checked(width * height * channels)];
        if (fill.Length == 1) target.AsSpan().Fill(fill[0]);
        else if (fill.Length > 1)
            for (var i = 0; i < target.Length; i++) target[i] = fill[i % channels];
        int x0 = Math.Max(left, 0), x1 = Math.Min(left + width, Width), y0 = Math.Max(top, 0), y1 = Math.Min(top + height, Height);
        for (var y = y0; y < y1 && x0 < x1; y++)
            Pixels.Span.Slice(y * Stride + x0 * channels, (x1 - x0) * channels).CopyTo(target.AsSpan(((y - top) * width + x0 - left) * channels));
        return new Image(width, height, Mode, target);
    }

    /// <summary>The picture in RGB as Pillow's <c>convert("RGB")</c> makes it: alpha is dropped and the hidden colours show, CMYK is multiplied out without a
    /// profile, 16-bit gray is clipped at 255.</summary>
    public Image ToRgb() => Mode == ImageMode.Rgb ? this : PixelConversion.ToRgb(this);

    /// <summary>The picture in RGB on a white ground, as Pillow's <c>alpha_composite</c> makes it; without alpha the same as <see cref="ToRgb"/>.</summary>
    public Image OnWhite() => Mode is ImageMode.Rgba or ImageMode.GrayAlpha ? PixelConversion.OnWhite(this) : ToRgb();

    /// <summary>The picture turned or mirrored so that it stands upright.</summary>
    /// <param name="orientation">The EXIF tag, 1 to 8; anything else changes nothing.</param>
    public Image Upright(int orientation) => orientation is >= 2 and <= 8 ? PixelConversion.Orient(this, orientation) : this;
}
