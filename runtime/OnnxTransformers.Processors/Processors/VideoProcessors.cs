using OnnxTransformers.Processors.Processing;

namespace OnnxTransformers.Processors;

/// <summary>Frames of videos, one group a video: pixel_values [B, frames, 3, height, width].</summary>
internal static class VideoProcessors
{
    internal static Processor VideoMae(Settings s) => Frames(s.Map(Normal.Standard), s.Resize(SizeSpec.Edge(224), ResampleFilter.Bilinear, square: false), s.Crop(SizeSpec.Square(224)));

    /// <summary>Rescaled by 1 / 127.5 and, with offset, moved by -1.</summary>
    internal static Processor Vivit(Settings s)
    {
        var map = s.Map(Normal.Standard, 1 / 127.5, between: s.Flag("offset", true) ? (v, _) => v - 1 : null);
        return Frames(map, s.Resize(SizeSpec.Edge(256), ResampleFilter.Bilinear, square: false), s.Crop(SizeSpec.Square(224)));
    }

    private static Processor Frames(PixelMap map, params Step[] steps) => inputs =>
    {
        var frames = inputs.Groups[0].Count;
        if (inputs.Groups.Any(g => g.Count != frames))
            throw new InvalidInputException("stacking videos",
                new Problem("images", $"videos of {string.Join(", ", inputs.Groups.Select(g => g.Count))} frames", "as many frames in each", "give the videos one by one"));
        var all = Settings.Flat(map, [.. steps])(inputs)["pixel_values"];
        return ProcessedBatch.Of(("pixel_values", ProcessedTensor.Of(all.Floats.ToArray(), inputs.Groups.Count, frames, all.Shape[1], all.Shape[2], all.Shape[3])));
    };
}
