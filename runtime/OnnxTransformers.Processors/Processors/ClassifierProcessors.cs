using OnnxTransformers.Processors.Processing;
using static OnnxTransformers.Processors.Processing.Settings;

namespace OnnxTransformers.Processors;

/// <summary>One picture, one square of values, with a peculiarity each. Source: the classes' own files under models/.</summary>
internal static class ClassifierProcessors
{
    /// <summary>Pictures with alpha are blended on white, in floating point and truncated.</summary>
    internal static Processor Chameleon(Settings s)
    {
        var map = s.Map(Normal.One, factor: 0.0078);
        Step[] steps = [s.Resize(SizeSpec.Edge(512), ResampleFilter.Lanczos, square: false), s.Crop(SizeSpec.Square(512))];
        var flat = Flat(map, [.. steps]);
        return inputs => flat(inputs with { Groups = [Collation.Each(inputs.Flat, BlendOnWhite)] });
    }

    /// <summary>Up to 384 pixels the shorter edge is resized to size / crop_pct and the middle cropped; from there on the picture is warped.</summary>
    internal static Processor ConvNext(Settings s)
    {
        var filter = s.Filter(ResampleFilter.Bilinear);
        var edge = s.Size("size", SizeSpec.Edge(384), square: false).Shortest ?? s.Wrong("size", "shortest_edge", 384);
        var part = s.Json.Double("crop_pct", 224.0 / 256);
        var rule = SizeRules.ShortestEdge((int)(edge / part));
        var square = new Sides(edge, edge);
        Image Resize(Image image) => edge >= 384 ? s.To(image, square, filter) : Steps.CentreCrop(s.To(image, rule(new(image.Height, image.Width)), filter), square);
        return Flat(s.Map(Normal.Standard), s.Flag("do_resize", true) ? Resize : Keep);
    }

    /// <summary>Rescaled first, then resized in floating point (torchvision, antialias), then normalised.</summary>
    internal static Processor Dinov3(Settings s)
    {
        var filter = s.Filter(ResampleFilter.Bilinear);
        var size = s.Sides("size", SizeSpec.Square(224));
        var resizes = s.Flag("do_resize", true);
        s.Json.MustBe("do_center_crop", false, "no checkpoint crops");
        var rescale = PixelMap.Create(false, PixelMap.Rescale(s.Flag("do_rescale", true) ? s.Json.Double("rescale_factor", 1 / 255.0) : 1));
        var normal = s.Normal(Normal.ImageNet);
        var normalize = s.Flag("do_normalize", true) ? PixelMap.Normalize(normal) : (v, _) => v;
        if (filter is not (ResampleFilter.Bilinear or ResampleFilter.Bicubic)) s.Json.Problem("resample", $"{(int)filter}", "2 (bilinear), 3 (bicubic)");
        var planes = new PlaneFilter(Bicubic: filter == ResampleFilter.Bicubic, Antialias: true);
        return inputs => ProcessedBatch.Of(("pixel_values", Collation.Stack([.. inputs.Flat.Select(i => rescale.Planes(i.ToRgb())).Select(p => resizes ? p.Resize(size, planes) : p).Select(p => p.Map(normalize))])));
    }

    /// <summary>May subtract 1 after rescaling, and divides by the deviations once more for the classifier's top.</summary>
    internal static Processor EfficientNet(Settings s)
    {
        var offset = s.Flag("rescale_offset", false);
        var normal = s.Normal(Normal.Standard);
        var top = s.Flag("include_top", true);
        var steps = new List<Func<float, int, float>>();
        if (s.Flag("do_rescale", true)) steps.Add(PixelMap.Rescale(s.Json.Double("rescale_factor", 1 / 255.0)));
        if (offset) steps.Add((v, _) => v - 1);
        if (s.Flag("do_normalize", true)) steps.Add(PixelMap.Normalize(normal));
        if (top) steps.Add((v, c) => v / (float)normal.Std[c]);
        return Flat(PixelMap.Create(false, [.. steps]), s.Resize(SizeSpec.Square(346), ResampleFilter.Nearest), s.Crop(SizeSpec.Square(289), crops: false));
    }

    /// <summary>Pictures with alpha are composed on white; the size is a key of its own.</summary>
    internal static Processor Idefics(Settings s)
    {
        var side = s.Json.Count("image_size", 224);
        if (s.Json.Int("image_num_channels", 3) != 3) s.Json.Problem("image_num_channels", s.Json.Raw("image_num_channels")!.Value.GetRawText(), "3");
        var map = s.Map(Normal.Clip);
        return inputs => ProcessedBatch.Of(("pixel_values", Collation.Stack(Collation.Each(inputs.Flat, i => s.To(i.OnWhite(), new(side, side), ResampleFilter.Bicubic)), map)));
    }

