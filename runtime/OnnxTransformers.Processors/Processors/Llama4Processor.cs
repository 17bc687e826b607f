using OnnxTransformers.Processors.Processing;

namespace OnnxTransformers.Processors;

/// <summary>Llama 4: fitted into the canvas of tiles that needs the least enlarging, cut into tiles, the whole picture after them where there are several;
/// values in bfloat16; aspect_ratios [N, 2]. Source: models/llama4/image_processing_llama4_fast.py.</summary>
internal static class Llama4Processor
{
    internal static Processor Read(Settings s)
    {
        var map = Map(s);
        var tile = s.Sides("size", SizeSpec.Square(336));
        if (tile.Height != tile.Width) s.Wrong("size", "a square", 0);
        var filter = s.Filter(ResampleFilter.Bilinear);
        s.Json.MustBe("do_resize", true, "tiles are cut from a resized picture");
        var toLargest = s.Flag("resize_to_max_canvas", false);
        Sides[] canvases = [.. Canvases(s.Json.Count("max_patches", 16)).Select(c => new Sides(c.Height * tile.Height, c.Width * tile.Width))];
        return inputs =>
        {
            var (images, ratios) = (new List<Image>(), new List<Sides>());
            foreach (var image in inputs.Flat.Select(i => i.ToRgb()))
            {
                var canvas = Canvas.Choose(new(image.Height, image.Width), canvases, toLargest);
                var limit = toLargest ? canvas : new(Math.Min(Math.Max(image.Height, tile.Height), canvas.Height), Math.Min(Math.Max(image.Width, tile.Height), canvas.Width));
                var fitted = s.To(image, Canvas.Fit(new(image.Height, image.Width), limit), filter);
                images.AddRange(Steps.Tiles(Steps.Pad(fitted, 0, 0, canvas, 0), tile));
                var ratio = new Sides(canvas.Height / tile.Height, canvas.Width / tile.Width);
                if (ratio.Height * ratio.Width > 1) images.Add(s.To(image, tile, filter));
                ratios.Add(ratio);
            }
            var values = Collation.Stack(images, map);
            return ProcessedBatch.Of(("pixel_values", ProcessedTensor.BFloat16(values.Floats.Span, [.. values.Shape])), ("aspect_ratios", Collation.Pairs(ratios)));
        };
    }

    // Every step is rounded to bfloat16, as torch does it.
    private static PixelMap Map(Settings s)
    {
        var factor = s.Json.Double("rescale_factor", 1 / 255.0);
        var normal = s.Normal(Normal.Standard);
        var steps = new List<Func<float, int, float>>();
        if (s.Flag("do_rescale", true)) steps.Add((v, _) => Round((float)(v * factor)));
        if (s.Flag("do_normalize", true))
        {
            steps.Add((v, c) => Round(v - Round((float)normal.Mean[c])));
            steps.Add((v, c) => Round(v / Round((float)normal.Std[c])));
        }
        return PixelMap.Create(false, [.. steps]);
    }

    private static float Round(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return BitConverter.UInt32BitsToSingle((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000);
    }

    // All grids of at most so many tiles, those of one proportion side by side, as the reference lists them.
    private static IEnumerable<Sides> Canvases(int most) =>
        Enumerable.Range(1, most).Reverse().SelectMany(n => Enumerable.Range(1, n).Where(h => n % h == 0).Select(h => new Sides(h, n / h))).GroupBy(g => (double)g.Height / g.Width).SelectMany(g => g);
}
