using System.Text.Json;
using OnnxTransformers.Processors.Processing;

namespace OnnxTransformers.Processors;

/// <summary>LLaVA-NeXT and LLaVA-OneVision: the whole picture and, from the best of some resolutions, tiles after it: pixel_values [N, most tiles + 1, 3,
/// height, width], zeros where nothing is, and image_sizes [N, 2].
/// Source: models/llava_next/image_processing_llava_next.py, models/llava_onevision/image_processing_llava_onevision.py.</summary>
internal static class LlavaTilingProcessors
{
    internal static Processor LlavaNext(Settings s)
    {
        var map = s.Map(Normal.Clip);
        var spec = s.Size("size", SizeSpec.Edge(224), square: false);
        var side = spec.Shortest ?? (spec.Fixed is { } f ? Math.Min(f.Height, f.Width) : s.Wrong("size", "shortest_edge, or height and width", 224));
        var tile = s.Sides("crop_size", SizeSpec.Square(224)).Height;
        var resize = s.Resize(SizeSpec.Edge(224), ResampleFilter.Bicubic, square: false);
        var crop = s.Crop(SizeSpec.Square(224));
        var filter = s.Filter(ResampleFilter.Bicubic);
        var grids = Resolutions(s);
        s.Json.MustBe("do_pad", true, "pictures of one batch have to have as many tiles");
        return inputs => Padded(inputs, map, [.. inputs.Flat.Select(i => Parts(s, i.ToRgb(), grids, new(side, side), tile, filter).Select(p => crop(resize(p))).ToArray())]);
    }

    /// <summary>Several pictures of one prompt are padded to squares instead of tiled.</summary>
    internal static Processor LlavaOnevision(Settings s)
    {
        var map = s.Map(Normal.Clip);
        var spec = s.Size("size", SizeSpec.Square(384), square: false);
        var size = spec.Fixed ?? (spec.Shortest is { } edge ? new Sides(edge, edge) : s.Wrong("size", "height and width, or shortest_edge", new Sides(384, 384)));
        var resize = s.Resize(SizeRules.Fixed(size), ResampleFilter.Bicubic);
        var filter = s.Filter(ResampleFilter.Bicubic);
        var grids = Resolutions(s);
        byte[] ground = [.. s.Normal(Normal.Clip).Mean.Select(m => (byte)(int)(m * 255))];
        s.Json.MustBe("do_pad", true, "pictures of one batch have to have as many tiles");
        s.Json.Ignore("vision_aspect_ratio");
        return inputs =>
        {
            long[] counts = inputs.IsNested ? [.. inputs.Groups.Select(g => (long)g.Count)] : [.. inputs.Flat.Select(_ => 1L)];
            bool[] tiled = [.. counts.SelectMany(c => Enumerable.Repeat(c == 1, (int)c))];
            var parts = inputs.Flat.Select((i, at) => (tiled[at] ? Parts(s, i.ToRgb(), grids, size, size.Height, filter) : [Steps.PadToSquare(i.ToRgb(), ground)]).Select(p => resize(p)).ToArray());
            return Padded(inputs, map, [.. parts]).With("batch_num_images", ProcessedTensor.Of(counts, counts.Length));
        };
    }

    private static IEnumerable<Image> Parts(Settings s, Image image, Sides[] grids, Sides whole, int tile, ResampleFilter filter)
    {
        var from = new Sides(image.Height, image.Width);
        var to = Best(from, grids);
        var (down, across) = ((double)to.Height / from.Height, (double)to.Width / from.Width);
        var size = across < down ? new Sides(Math.Min((int)Math.Ceiling(from.Height * across), to.Height), to.Width) : new(to.Height, Math.Min((int)Math.Ceiling(from.Width * down), to.Width));
        var padded = Steps.Pad(s.To(image, size, filter), (to.Height - size.Height) / 2, (to.Width - size.Width) / 2, to, 0);
        return Steps.Tiles(padded, new(tile, tile)).Prepend(s.To(image, whole, filter));
    }

    // The resolution that keeps the most pixels, and of those the one that wastes the fewest (image_processing_utils.select_best_resolution).
    private static Sides Best(Sides from, Sides[] grids)
    {
        var (best, kept, wasted) = (grids[0], 0L, long.MaxValue);
        foreach (var to in grids)
        {
            var scale = Math.Min((double)to.Width / from.Width, (double)to.Height / from.Height);
            var effective = Math.Min((long)(int)(from.Width * scale) * (int)(from.Height * scale), (long)from.Width * from.Height);
            var waste = (long)to.Width * to.Height - effective;
            if (effective > kept || effective == kept && waste < wasted) (best, kept, wasted) = (to, effective, waste);
        }
        return best;
    }

    private static ProcessedBatch Padded(ImageInputs inputs, PixelMap map, Image[][] rows)
    {
        var (most, size) = (rows.Max(r => r.Length), new Sides(rows[0][0].Height, rows[0][0].Width));
        var each = 3 * size.Height * size.Width;
        var values = new float[checked(rows.Length * most * each)];
        Collation.Each(rows.Length, r =>
        {
            for (var i = 0; i < rows[r].Length; i++) map.Fill(rows[r][i], values.AsSpan((r * most + i) * each, each), size);
        });
        return ProcessedBatch.Of(("pixel_values", ProcessedTensor.Of(values, rows.Length, most, 3, size.Height, size.Width)), ("image_sizes", Collation.Pairs(inputs.Flat.Select(i => new Sides(i.Height, i.Width)))));
    }

    private static Sides[] Resolutions(Settings s)
    {
        if (s.Json.Raw("image_grid_pinpoints") is { ValueKind: JsonValueKind.Array } list && list.GetArrayLength() > 0
            && list.EnumerateArray().All(p => p.ValueKind == JsonValueKind.Array && p.GetArrayLength() == 2 && p.EnumerateArray().All(v => v.TryGetInt32(out var side) && side > 0)))
            return [.. list.EnumerateArray().Select(p => new Sides(p[0].GetInt32(), p[1].GetInt32()))];
        return s.Wrong("image_grid_pinpoints", "a list of [height, width]", new[] { new Sides(1, 1) });
    }
}
