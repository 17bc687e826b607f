using OnnxTransformers.Processors.Processing;

namespace OnnxTransformers.Processors;

/// <summary>Llama 3.2 Vision: fitted into a canvas of tiles: pixel_values [B, most images, most tiles, 3, height, width], aspect_ratio_ids and num_tiles [B,
/// most images], aspect_ratio_mask [B, most images, most tiles]. Source: models/mllama/image_processing_mllama.py.</summary>
internal static class MllamaProcessor
{
    internal static Processor Read(Settings s)
    {
        var map = s.Map(Normal.Standard);
        var tile = s.Sides("size", SizeSpec.Square(224));
        if (tile.Height != tile.Width) s.Wrong("size", "a square", 0);
        var filter = s.Filter(ResampleFilter.Bilinear);
        var most = s.Json.Count("max_image_tiles", 4);
        s.Json.MustBe("do_resize", true, "tiles are cut from a resized picture");
        s.Json.MustBe("do_pad", true, "tiles are cut from a whole canvas");
        Sides[] grids = [.. from a in Enumerable.Range(1, most) from b in Enumerable.Range(1, most) where a * b <= most select new Sides(a, b)];
        Sides[] canvases = [.. grids.Select(g => new Sides(g.Height * tile.Height, g.Width * tile.Height))];
        return inputs =>
        {
            var (samples, width) = (inputs.Groups.Count, inputs.Groups.Max(g => g.Count));
            var each = 3 * tile.Height * tile.Width;
            var values = new float[checked(samples * width * most * each)];
            var (ids, counts, mask) = (new long[samples * width], new long[samples * width], new long[samples * width * most]);
            for (var at = 0; at < ids.Length; at++)
            {
                mask[at * most] = 1;
                if (at % width >= inputs.Groups[at / width].Count) continue;
                var image = inputs.Groups[at / width][at % width].OnWhite();
                var from = new Sides(image.Height, image.Width);
                var canvas = Canvas.Choose(from, canvases);
                var limit = new Sides(Math.Clamp(from.Height, tile.Height, canvas.Height), Math.Clamp(from.Width, tile.Height, canvas.Width));
                Image[] tiles = [.. Steps.Tiles(Steps.Pad(s.To(image, Canvas.Fit(from, limit), filter), 0, 0, canvas, 0), tile)];
                for (var t = 0; t < tiles.Length; t++) map.Fill(tiles[t], values.AsSpan((at * most + t) * each, each), tile);
                mask.AsSpan(at * most, tiles.Length).Fill(1);
                (ids[at], counts[at]) = (Array.IndexOf(canvases, canvas) + 1, tiles.Length);
            }
            return ProcessedBatch.Of(("pixel_values", ProcessedTensor.Of(values, samples, width, most, 3, tile.Height, tile.Width)), ("aspect_ratio_ids", ProcessedTensor.Of(ids, samples, width)),
                ("aspect_ratio_mask", ProcessedTensor.Of(mask, samples, width, most)), ("num_tiles", ProcessedTensor.Of(counts, samples, width)));
        };
    }
}
