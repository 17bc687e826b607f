using OnnxTransformers.Processors.Processing;

namespace OnnxTransformers.Processors;

/// <summary>OWLv2: rescaled, padded to a square at the right and the bottom, smoothed with a Gaussian and zoomed linearly as scipy does, clipped and
/// normalised. Source: models/owlv2/image_processing_owlv2.py.</summary>
internal static class Owlv2Processor
{
    private const float Ground = 0.5f;

    internal static Processor Read(Settings s)
    {
        // The file's filter is not used by the class.
        s.Json.Ignore("resample");
        var rescale = PixelMap.Create(false, PixelMap.Rescale(s.Flag("do_rescale", true) ? s.Json.Double("rescale_factor", 1 / 255.0) : 1));
        var size = s.Sides("size", SizeSpec.Square(960));
        var (pads, resizes) = (s.Flag("do_pad", true), s.Flag("do_resize", true));
        var normal = s.Normal(Normal.Clip);
        Func<float, int, float> normalize = s.Flag("do_normalize", true) ? PixelMap.Normalize(normal) : (v, _) => v;
        return inputs => ProcessedBatch.Of(("pixel_values", Collation.Stack([.. inputs.Flat.Select(i =>
        {
            var planes = rescale.Planes(i.ToRgb());
            var side = Math.Max(planes.Height, planes.Width);
            if (pads) planes = planes.Pad(0, 0, new(side, side), Ground);
            return (resizes ? Zoom(planes, size) : planes).Map(normalize);
        })])));
    }

    private static Planes Zoom(Planes planes, Sides size)
    {
        var (least, most) = (planes.Values.Min(), planes.Values.Max());
        planes = planes.Weighted(Gaussian(planes.Width, size.Width), Gaussian(planes.Height, size.Height));
        planes = planes.Weighted(Linear(planes.Width, size.Width), Linear(planes.Height, size.Height));
        return planes.Map((v, _) => Math.Clamp(v, least, most));
    }

    // scipy.ndimage.gaussian_filter: four deviations wide, mirrored.
    private static (int, double[])[] Gaussian(int inputs, int outputs)
    {
        var sigma = Math.Max(0, ((double)inputs / outputs - 1) / 2);
        var radius = sigma > 1e-15 ? (int)(4 * sigma + 0.5) : 0;
        double[] kernel = [.. Enumerable.Range(-radius, 2 * radius + 1).Select(d => radius == 0 ? 1 : Math.Exp(-0.5 * d * d / (sigma * sigma)))];
        var sum = kernel.Sum();
        return Mirrored(inputs, inputs, o => (o - radius, [.. kernel.Select(k => k / sum)]));
    }

    // scipy.ndimage.zoom of order 1 in grid mode: pixels are areas, mirrored.
    private static (int, double[])[] Linear(int inputs, int outputs) => Mirrored(inputs, outputs, o =>
    {
        var at = (o + 0.5) * inputs / outputs - 0.5;
        if (at < 0) at = -at;
        if (at > inputs - 1) at = 2 * (inputs - 1) - at;
        var floor = (int)Math.Floor(at);
        return (floor, [1 - (at - floor), at - floor]);
    });

    private static (int, double[])[] Mirrored(int inputs, int outputs, Func<int, (int First, double[] Weights)> of)
    {
        var spans = new (int, double[])[outputs];
        for (var o = 0; o < outputs; o++)
        {
            var (first, weights) = of(o);
            int[] at = [.. weights.Select((_, i) => Border.Mirror(first + i, inputs))];
            var (from, end) = (at.Min(), at.Max() + 1);
            var sums = new double[end - from];
            for (var i = 0; i < at.Length; i++) sums[at[i] - from] += weights[i];
            spans[o] = (from, sums);
        }
        return spans;
    }
}
