using OnnxTransformers.Processors.Processing;

namespace OnnxTransformers.Processors;

/// <summary>SuperPoint, SuperGlue, LightGlue and EfficientLoFTR: resized, rescaled, and the gray of the rescaled colours in all three channels. Source:
/// models/superpoint/image_processing_superpoint.py.</summary>
internal static class KeypointProcessors
{
    internal static Processor SuperPoint(Settings s)
    {
        var gray = Gray(s, absent: false);
        return inputs => ProcessedBatch.Of(("pixel_values", Collation.Stack(gray(inputs.Flat))));
    }

    /// <summary>Pictures in pairs: [pairs, 2, 3, height, width].</summary>
    internal static Processor SuperGlue(Settings s)
    {
        var gray = Gray(s, absent: true);
        return inputs =>
        {
            if (inputs.Flat.Count % 2 != 0) throw new InvalidInputException("processing images",
                new Problem("images", $"{inputs.Flat.Count} images", "pairs of images"));
            var all = Collation.Stack(gray(inputs.Flat));
            return ProcessedBatch.Of(("pixel_values", ProcessedTensor.Of(all.Floats.ToArray(), all.Shape[0] / 2, 2, all.Shape[1], all.Shape[2], all.Shape[3])));
        };
    }

    private static Func<IReadOnlyList<Image>, IReadOnlyList<Planes>> Gray(Settings s, bool absent)
    {
        var map = s.Map(Normal.Zero, normalizes: false);
        var resize = s.Resize(new SizeSpec(480, 640), ResampleFilter.Bilinear);
        var gray = s.Flag("do_grayscale", absent);
        return images => [.. images.Select(i => map.Planes(resize(i.ToRgb()))).Select(p => gray && !IsGray(p) ? ToGray(p) : p)];
    }

    private static bool IsGray(Planes p)
    {
        var plane = p.Height * p.Width;
        return p.Values.AsSpan(0, plane).SequenceEqual(p.Values.AsSpan(plane, plane)) && p.Values.AsSpan(plane, plane).SequenceEqual(p.Values.AsSpan(2 * plane, plane));
    }

    private static Planes ToGray(Planes p)
    {
        var plane = p.Height * p.Width;
        var values = new float[p.Values.Length];
        for (var i = 0; i < plane; i++) values[i] = values[plane + i] = values[2 * plane + i] = p.Values[i] * 0.2989f + p.Values[plane + i] * 0.5870f + p.Values[2 * plane + i] * 0.1140f;
        return p with { Values = values };
    }
}
