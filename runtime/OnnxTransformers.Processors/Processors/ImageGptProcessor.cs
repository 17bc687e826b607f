using System.Text.Json;
using OnnxTransformers.Processors.Processing;

namespace OnnxTransformers.Processors;

/// <summary>ImageGPT: each pixel becomes the number of the nearest of some colours: input_ids [N, height * width]. Source:
/// models/imagegpt/image_processing_imagegpt.py.</summary>
internal static class ImageGptProcessor
{
    internal static Processor Read(Settings s)
    {
        var clusters = Clusters(s);
        var resize = s.Resize(SizeSpec.Square(256), ResampleFilter.Bilinear);
        var map = PixelMap.Create(false, s.Flag("do_normalize", true) ? [PixelMap.Rescale(1 / 127.5), (v, _) => v - 1] : []);
        if (!s.Flag("do_color_quantize", true)) return Settings.Flat(map, resize);
        return inputs =>
        {
            var images = Collation.Each(inputs.Flat, i => resize(i.ToRgb()));
            // All of one size: that is checked where they are stacked.
            var pixels = Collation.StackBytes(images, reversed: false).Shape;
            var each = (int)(pixels[2] * pixels[3]);
            var ids = new long[images.Length * each];
            Collation.Each(images.Length, i =>
            {
                var bytes = images[i].Pixels.Span;
                for (var p = 0; p < each; p++) ids[i * each + p] = Nearest(clusters, map[0, bytes[3 * p]], map[1, bytes[3 * p + 1]], map[2, bytes[3 * p + 2]]);
            });
            return ProcessedBatch.Of(("input_ids", ProcessedTensor.Of(ids, images.Length, each)));
        };
    }

    private static int Nearest((double R, double G, double B)[] clusters, double r, double g, double b)
    {
        var (best, at) = (double.MaxValue, 0);
        for (var i = 0; i < clusters.Length; i++)
        {
            var c = clusters[i];
            var distance = r * r + g * g + b * b - 2 * (r * c.R + g * c.G + b * c.B) + (c.R * c.R + c.G * c.G + c.B * c.B);
            if (distance < best) (best, at) = (distance, i);
        }
        return at;
    }

    private static (double, double, double)[] Clusters(Settings s)
    {
        if (s.Json.Raw("clusters") is { ValueKind: JsonValueKind.Array } list
            && list.EnumerateArray().All(c => c.ValueKind == JsonValueKind.Array && c.GetArrayLength() == 3 && c.EnumerateArray().All(v => v.ValueKind == JsonValueKind.Number)))
            return [.. list.EnumerateArray().Select(c => (c[0].GetDouble(), c[1].GetDouble(), c[2].GetDouble()))];
        s.Json.Problem("clusters", "no list of colours", "a list of [red, green, blue] between -1 and 1");
        return [];
    }
}
