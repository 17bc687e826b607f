using OnnxTransformers.Processors.Processing;

namespace OnnxTransformers.Processors;

/// <summary>ViTMatte: the picture's values and, as a fourth channel, the rescaled trimap; zeros at the right and the bottom to a multiple. Source:
/// models/vitmatte/image_processing_vitmatte.py.</summary>
internal static class MattingProcessor
{
    internal static Processor Read(Settings s)
    {
        var map = s.Map(Normal.Standard);
        var factor = s.Flag("do_rescale", true) ? s.Json.Double("rescale_factor", 1 / 255.0) : 1;
        var multiple = s.Json.Has("size_divisor") ? s.Json.Count("size_divisor", 32) : s.Json.Count("size_divisibility", 32);
        s.Json.Ignore("size_divisibility");
        var pad = s.Flag("do_pad", true);
        return inputs =>
        {
            var images = inputs.Flat;
            if (inputs.Trimaps.Count != images.Count)
                throw new InvalidInputException("processing images",
                    new Problem("trimaps", $"{inputs.Trimaps.Count} trimaps for {images.Count} images", "a gray trimap of the same size for each image"));
            return ProcessedBatch.Of(("pixel_values", Collation.Stack([.. images.Select((image, i) =>
            {
                var (planes, trimap) = (map.Planes(image.ToRgb()), inputs.Trimaps[i]);
                if (trimap.Mode != ImageMode.Gray || trimap.Width != image.Width || trimap.Height != image.Height)
                    throw new InvalidInputException("processing images",
                        new Problem("trimaps", $"{trimap.Mode} of {trimap.Width} x {trimap.Height} for an image of {image.Width} x {image.Height}", "Gray of the image's size"));
                float[] values = [.. planes.Values, .. trimap.Pixels.ToArray().Select(v => (float)(v * factor))];
                planes = new Planes(4, planes.Height, planes.Width, values);
                return pad ? planes.Pad(0, 0, SizeRules.Raise(planes.Sides, multiple), 0) : planes;
            })])));
        };
    }
}
