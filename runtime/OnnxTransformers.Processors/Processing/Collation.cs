namespace OnnxTransformers.Processors.Processing;

/// <summary>Many pictures become one tensor.</summary>
internal static class Collation
{
    private const string Doing = "stacking images";

    /// <summary>RGB pictures of one size: [N, 3, height, width]; bytes where the map changes nothing.</summary>
    /// <exception cref="InvalidInputException">Their sizes differ.</exception>
    internal static ProcessedTensor Stack(IReadOnlyList<Image> images, PixelMap map)
    {
        var size = SameSize(images.Select(i => new Sides(i.Height, i.Width)));
        return map.IsIdentity ? StackBytes(images, map.IsReversed) : Padded(images, map, size);
    }

    /// <summary>RGB pictures at the top left of one size, zeros around: [N, 3, height, width].</summary>
    internal static ProcessedTensor Padded(IReadOnlyList<Image> images, PixelMap map, Sides size)
    {
        var each = 3 * size.Height * size.Width;
        var values = new float[checked(images.Count * each)];
        Each(images.Count, i =>
        {
            CheckFits(images[i], size);
            map.Fill(images[i], values.AsSpan(i * each, each), size);
        });
        return ProcessedTensor.Of(values, images.Count, 3, size.Height, size.Width);
    }

    /// <summary>1 where the pictures of <see cref="Padded"/> are, 0 around: [N, height, width].</summary>
    internal static ProcessedTensor Mask(IReadOnlyList<Image> images, Sides size)
    {
        var values = new long[checked(images.Count * size.Height * size.Width)];
        for (var i = 0; i < images.Count; i++)
            for (var y = 0; y < images[i].Height; y++) values.AsSpan((i * size.Height + y) * size.Width, images[i].Width).Fill(1);
        return ProcessedTensor.Of(values, images.Count, size.Height, size.Width);
    }

    /// <summary>Planes of one size: [N, channels, height, width].</summary>
    /// <exception cref="InvalidInputException">Their sizes differ.</exception>
    internal static ProcessedTensor Stack(IReadOnlyList<Planes> planes)
    {
        var size = SameSize(planes.Select(p => p.Sides));
        return ProcessedTensor.Of([.. planes.SelectMany(p => p.Values)], planes.Count, planes[0].Channels, size.Height, size.Width);
    }

    /// <summary>8-bit RGB pictures as they are: [N, 3, height, width].</summary>
    /// <exception cref="InvalidInputException">Their sizes differ.</exception>
    internal static ProcessedTensor StackBytes(IReadOnlyList<Image> images, bool reversed)
    {
        var size = SameSize(images.Select(i => new Sides(i.Height, i.Width)));
        var plane = size.Height * size.Width;
        var values = new byte[checked(images.Count * 3 * plane)];
        for (var i = 0; i < images.Count; i++)
        {
            var pixels = images[i].Pixels.Span;
            for (var p = 0; p < plane; p++)
                for (var c = 0; c < 3; c++) values[(i * 3 + (reversed ? 2 - c : c)) * plane + p] = pixels[3 * p + c];
        }
        return ProcessedTensor.Of(values, images.Count, 3, size.Height, size.Width);
    }

    /// <summary>The largest height and the largest width.</summary>
    internal static Sides Largest(IEnumerable<Image> images) => images.Aggregate(new Sides(0, 0), (s, i) => new(Math.Max(s.Height, i.Height), Math.Max(s.Width, i.Width)));

    /// <summary>Rows of two numbers: [N, 2].</summary>
    internal static ProcessedTensor Pairs(IEnumerable<Sides> sides)
    {
        long[] values = [.. sides.SelectMany(s => new long[] { s.Height, s.Width })];
        return ProcessedTensor.Of(values, values.Length / 2, 2);
    }

    /// <summary>Does something for each of some pictures, on all cores.</summary>
    internal static void Each(int count, Action<int> run)
    {
        if (count == 1) run(0);
        else Parallel.For(0, count, run);
    }

    /// <summary>Another picture for each, on all cores.</summary>
    internal static Image[] Each(IReadOnlyList<Image> images, Func<Image, Image> step)
    {
        var results = new Image[images.Count];
        Each(images.Count, i => results[i] = step(images[i]));
        return results;
    }

    private static Sides SameSize(IEnumerable<Sides> sizes)
    {
        Sides[] all = [.. sizes.Distinct()];
        if (all.Length == 1) return all[0];
        throw new InvalidInputException(Doing,
            new Problem("", $"sizes of {string.Join(", ", all.Select(s => $"{s.Width} x {s.Height}"))} in one batch", "one size in a batch", "give the images one by one"));
    }

    private static void CheckFits(Image image, Sides size)
    {
        if (image.Height > size.Height || image.Width > size.Width)
            throw new InvalidInputException("padding an image",
                new Problem("", $"{image.Width} x {image.Height} pixels", $"at most the {size.Width} x {size.Height} pixels that it is padded to", "give a larger pad_size"));
    }
}
