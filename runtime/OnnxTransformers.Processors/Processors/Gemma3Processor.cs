using OnnxTransformers.Processors.Processing;

namespace OnnxTransformers.Processors;

/// <summary>Gemma 3: the picture, and with pan and scan two or more cuts along its longer side after it; num_crops [N]. Source:
/// models/gemma3/image_processing_gemma3.py.</summary>
internal static class Gemma3Processor
{
    internal static Processor Read(Settings s)
    {
        var map = s.Map(Normal.Standard);
        var resize = s.Resize(SizeSpec.Square(224), ResampleFilter.Bilinear);
        var scans = s.Flag("do_pan_and_scan", false);
        var least = s.Json.Count("pan_and_scan_min_crop_size", 256);
        var most = s.Json.Count("pan_and_scan_max_num_crops", 4);
        var ratio = s.Json.Double("pan_and_scan_min_ratio_to_activate", 1.2);
        return inputs =>
        {
            var groups = inputs.Flat.Select(i => i.ToRgb()).Select(i => (Whole: i, Crops: scans ? [.. Crops(i, least, most, ratio)] : Array.Empty<Image>())).ToArray();
            var images = Collation.Each([.. groups.SelectMany(g => g.Crops.Prepend(g.Whole))], i => resize(i));
            return ProcessedBatch.Of(("pixel_values", Collation.Stack(images, map)), ("num_crops", ProcessedTensor.Of([.. groups.Select(g => (long)g.Crops.Length)], groups.Length)));
        };
    }

    private static IEnumerable<Image> Crops(Image image, int least, int most, double ratio)
    {
        var (longer, shorter) = (Math.Max(image.Width, image.Height), Math.Min(image.Width, image.Height));
        if ((double)longer / shorter < ratio) return [];
        var count = Math.Min(most, Math.Max(2, Math.Min(longer / least, (int)Math.Floor((double)longer / shorter + 0.5))));
        var each = (longer + count - 1) / count;
        if (Math.Min(each, shorter) < least) return [];
        return Steps.Tiles(image, image.Width >= image.Height ? new(image.Height, each) : new(each, image.Width));
    }
}
