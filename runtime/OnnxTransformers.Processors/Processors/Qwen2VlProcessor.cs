using OnnxTransformers.Processors.Processing;

namespace OnnxTransformers.Processors;

/// <summary>Qwen2-VL and its successors: patches of all pictures in one list, pixel_values [patches, values], those of a block that is merged side by side,
/// and image_grid_thw [N, 3]. Source: models/qwen2_vl/image_processing_qwen2_vl.py.</summary>
/// <remarks>transformers always takes the torchvision class for these checkpoints, whatever the file says.</remarks>
internal static class Qwen2VlProcessor
{
    internal static Processor Read(Settings s)
    {
        s = s with { IsFast = true };
        var map = s.Map(Normal.Clip);
        var filter = s.Filter(ResampleFilter.Bicubic);
        var (patch, merge, frames) = (s.Json.Count("patch_size", 14), s.Json.Count("merge_size", 2), s.Json.Count("temporal_patch_size", 2));
        // In sizes of this class, edges are areas.
        var size = s.Size("size", new(Shortest: 56 * 56, Longest: 28 * 28 * 1280), square: false);
        var least = s.Json.Int("min_pixels", size.Shortest ?? s.Wrong("size", "shortest_edge and longest_edge", 1));
        var most = s.Json.Int("max_pixels", size.Longest ?? s.Wrong("size", "shortest_edge and longest_edge", int.MaxValue));
        var resizes = s.Flag("do_resize", true);
        var block = patch * merge;
        return inputs =>
        {
            var images = Collation.Each(inputs.Flat, i => resizes ? s.To(i.ToRgb(), SizeRules.Smart(new(i.Height, i.Width), block, least, most), filter) : i.ToRgb());
            if (images.FirstOrDefault(i => i.Width % block != 0 || i.Height % block != 0) is { } odd)
                throw new InvalidInputException("cutting an image into patches",
                    new Problem("images", $"{odd.Width} x {odd.Height} pixels", $"multiples of {block}", "let do_resize be true"));
            var each = 3 * frames * patch * patch;
            int[] counts = [.. images.Select(i => i.Height / patch * (i.Width / patch))];
            var values = new float[checked(counts.Sum() * each)];
            Collation.Each(images.Length, n => Cut(images[n], values.AsSpan(counts.AsSpan(0, n).ToArray().Sum() * each, counts[n] * each), map, patch, merge, frames));
            long[] grids = [.. images.SelectMany(i => new long[] { 1, i.Height / patch, i.Width / patch })];
            return ProcessedBatch.Of(("pixel_values", ProcessedTensor.Of(values, counts.Sum(), each)), ("image_grid_thw", ProcessedTensor.Of(grids, images.Length, 3)));
        };
    }

    // Order: block row, block column, patch row and column within the block; in a patch: channel, frame (a picture is repeated), row, column.
    private static void Cut(Image image, Span<float> values, PixelMap map, int patch, int merge, int frames)
    {
        var pixels = image.Pixels.Span;
        var (columns, each) = (image.Width / patch, 3 * frames * patch * patch);
        for (var p = 0; p < values.Length / each; p++)
        {
            var (block, inside) = (p / (merge * merge), p % (merge * merge));
            var (row, column) = (block / (columns / merge) * merge + inside / merge, block % (columns / merge) * merge + inside % merge);
            var to = values.Slice(p * each, each);
            for (var c = 0; c < 3; c++)
            {
                var plane = to.Slice(c * frames * patch * patch, patch * patch);
                for (var i = 0; i < plane.Length; i++) plane[i] = map[c, pixels[((row * patch + i / patch) * image.Width + column * patch + i % patch) * 3 + c]];
                for (var f = 1; f < frames; f++) plane.CopyTo(to[((c * frames + f) * patch * patch)..]);
            }
        }
    }
}
