using System.Text.Json;
using OnnxTransformers.Processors.Processing;

namespace OnnxTransformers.Processors;

/// <summary>Donut and Nougat: pages fitted into a sheet and put into its middle. Source: models/donut/image_processing_donut.py,
/// models/nougat/image_processing_nougat.py.</summary>
internal static class PageProcessors
{
    private const double Gap = 2;
    private const int MarginGray = 200;

    internal static Processor Donut(Settings s) => Settings.Flat(s.Map(Normal.Standard), [.. Fit(s, new(2560, 1920))]);

    /// <summary>Before, the empty margin is cut off.</summary>
    internal static Processor Nougat(Settings s) => Settings.Flat(s.Map(Normal.ImageNet), [s.Flag("do_crop_margin", true) ? CropMargin : Settings.Keep, .. Fit(s, new(896, 672))]);

    private static Step[] Fit(Settings s, SizeSpec absent)
    {
        // A list is [width, height] here, unlike everywhere else.
        var size = s.Sides("size", absent);
        if (s.Json.Raw("size") is { ValueKind: JsonValueKind.Array }) size = new(size.Width, size.Height);
        var filter = s.Filter(ResampleFilter.Bilinear);
        var rule = SizeRules.ShortestEdge(Math.Min(size.Height, size.Width));
        return
        [
            s.Flag("do_align_long_axis", false) ? i => Aligned(i, size) : Settings.Keep,
            s.Flag("do_resize", true) ? i => s.To(i, rule(new(i.Height, i.Width)), filter) : Settings.Keep,
            s.Flag("do_thumbnail", true) ? i => Thumbnail(i, size) : Settings.Keep,
            s.Flag("do_pad", true) ? i => Steps.Pad(i, Floor(size.Height - i.Height), Floor(size.Width - i.Width), size, 0) : Settings.Keep,
        ];
    }

    private static int Floor(int margin) => (int)Math.Floor(margin / 2.0);

    private static Image Aligned(Image image, Sides size) =>
        size.Width < size.Height && image.Width > image.Height || size.Width > size.Height && image.Width < image.Height ? image.Upright(6) : image;

    // The reference does not hand its filter on.
    private static Image Thumbnail(Image image, Sides size)
    {
        var (height, width) = (Math.Min(image.Height, size.Height), Math.Min(image.Width, size.Width));
        if (height == image.Height && width == image.Width) return image;
        if (image.Height > image.Width) width = (int)((double)((long)image.Width * height) / image.Height);
        else if (image.Width > image.Height) height = (int)((double)((long)image.Height * width) / image.Width);
        return image.Resize(width, height, ResampleFilter.Bicubic, reducingGap: Gap);
    }

    private static Image CropMargin(Image image)
    {
        var pixels = image.Pixels.Span;
        var gray = new byte[image.Width * image.Height];
        // Pillow's weights of luma, of 16 fractional bits.
        for (var i = 0; i < gray.Length; i++) gray[i] = (byte)((pixels[3 * i] * 19595 + pixels[3 * i + 1] * 38470 + pixels[3 * i + 2] * 7471 + 0x8000) >> 16);
        var (least, most) = (gray.Min(), gray.Max());
        if (least == most) return image;
        var (left, top, right, bottom) = (image.Width, image.Height, -1, -1);
        for (var i = 0; i < gray.Length; i++)
        {
            if ((double)(gray[i] - least) / (most - least) * 255 >= MarginGray) continue;
            var (x, y) = (i % image.Width, i / image.Width);
            (left, top, right, bottom) = (Math.Min(left, x), Math.Min(top, y), Math.Max(right, x), Math.Max(bottom, y));
        }
        return image.Crop(left, top, right - left + 1, bottom - top + 1);
    }
}
