using OnnxTransformers.Processors.Processing;

namespace OnnxTransformers.Processors;

/// <summary>Swin2SR: rescaled and mirrored at the right and the bottom to the next multiple, a whole block further where the side is one already. Source:
/// models/swin2sr/image_processing_swin2sr.py.</summary>
internal static class SuperResolutionProcessor
{
    internal static Processor Read(Settings s)
    {
        var map = s.Map(Normal.Zero, normalizes: false);
        var multiple = s.Json.Has("size_divisor") ? s.Json.Count("size_divisor", 8) : s.Json.Count("pad_size", 8);
        s.Json.Ignore("pad_size");
        if (!s.Flag("do_pad", true)) return Settings.Flat(map);
        return inputs => ProcessedBatch.Of(("pixel_values", Collation.Stack([.. inputs.Flat.Select(i => map.Planes(i.ToRgb())).Select(p =>
            p.Pick(new((p.Height / multiple + 1) * multiple, (p.Width / multiple + 1) * multiple), y => Border.Symmetric(y, p.Height), x => Border.Symmetric(x, p.Width)))])));
    }
}
