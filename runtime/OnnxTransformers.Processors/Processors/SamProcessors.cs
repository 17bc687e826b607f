using OnnxTransformers.Processors.Processing;

namespace OnnxTransformers.Processors;

/// <summary>Segment Anything: pixel_values, original_sizes [N, 2] and reshaped_input_sizes [N, 2], which turn masks back to the picture's size. Source:
/// models/sam/image_processing_sam.py, models/sam2/image_processing_sam2_fast.py.</summary>
internal static class SamProcessors
{
    /// <summary>The longer edge is resized, then zeros are added at the right and the bottom.</summary>
    internal static Processor Sam(Settings s)
    {
        s.Json.Ignore("mask_size", "mask_pad_size");
        var map = s.Map(Normal.ImageNet);
        var edge = s.Size("size", new(Longest: 1024), square: false).Longest ?? s.Wrong("size", "longest_edge", 1024);
        var resize = s.Resize(SizeRules.LongestEdge(edge), ResampleFilter.Bilinear);
        var padded = s.Sides("pad_size", SizeSpec.Square(1024));
        var pad = s.Flag("do_pad", true);
        return inputs =>
        {
            var images = Collation.Each(inputs.Flat, i => resize(i.ToRgb()));
            return Sized(pad ? Collation.Padded(images, map, padded) : Collation.Stack(images, map), inputs, images.Select(i => new Sides(i.Height, i.Width)));
        };
    }

    /// <summary>Resized to both sides; what is called the reshaped size is the original one.</summary>
    internal static Processor Sam2(Settings s)
    {
        s.Json.Ignore("mask_size");
        var flat = Settings.Flat(s.Map(Normal.ImageNet), s.Resize(SizeSpec.Square(1024), ResampleFilter.Bilinear));
        return inputs => Sized(flat(inputs)["pixel_values"], inputs, inputs.Flat.Select(i => new Sides(i.Height, i.Width)));
    }

    private static ProcessedBatch Sized(ProcessedTensor values, ImageInputs inputs, IEnumerable<Sides> reshaped) => ProcessedBatch.Of(
        ("pixel_values", values), ("original_sizes", Collation.Pairs(inputs.Flat.Select(i => new Sides(i.Height, i.Width)))), ("reshaped_input_sizes", Collation.Pairs(reshaped)));
}
