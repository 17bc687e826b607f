using OnnxTransformers.Processors.Processing;

namespace OnnxTransformers.Processors;

/// <summary>FLAVA: CLIP's values, and on request a second, smaller picture for the codebook, whose values are drawn together by a tenth at both ends. Source:
/// models/flava/image_processing_flava.py.</summary>
internal static class FlavaProcessor
{
    private const float Epsilon = 0.1f;

    internal static Processor Read(Settings s)
    {
        s.Json.MustBe("return_image_mask", false, "masks are random and serve training");
        s.Json.Ignore("input_size_patches", "total_mask_patches", "mask_group_min_patches", "mask_group_max_patches", "mask_group_min_aspect_ratio", "mask_group_max_aspect_ratio");
        var flat = Settings.Flat(s.Map(Normal.Clip), s.Resize(SizeSpec.Square(224), ResampleFilter.Bicubic), s.Crop(SizeSpec.Square(224)));
        var codebook = Codebook(s);
        return s.Flag("return_codebook_pixels", false) ? inputs => flat(inputs).With("codebook_pixel_values", codebook(inputs)["pixel_values"]) : flat;
    }

    private static Processor Codebook(Settings s)
    {
        var size = s.Sides("codebook_size", SizeSpec.Square(112));
        var crop = s.Sides("codebook_crop_size", SizeSpec.Square(112));
        var filter = s.Filter(ResampleFilter.Lanczos, "codebook_resample");
        var normal = s.Normal(Normal.Zero, "codebook_image_mean", "codebook_image_std");
        var factor = s.Json.Double("codebook_rescale_factor", 1 / 255.0);
        var steps = new List<Func<float, int, float>>();
        if (s.Flag("codebook_do_rescale", true)) steps.Add(PixelMap.Rescale(factor));
        if (s.Flag("codebook_do_normalize", true)) steps.Add(PixelMap.Normalize(normal));
        if (s.Flag("codebook_do_map_pixels", true)) steps.Add((v, _) => (1 - 2 * Epsilon) * v + Epsilon);
        Step resize = s.Flag("codebook_do_resize", true) ? i => s.To(i, size, filter) : Settings.Keep;
        Step cut = s.Flag("codebook_do_center_crop", true) ? i => Steps.CentreCrop(i, crop) : Settings.Keep;
        return Settings.Flat(PixelMap.Create(false, [.. steps]), resize, cut);
    }
}
