using System.Collections.Immutable;
using OnnxTransformers.Processors.Processing;

namespace OnnxTransformers.Processors;

/// <summary>ViTPose: each box of each picture, a quarter larger and in the proportion of the size, cut out by an affine map with linear interpolation.
/// Source: models/vitpose/image_processing_vitpose.py.</summary>
internal static class PoseProcessor
{
    private const double Padding = 1.25;

    internal static Processor Read(Settings s)
    {
        var map = s.Map(Normal.ImageNet);
        var size = s.Sides("size", new(256, 192));
        var factor = s.Json.Double("normalize_factor", 200);
        if (!s.Flag("do_affine_transform", true)) return Settings.Flat(map);
        return inputs =>
        {
            var images = inputs.Flat;
            if (inputs.Boxes.Length != images.Count || inputs.Boxes.Any(boxes => boxes.Any(b => b.Length != 4)))
                throw new InvalidInputException("processing images",
                    new Problem("boxes", $"boxes for {inputs.Boxes.Length} of {images.Count} images", "for each image a list of boxes [x, y, width, height]"));
            Image[] cut = [.. images.SelectMany((image, i) => inputs.Boxes[i].Select(box => Cut(image.ToRgb(), box, size, factor)))];
            return cut.Length > 0 ? ProcessedBatch.Of(("pixel_values", Collation.Stack(cut, map))) : throw new InvalidInputException("processing images",
                new Problem("boxes", "no box", "at least one"));
        };
    }

    private static Image Cut(Image image, ImmutableArray<double> box, Sides size, double factor)
    {
        double width = box[2], height = box[3], proportion = (double)size.Width / size.Height;
        var (centreX, centreY) = ((float)(box[0] + width * 0.5), (float)(box[1] + height * 0.5));
        if (width > proportion * height) height = width / proportion;
        else if (width < proportion * height) width = height * proportion;
        // The reference computes in single precision from here on.
        var (across, offsetX) = Axis(centreX, (float)(width / factor) * (float)Padding, size.Width);
        var (down, offsetY) = Axis(centreY, (float)(height / factor) * (float)Padding, size.Height);
        var source = image.Pixels.Span;
        var target = new byte[size.Width * size.Height * 3];
        for (var y = 0; y < size.Height; y++)
            for (var x = 0; x < size.Width; x++)
                Sample(source, image.Width, image.Height, x / across - offsetX / across, y / down - offsetY / down, target.AsSpan((y * size.Width + x) * 3, 3));
        return new Image(size.Width, size.Height, ImageMode.Rgb, target);
    }

    // Scale and offset of the map from the picture to the cut.
    private static (double Scale, double Offset) Axis(float centre, float scale, int size)
    {
        var target = scale * 200f;
        var ratio = (size - 1) / (double)target;
        return ((float)ratio, (float)(ratio * (-0.5f * (centre * 2f) + 0.5f * target)));
    }

    // Linear between four pixels, zero outside, rounded half up (scipy.ndimage.affine_transform of order 1).
    private static void Sample(ReadOnlySpan<byte> source, int width, int height, double x, double y, Span<byte> pixel)
    {
        if (x < 0 || y < 0 || x > width - 1 || y > height - 1) return;
        var (left, top) = ((int)x, (int)y);
        var (right, bottom) = (Math.Min(left + 1, width - 1), Math.Min(top + 1, height - 1));
        var (tx, ty) = (x - left, y - top);
        for (var c = 0; c < 3; c++)
        {
            var upper = source[(top * width + left) * 3 + c] * (1 - tx) + source[(top * width + right) * 3 + c] * tx;
            var lower = source[(bottom * width + left) * 3 + c] * (1 - tx) + source[(bottom * width + right) * 3 + c] * tx;
            pixel[c] = (byte)(upper * (1 - ty) + lower * ty + 0.5);
        }
    }
}
