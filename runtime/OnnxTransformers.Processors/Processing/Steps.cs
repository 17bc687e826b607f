using System.Collections.Immutable;

namespace OnnxTransformers.Processors.Processing;

/// <summary>Changes of pictures that several processors make.</summary>
internal static class Steps
{
    /// <summary>One after the other.</summary>
    internal static Func<Image, Image> All(ImmutableArray<Step> steps) => image =>
    {
        foreach (var step in steps) image = step(image);
        return image;
    };

    /// <summary>The middle of a picture; where it is too small, zeros around it (image_transforms.center_crop).</summary>
    internal static Image CentreCrop(Image image, Sides size) => image.Crop(Start(image.Width, size.Width), Start(image.Height, size.Height), size.Width, size.Height, 0);

    /// <summary>Room around a picture.</summary>
    internal static Image Pad(Image image, int top, int left, Sides size, params ReadOnlySpan<byte> fill) => image.Crop(-left, -top, size.Width, size.Height, fill);

    /// <summary>A picture in the middle of a square of one colour.</summary>
    internal static Image PadToSquare(Image image, params ReadOnlySpan<byte> colour)
    {
        var side = Math.Max(image.Height, image.Width);
        return Pad(image, (side - image.Height) / 2, (side - image.Width) / 2, new(side, side), colour);
    }

    /// <summary>Tiles of one size, row by row.</summary>
    internal static IEnumerable<Image> Tiles(Image image, Sides tile)
    {
        for (var y = 0; y < image.Height; y += tile.Height)
            for (var x = 0; x < image.Width; x += tile.Width)
                yield return image.Crop(x, y, Math.Min(tile.Width, image.Width - x), Math.Min(tile.Height, image.Height - y));
    }

    // Rounded down where something is cut off; where something is added, the larger half comes first.
    private static int Start(int size, int wanted) => wanted <= size ? (size - wanted) / 2 : -((wanted - size + 1) / 2);
}
