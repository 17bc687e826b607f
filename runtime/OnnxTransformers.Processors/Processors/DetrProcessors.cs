using OnnxTransformers.Processors.Processing;

namespace OnnxTransformers.Processors;

/// <summary>DETR and its relatives: sides between two limits, normalised, then padded with zeros to the largest of the batch or to pad_size. Source:
/// models/detr/image_processing_detr.py, models/yolos/image_processing_yolos.py.</summary>
internal static class DetrProcessors
{
    /// <summary>Reads one of them; a multiple cuts the sides, masks say where the picture is.</summary>
    internal static Processor Read(Settings s, SizeSpec? absent = null, bool normalizes = true, bool pads = true, int multiple = 1, bool masks = true)
    {
        var map = s.Map(Normal.ImageNet, normalizes: normalizes);
        var spec = s.Size("size", absent ?? SizeSpec.Edge(800, 1333), square: false);
        var rule = spec.Fixed is { } both ? SizeRules.Fixed(both)
            : spec.Shortest is { } edge ? SizeRules.Detr(edge, spec.Longest, multiple)
            : spec is { MaxHeight: { } h, MaxWidth: { } w } ? SizeRules.Within(h, w)
            : s.Wrong("size", "shortest_edge and longest_edge, height and width, or max_height and max_width", SizeRules.Fixed(new(1, 1)));
        var resize = s.Resize(rule, ResampleFilter.Bilinear);
        // The old name said the same.
        var pad = s.Flag("do_pad", s.Flag("pad_and_return_pixel_mask", pads));
        Sides? padSize = s.Json.Has("pad_size") ? s.Sides("pad_size", SizeSpec.Square(1)) : null;
        return inputs =>
        {
            var images = Collation.Each(inputs.Flat, i => resize(i.ToRgb()));
            if (!pad) return ProcessedBatch.Of(("pixel_values", Collation.Stack(images, map)));
            var size = padSize ?? Collation.Largest(images);
            var batch = ProcessedBatch.Of(("pixel_values", Collation.Padded(images, map, size)));
            return masks ? batch.With("pixel_mask", Collation.Mask(images, size)) : batch;
        };
    }
}
