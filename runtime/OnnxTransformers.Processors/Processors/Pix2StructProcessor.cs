using OnnxTransformers.Processors.Processing;

namespace OnnxTransformers.Processors;

/// <summary>Pix2Struct and Kosmos-2.5: standardised by its own mean and deviation, resized in floating point to as many patches as fit: flattened_patches [N,
/// most patches, 2 + values], each beginning with its row and column from 1, and attention_mask. Source:
/// models/pix2struct/image_processing_pix2struct.py.</summary>
internal static class Pix2StructProcessor
{
    internal static Processor Read(Settings s)
    {
        s.Json.MustBe("is_vqa", false, "the question would have to be drawn onto the picture with a font of the Hub");
        var normalizes = s.Flag("do_normalize", true);
        var most = s.Json.Count("max_patches", 2048);
        var patch = s.Sides("patch_size", SizeSpec.Square(16));
        var filter = new PlaneFilter(Antialias: true);
        var raw = PixelMap.Create(false);
        return inputs =>
        {
            var images = inputs.Flat;
            var each = 2 + patch.Height * patch.Width * 3;
            var (values, mask) = (new float[checked(images.Count * most * each)], new float[images.Count * most]);
            Collation.Each(images.Count, n =>
            {
                var planes = raw.Planes(images[n].ToRgb());
                if (normalizes) planes = Standardised(planes);
                var (rows, columns) = Grid(planes.Sides, patch, most);
                planes = planes.Resize(new(rows * patch.Height, columns * patch.Width), filter);
                for (var p = 0; p < rows * columns; p++)
                {
                    var to = values.AsSpan((n * most + p) * each, each);
                    (to[0], to[1]) = (p / columns + 1, p % columns + 1);
                    for (var i = 2; i < each; i++)
                    {
                        var (y, x, c) = (p / columns * patch.Height + (i - 2) / 3 / patch.Width, p % columns * patch.Width + (i - 2) / 3 % patch.Width, (i - 2) % 3);
                        to[i] = planes.Values[(c * planes.Height + y) * planes.Width + x];
                    }
                }
                mask.AsSpan(n * most, rows * columns).Fill(1);
            });
            return ProcessedBatch.Of(("flattened_patches", ProcessedTensor.Of(values, images.Count, most, each)), ("attention_mask", ProcessedTensor.Of(mask, images.Count, most)));
        };
    }

    private static Planes Standardised(Planes planes)
    {
        var mean = planes.Values.Average(v => (double)v);
        var deviation = Math.Max(Math.Sqrt(planes.Values.Average(v => (v - mean) * (v - mean))), 1 / Math.Sqrt(planes.Values.Length));
        return planes.Map((v, _) => (v - (float)mean) / (float)deviation);
    }

    private static (int Rows, int Columns) Grid(Sides image, Sides patch, int most)
    {
        var scale = Math.Sqrt(most * ((double)patch.Height / image.Height) * ((double)patch.Width / image.Width));
        return (Math.Max(Math.Min((int)Math.Floor(scale * image.Height / patch.Height), most), 1), Math.Max(Math.Min((int)Math.Floor(scale * image.Width / patch.Width), most), 1));
    }
}
