using OnnxTransformers.Processors.Processing;

namespace OnnxTransformers.Processors;

/// <summary>Fuyu: shrunk where it is too large, ones (of 255) at the right and the bottom; for each picture i: images.i.0 [3, height, width],
/// image_unpadded_heights.i.0, image_unpadded_widths.i.0 and image_scale_factors.i.0. Source: models/fuyu/image_processing_fuyu.py.</summary>
internal static class FuyuProcessor
{
    internal static Processor Read(Settings s)
    {
        var map = s.Map(Normal.Standard);
        var size = s.Sides("size", new(1080, 1920));
        _ = s.Json.OneOf("padding_mode", 0, ("constant", 0));
        // Padding comes before rescaling: the value is that of a byte.
        var fill = (byte)Math.Clamp(s.Json.Double("padding_value", 1), 0, 255);
        s.Json.Ignore("patch_size");
        var filter = s.Filter(ResampleFilter.Bilinear);
        var (resizes, pads) = (s.Flag("do_resize", true), s.Flag("do_pad", true));
        return inputs =>
        {
            var batch = ProcessedBatch.Of();
            for (var n = 0; n < inputs.Flat.Count; n++)
            {
                var image = inputs.Flat[n].ToRgb();
                var height = image.Height;
                if (resizes && (image.Height > size.Height || image.Width > size.Width)) image = s.To(image, SizeRules.Within(size.Height, size.Width)(new(image.Height, image.Width)), filter);
                var values = Collation.Stack([pads ? Steps.Pad(image, 0, 0, size, fill) : image], map);
                batch = batch.With($"images.{n}.0", ProcessedTensor.Of(values.Floats.ToArray(), [.. values.Shape[1..]]))
                    .With($"image_unpadded_heights.{n}.0", ProcessedTensor.Of([(long)image.Height], 1))
                    .With($"image_unpadded_widths.{n}.0", ProcessedTensor.Of([(long)image.Width], 1))
                    .With($"image_scale_factors.{n}.0", ProcessedTensor.Of([(float)((double)image.Height / height)], 1));
            }
            return batch;
        };
    }
}
