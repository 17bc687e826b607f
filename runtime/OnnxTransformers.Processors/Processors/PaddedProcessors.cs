using OnnxTransformers.Processors.Processing;

namespace OnnxTransformers.Processors;

/// <summary>ViLT and BridgeTower: the longer edge at most 1333/800 of the shorter one, sides cut to multiples, padded to the largest of the batch with a
/// mask. Source: models/vilt/image_processing_vilt.py.</summary>
internal static class PaddedProcessors
{
    internal static Processor Vilt(Settings s) => Read(s, SizeSpec.Edge(384), Normal.Standard, Settings.Keep);

    internal static Processor BridgeTower(Settings s)
    {
        // Where no crop size is given, it is the size.
        var side = s.Size("size", SizeSpec.Edge(288), square: false).Shortest ?? 288;
        var spec = s.Size("crop_size", SizeSpec.Square(side));
        var size = spec.Fixed ?? (spec.Shortest is { } edge ? new Sides(edge, edge) : s.Wrong("crop_size", "height and width, or shortest_edge", new Sides(side, side)));
        return Read(s, SizeSpec.Edge(288), Normal.Clip, s.Flag("do_center_crop", true) ? i => Steps.CentreCrop(i, size) : Settings.Keep);
    }

    private static Processor Read(Settings s, SizeSpec absent, Normal normal, Step crop)
    {
        var map = s.Map(normal);
        var edge = s.Size("size", absent, square: false).Shortest ?? s.Wrong("size", "shortest_edge", 384);
        var resize = s.Resize(SizeRules.Vilt(edge, (int)(1333.0 / 800 * edge), s.Json.Count("size_divisor", 32)), ResampleFilter.Bicubic);
        var pad = s.Flag("do_pad", true);
        return inputs =>
        {
            var images = Collation.Each(inputs.Flat, i => crop(resize(i.ToRgb())));
            if (!pad) return ProcessedBatch.Of(("pixel_values", Collation.Stack(images, map)));
            var size = Collation.Largest(images);
            return ProcessedBatch.Of(("pixel_values", Collation.Padded(images, map, size)), ("pixel_mask", Collation.Mask(images, size)));
        };
    }
}
