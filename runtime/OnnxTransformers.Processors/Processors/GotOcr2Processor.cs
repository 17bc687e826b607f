using OnnxTransformers.Processors.Processing;

namespace OnnxTransformers.Processors;

/// <summary>GOT-OCR 2 and InternVL: one square, or a grid of squares whose proportion is nearest the picture's, and the whole picture after them; num_patches
/// [N]. Source: models/got_ocr2/image_processing_got_ocr2.py.</summary>
internal static class GotOcr2Processor
{
    internal static Processor Read(Settings s)
    {
        var map = s.Map(Normal.Clip);
        var size = s.Sides("size", SizeSpec.Square(384));
        var filter = s.Filter(ResampleFilter.Bicubic);
        var resize = s.Flag("do_resize", true);
        var (least, most) = (s.Json.Count("min_patches", 1), s.Json.Count("max_patches", 12));
        var tiles = s.Flag("crop_to_patches", false) && most > 1;
        return inputs =>
        {
            var groups = inputs.Flat.Select(i => i.ToRgb()).Select(i => tiles ? [.. Tiles(s, i, size, filter, least, most)] : new[] { i }).ToArray();
            var images = Collation.Each([.. groups.SelectMany(g => g)], i => resize ? s.To(i, size, filter) : i);
            return ProcessedBatch.Of(("pixel_values", Collation.Stack(images, map)), ("num_patches", ProcessedTensor.Of([.. groups.Select(g => (long)g.Length)], groups.Length)));
        };
    }

    private static IEnumerable<Image> Tiles(Settings s, Image image, Sides tile, ResampleFilter filter, int least, int most)
    {
        var (columns, rows) = Grid(image, tile, least, most);
        var tiles = Steps.Tiles(s.To(image, new(tile.Height * rows, tile.Width * columns), filter), tile);
        return columns * rows == 1 ? tiles : tiles.Append(s.To(image, tile, filter));
    }

    private static (int Columns, int Rows) Grid(Image image, Sides tile, int least, int most)
    {
        var grids = from columns in Enumerable.Range(1, most)
                    from rows in Enumerable.Range(1, most)
                    where columns * rows <= most && columns * rows >= least
                    orderby columns * rows
                    select (columns, rows);
        var (proportion, area) = ((double)image.Width / image.Height, (double)image.Width * image.Height);
        var (best, difference) = ((1, 1), double.PositiveInfinity);
        foreach (var (columns, rows) in grids)
        {
            var d = Math.Abs(proportion - (double)columns / rows);
            if (d < difference) (best, difference) = ((columns, rows), d);
            else if (d == difference && area > 0.5 * tile.Height * tile.Width * columns * rows) best = (columns, rows);
        }
        return best;
    }
}
