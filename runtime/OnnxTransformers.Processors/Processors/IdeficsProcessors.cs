using OnnxTransformers.Processors.Processing;

namespace OnnxTransformers.Processors;

/// <summary>Idefics 2, Idefics 3 and SmolVLM: pictures and their parts, a row for each prompt: pixel_values [B, most images, 3, height, width] and
/// pixel_attention_mask [B, most images, height, width], zeros where nothing is.
/// Source: models/idefics2/image_processing_idefics2.py, models/idefics3/image_processing_idefics3.py.</summary>
internal static class IdeficsProcessors
{
    private const int LargestSide = 4096;

    /// <summary>Sides between two limits; with splitting, the four quarters come before the whole.</summary>
    internal static Processor Idefics2(Settings s)
    {
        var size = s.Size("size", new(Shortest: 378, Longest: 980), square: false);
        var (shortest, longest) = size is { Shortest: { } a, Longest: { } b } ? (a, b) : s.Wrong("size", "shortest_edge and longest_edge", (378, 980));
        var resize = s.Resize(from => Between(from, shortest, longest), ResampleFilter.Bilinear);
        var split = s.Flag("do_image_splitting", false);
        return Padded(s, Normal.Standard, image =>
        {
            var rgb = image.OnWhite();
            return (split ? [.. Quarters(rgb)] : new[] { rgb }).Select(i => resize(i));
        });
    }

    internal static Processor Idefics3(Settings s) => Tiled(s, 4 * 364, 364);

    internal static Processor SmolVlm(Settings s) => Tiled(s, 4 * 364, 364);

    private static Processor Tiled(Settings s, int longest, int tile)
    {
        var filter = s.Filter(ResampleFilter.Lanczos);
        var edge = s.Size("size", new(Longest: longest), square: false).Longest ?? s.Wrong("size", "longest_edge", longest);
        var side = s.Size("max_image_size", new(Longest: tile), square: false).Longest ?? s.Wrong("max_image_size", "longest_edge", tile);
        var (resizes, split) = (s.Flag("do_resize", true), s.Flag("do_image_splitting", true));
        // Numbers of rows and columns are asked for by the text's processor.
        s.Json.Ignore("return_row_col_info", "video_sampling");
        return Padded(s, Normal.Standard, image =>
        {
            if (resizes) image = s.To(image, Longest(new(image.Height, image.Width), edge), filter);
            IEnumerable<Image> parts = split ? Tiles(s, s.To(image, WholeTiles(new(image.Height, image.Width), side), filter), side) : [s.To(image, new(side, side), filter)];
            return parts.Select(i => i.OnWhite());
        });
    }

    private static IEnumerable<Image> Tiles(Settings s, Image image, int side)
    {
        if (image.Height <= side && image.Width <= side) return [image];
        // The whole comes last, always in Lanczos's filter.
        return Steps.Tiles(image, new(side, side)).Append(s.To(image, new(side, side), ResampleFilter.Lanczos));
    }

    private static Processor Padded(Settings s, Normal normal, Func<Image, IEnumerable<Image>> parts)
    {
        var map = s.Map(normal);
        s.Json.MustBe("do_pad", true, "pictures of one row have to be of one size");
        return inputs =>
        {
            var rows = inputs.Groups.Select(g => g.SelectMany(parts).ToArray()).ToArray();
            var (most, size) = (rows.Max(r => r.Length), Collation.Largest(rows.SelectMany(r => r)));
            var plane = size.Height * size.Width;
            var values = new float[checked(rows.Length * most * 3 * plane)];
            var mask = new long[rows.Length * most * plane];
            Collation.Each(rows.Length * most, at =>
            {
                if (at % most >= rows[at / most].Length) return;
                var image = rows[at / most][at % most];
                map.Fill(image, values.AsSpan(at * 3 * plane, 3 * plane), size);
                for (var y = 0; y < image.Height; y++) mask.AsSpan(at * plane + y * size.Width, image.Width).Fill(1);
            });
            return ProcessedBatch.Of(("pixel_values", ProcessedTensor.Of(values, rows.Length, most, 3, size.Height, size.Width)),
                ("pixel_attention_mask", ProcessedTensor.Of(mask, rows.Length, most, size.Height, size.Width)));
        };
    }

    private static IEnumerable<Image> Quarters(Image i)
    {
        var (x, y) = (i.Width / 2, i.Height / 2);
        return [i.Crop(0, 0, x, y), i.Crop(x, 0, i.Width - x, y), i.Crop(0, y, x, i.Height - y), i.Crop(x, y, i.Width - x, i.Height - y), i];
    }

    private static Sides Between(Sides from, int shortest, int longest)
    {
        var (height, width) = (from.Height, from.Width);
        var proportion = (double)width / height;
        if (width >= height && width > longest) (width, height) = (longest, (int)(longest / proportion));
        else if (height > width && height > longest) (height, width) = (longest, (int)(longest * proportion));
        return new(Math.Max(height, shortest), Math.Max(width, shortest));
    }

    // The longer edge becomes the given one, the shorter an even number; both at most the reference's largest side.
    private static Sides Longest(Sides from, int edge)
    {
        var (height, width) = (from.Height, from.Width);
        var proportion = (double)width / height;
        if (width >= height) (width, height) = (edge, Even((int)(edge / proportion)));
        else (height, width) = (edge, Even((int)(edge * proportion)));
        return Between(new(Math.Max(height, 1), Math.Max(width, 1)), 1, LargestSide);
    }

    private static int Even(int side) => side + side % 2;

    private static Sides WholeTiles(Sides from, int side)
    {
        var proportion = (double)from.Width / from.Height;
        int Up(int n) => (n + side - 1) / side * side;
        if (from.Width >= from.Height)
        {
            var width = Up(from.Width);
            return new(Up((int)(width / proportion)), width);
        }
        var height = Up(from.Height);
        return new(height, Up((int)(height * proportion)));
    }
}
