using OnnxTransformers.Processors.Processing;

namespace OnnxTransformers.Processors;

/// <summary>Emu3, Pixtral, SigLIP 2: sizes that follow the picture.</summary>
internal static class PatchProcessors
{
    /// <summary>Multiples of a factor with an area between two limits, the size of the first picture for all of a prompt, padded to the largest; image_sizes.
    /// Source: models/emu3/image_processing_emu3.py.</summary>
    internal static Processor Emu3(Settings s)
    {
        var map = s.Map(Normal.Clip);
        var filter = s.Filter(ResampleFilter.Bicubic);
        var factor = s.Json.Count("spatial_factor", 8);
        var (least, most) = (s.Json.Count("min_pixels", 512 * 512), s.Json.Count("max_pixels", 1024 * 1024));
        var resize = s.Flag("do_resize", true);
        return inputs => Padded(inputs.Groups.SelectMany(g =>
        {
            var size = SizeRules.Smart(new(g[0].Height, g[0].Width), factor, least, most);
            return g.Select(i => resize ? s.To(i.ToRgb(), size, filter) : i.ToRgb());
        }), map);
    }

    /// <summary>Shrunk into a limit, then enlarged to whole patches; padded to the largest; image_sizes. Source:
    /// models/pixtral/image_processing_pixtral.py.</summary>
    internal static Processor Pixtral(Settings s)
    {
        var map = s.Map(Normal.Clip);
        var spec = s.Size("size", new(Longest: 1024), square: false);
        var limit = spec.Longest is { } edge ? new Sides(edge, edge) : spec.Fixed ?? s.Wrong("size", "longest_edge, or height and width", new Sides(1024, 1024));
        var patch = s.Sides("patch_size", SizeSpec.Square(16));
        Sides Rule(Sides from)
        {
            var ratio = Math.Max((double)from.Height / limit.Height, (double)from.Width / limit.Width);
            if (ratio > 1) from = new((int)Math.Floor(from.Height / ratio), (int)Math.Floor(from.Width / ratio));
            return new((from.Height + patch.Height - 1) / patch.Height * patch.Height, (from.Width + patch.Width - 1) / patch.Width * patch.Width);
        }
        var resize = s.Resize(Rule, ResampleFilter.Bicubic);
        return inputs => Padded(Collation.Each(inputs.Flat, i => resize(i.OnWhite())), map);
    }

    /// <summary>As many patches as fit: pixel_values [N, most patches, values of a patch], channels last in each; pixel_attention_mask [N, most patches];
    /// spatial_shapes [N, 2]. Source: models/siglip2/image_processing_siglip2.py.</summary>
    internal static Processor Siglip2(Settings s)
    {
        var map = s.Map(Normal.Standard);
        var (patch, most) = (s.Json.Count("patch_size", 16), s.Json.Count("max_num_patches", 256));
        var resize = s.Resize(from => Largest(from, patch, most), ResampleFilter.Bilinear);
        return inputs =>
        {
            var images = Collation.Each(inputs.Flat, i => resize(i.ToRgb()));
            var each = patch * patch * 3;
            var (values, mask) = (new float[checked(images.Length * most * each)], new long[images.Length * most]);
            Sides[] shapes = [.. images.Select(i => new Sides(i.Height / patch, i.Width / patch))];
            for (var n = 0; n < images.Length; n++)
            {
                var pixels = images[n].Pixels.Span;
                var (rows, columns) = (shapes[n].Height, shapes[n].Width);
                if (rows * columns > most) throw new InvalidInputException("cutting an image into patches",
                    new Problem("images", $"{rows} x {columns} patches", $"at most max_num_patches = {most}", "let do_resize be true"));
                for (var p = 0; p < rows * columns; p++)
                    for (var i = 0; i < each; i++)
                    {
                        var (y, x, c) = (p / columns * patch + i / 3 / patch, p % columns * patch + i / 3 % patch, i % 3);
                        values[(n * most + p) * each + i] = map[c, pixels[(y * images[n].Width + x) * 3 + c]];
                    }
                mask.AsSpan(n * most, rows * columns).Fill(1);
            }
            return ProcessedBatch.Of(("pixel_values", ProcessedTensor.Of(values, images.Length, most, each)), ("pixel_attention_mask", ProcessedTensor.Of(mask, images.Length, most)), ("spatial_shapes", Collation.Pairs(shapes)));
        };
    }

    // The largest scale with which the patches suffice, by bisection.
    private static Sides Largest(Sides from, int patch, int most)
    {
        const double Precision = 1e-5;
        int Side(double scale, int side) => Math.Max(patch, (int)Math.Ceiling(side * scale / patch) * patch);
        var (low, high) = (Precision / 10, 100.0);
        while (high - low >= Precision)
        {
            var middle = (low + high) / 2;
            if ((double)Side(middle, from.Height) / patch * ((double)Side(middle, from.Width) / patch) <= most) low = middle;
            else high = middle;
        }
        return new(Side(low, from.Height), Side(low, from.Width));
    }

    private static ProcessedBatch Padded(IEnumerable<Image> resized, PixelMap map)
    {
        Image[] images = [.. resized];
        return ProcessedBatch.Of(("pixel_values", Collation.Padded(images, map, Collation.Largest(images))), ("image_sizes", Collation.Pairs(images.Select(i => new Sides(i.Height, i.Width)))));
    }
}