    /// <summary>Scaled until the longer edge fits, then padded to a square of the background's colour.</summary>
    internal static Processor Janus(Settings s)
    {
        var filter = s.Filter(ResampleFilter.Bicubic);
        var size = s.Sides("size", SizeSpec.Square(384));
        if (size.Height != size.Width) s.Wrong("size", "height and width that are equal", 0);
        var least = s.Json.Count("min_size", 14);
        byte[] colour = [.. s.Json.Ints("background_color", [127, 127, 127]).Select(c => (byte)Math.Clamp(c, 0, 255))];
        Image Resize(Image image)
        {
            var scale = (double)size.Height / Math.Max(image.Height, image.Width);
            return s.To(image, new(Math.Max((int)(image.Height * scale), least), Math.Max((int)(image.Width * scale), least)), filter);
        }
        return Flat(s.Map(Normal.Clip), s.Flag("do_resize", true) ? Resize : Keep, s.Flag("do_pad", true) ? image => Steps.PadToSquare(image, colour) : Keep);
    }

    /// <summary>The shorter edge is resized to 256/224 of what the file says.</summary>
    internal static Processor Levit(Settings s)
    {
        var spec = s.Size("size", SizeSpec.Edge(224), square: false);
        var rule = spec.Shortest is { } edge ? SizeRules.ShortestEdge((int)(256.0 / 224 * edge)) : SizeRules.Fixed(spec.Fixed ?? s.Wrong("size", "shortest_edge, or height and width", new Sides(1, 1)));
        return Flat(s.Map(Normal.ImageNet), s.Resize(rule, ResampleFilter.Bicubic), s.Crop(SizeSpec.Square(224)));
    }

    /// <summary>May pad to a square of the mean's colour before.</summary>
    internal static Processor Llava(Settings s)
    {
        var map = s.Map(Normal.Clip);
        byte[] colour = [.. s.Normal(Normal.Clip).Mean.Select(m => (byte)(int)(m * 255))];
        return Flat(map, s.Flag("do_pad", false) ? image => Steps.PadToSquare(image, colour) : Keep, s.Resize(SizeSpec.Edge(224), ResampleFilter.Bicubic, square: false), s.Crop(SizeSpec.Square(224)));
    }

    /// <summary>Not normalised, blue first. The old key do_flip_channels is not read as the new one, whose default is the same.</summary>
    internal static Processor MobileViT(Settings s)
    {
        s.Json.Ignore("do_flip_channels");
        var map = PixelMap.Create(s.Flag("do_flip_channel_order", true), s.Flag("do_rescale", true) ? [PixelMap.Rescale(s.Json.Double("rescale_factor", 1 / 255.0))] : []);
        return Flat(map, s.Resize(SizeSpec.Edge(224), ResampleFilter.Bilinear, square: false), s.Crop(SizeSpec.Square(256)));
    }

    /// <summary>Cropped in proportion to the shorter edge first, then resized.</summary>
    internal static Processor Perceiver(Settings s)
    {
        var crop = s.Sides("crop_size", SizeSpec.Square(256));
        var size = s.Sides("size", SizeSpec.Square(224));
        Image Crop(Image image)
        {
            var least = Math.Min(image.Height, image.Width);
            return Steps.CentreCrop(image, new((int)((double)size.Height / crop.Height * least), (int)((double)size.Width / crop.Width * least)));
        }
        return Flat(s.Map(Normal.ImageNet), s.Flag("do_center_crop", true) ? Crop : Keep, s.Resize(SizeRules.Fixed(size), ResampleFilter.Bicubic));
    }

    /// <summary>The shorter edge is resized to size / crop_pct.</summary>
    internal static Processor PoolFormer(Settings s)
    {
        var spec = s.Size("size", SizeSpec.Edge(224), square: false);
        var part = s.Json.Double("crop_pct", 0.9);
        var rule = spec.Shortest is { } edge ? SizeRules.ShortestEdge((int)(edge / part))
            : spec.Fixed is { } f ? f.Height == f.Width ? SizeRules.ShortestEdge((int)(f.Height / part)) : SizeRules.Fixed(new((int)(f.Height / part), (int)(f.Width / part)))
            : s.Wrong("size", "shortest_edge, or height and width", SizeRules.Fixed(new(1, 1)));
        return Flat(s.Map(Normal.ImageNet), s.Resize(rule, ResampleFilter.Bicubic), s.Crop(SizeSpec.Square(224)));
    }

    private static Image BlendOnWhite(Image image)
    {
        if (image.Mode is not (ImageMode.Rgba or ImageMode.GrayAlpha)) return image.ToRgb();
        var source = image.Pixels.Span;
        var (rgb, size) = (image.ToRgb().Pixels.ToArray(), image.Mode.PixelBytes());
        for (var i = 0; i < rgb.Length; i++)
        {
            var alpha = source[i / 3 * size + size - 1] / 255.0;
            rgb[i] = (byte)((1 - alpha) * 255 + alpha * rgb[i]);
        }
        return new Image(image.Width, image.Height, ImageMode.Rgb, rgb);
    }
}
