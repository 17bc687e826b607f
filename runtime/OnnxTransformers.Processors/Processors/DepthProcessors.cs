using OnnxTransformers.Processors.Processing;

namespace OnnxTransformers.Processors;

/// <summary>Depth estimation: DPT (Depth Anything, MiDaS), GLPN, ZoeDepth, DepthPro.</summary>
internal static class DepthProcessors
{
    /// <summary>Scaled as little as possible to multiples; may be padded around to a multiple after normalisation. Source:
    /// models/dpt/image_processing_dpt.py.</summary>
    internal static Processor Dpt(Settings s)
    {
        var map = s.Map(Normal.Standard);
        var rule = SizeRules.Dpt(s.Sides("size", SizeSpec.Square(384)), s.Flag("keep_aspect_ratio", false), s.Json.Count("ensure_multiple_of", 1));
        var resize = s.Resize(rule, ResampleFilter.Bicubic);
        var divisor = s.Json.IntOrNull("size_divisor");
        if (!s.Flag("do_pad", false)) return Settings.Flat(map, resize);
        if (divisor is not > 0)
        {
            s.Json.Problem("size_divisor", s.Json.Raw("size_divisor")?.GetRawText() ?? "nothing", "a whole number of at least 1 where do_pad is true");
            divisor = 1;
        }
        return inputs => ProcessedBatch.Of(("pixel_values", Collation.Stack([.. inputs.Flat.Select(i => map.Planes(resize(i.ToRgb()))).Select(p =>
        {
            var size = SizeRules.Raise(p.Sides, divisor.Value);
            return p.Pad((size.Height - p.Height) / 2, (size.Width - p.Width) / 2, size, 0);
        })])));
    }

    /// <summary>As DPT; the depth of a sensor beside the picture is not taken, and the model does without it. Source:
    /// models/prompt_depth_anything/image_processing_prompt_depth_anything.py.</summary>
    internal static Processor PromptDepthAnything(Settings s)
    {
        s.Json.Ignore("prompt_scale_to_meter");
        return Dpt(s);
    }

    /// <summary>Cut down to multiples, values left between 0 and 1. Source: models/glpn/image_processing_glpn.py.</summary>
    internal static Processor Glpn(Settings s)
    {
        var divisor = s.Json.Count("size_divisor", 32);
        return Settings.Flat(s.Map(Normal.Zero, normalizes: false), s.Resize(from => SizeRules.Cut(from, divisor), ResampleFilter.Bilinear));
    }

    /// <summary>Padded by reflection, then resized in floating point with the corners aligned. Source: models/zoedepth/image_processing_zoedepth.py.</summary>
    internal static Processor ZoeDepth(Settings s)
    {
        var rescale = PixelMap.Create(false, PixelMap.Rescale(s.Flag("do_rescale", true) ? s.Json.Double("rescale_factor", 1 / 255.0) : 1));
        var rule = SizeRules.Dpt(s.Sides("size", new(384, 512)), s.Flag("keep_aspect_ratio", true), s.Json.Count("ensure_multiple_of", 32));
        var (pads, resizes) = (s.Flag("do_pad", true), s.Flag("do_resize", true));
        var filter = PlaneFilter(s) with { AlignCorners = true };
        var normalize = Normalize(s);
        return inputs => ProcessedBatch.Of(("pixel_values", Collation.Stack([.. inputs.Flat.Select(i =>
        {
            var planes = rescale.Planes(i.ToRgb());
            if (pads) planes = Reflected(planes, (int)(Math.Sqrt(planes.Height / 2.0) * 3), (int)(Math.Sqrt(planes.Width / 2.0) * 3));
            if (resizes) planes = planes.Resize(rule(planes.Sides), filter);
            return planes.Map(normalize);
        })])));
    }

    /// <summary>Normalised, then resized in floating point. Source: models/depth_pro/image_processing_depth_pro.py.</summary>
    internal static Processor DepthPro(Settings s)
    {
        var map = s.Map(Normal.Standard);
        var size = s.Sides("size", SizeSpec.Square(1536));
        var filter = PlaneFilter(s);
        var resizes = s.Flag("do_resize", true);
        return inputs => ProcessedBatch.Of(("pixel_values", Collation.Stack([.. inputs.Flat.Select(i => map.Planes(i.ToRgb())).Select(p => resizes ? p.Resize(size, filter) : p)])));
    }

    private static PlaneFilter PlaneFilter(Settings s)
    {
        var filter = s.Filter(ResampleFilter.Bilinear);
        if (filter is not (ResampleFilter.Bilinear or ResampleFilter.Bicubic)) s.Json.Problem("resample", $"{(int)filter}", "2 (bilinear), 3 (bicubic)");
        return new PlaneFilter(Bicubic: filter == ResampleFilter.Bicubic);
    }

    private static Func<float, int, float> Normalize(Settings s)
    {
        var normal = s.Normal(Normal.Standard);
        return s.Flag("do_normalize", true) ? PixelMap.Normalize(normal) : (v, _) => v;
    }

    private static Planes Reflected(Planes planes, int vertical, int horizontal) => planes.Pick(new(planes.Height + 2 * vertical, planes.Width + 2 * horizontal),
        y => Border.Mirror(y - vertical, planes.Height), x => Border.Mirror(x - horizontal, planes.Width));
}
