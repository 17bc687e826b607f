namespace OnnxTransformers.Processors.Processing;

/// <summary>The size that a picture of a given size gets.</summary>
internal delegate Sides SizeRule(Sides from);

/// <summary>The rules by which processors choose sizes. Rounding is the reference's, in double precision, truncated where it truncates
/// (image_transforms.py).</summary>
internal static class SizeRules
{
    internal static SizeRule Fixed(Sides size) => _ => size;

    /// <summary>The shorter edge becomes <paramref name="edge"/>, the longer one keeps the proportion, truncated; with <paramref name="most"/>, the longer
    /// edge is at most that.</summary>
    internal static SizeRule ShortestEdge(int edge, int? most = null) => from =>
    {
        var (width, height) = (from.Width, from.Height);
        var (shorter, longer) = width <= height ? (width, height) : (height, width);
        var (newShort, newLong) = (edge, (int)((double)((long)edge * longer) / shorter));
        if (most is { } m && newLong > m) (newShort, newLong) = ((int)((double)((long)m * newShort) / newLong), m);
        return width <= height ? new(newLong, newShort) : new(newShort, newLong);
    };

    /// <summary>DETR's: the shorter edge becomes <paramref name="edge"/>, less where the longer one would exceed <paramref name="most"/>; then both are cut
    /// to multiples of <paramref name="multiple"/>.</summary>
    internal static SizeRule Detr(int edge, int? most, int multiple = 1) => from =>
    {
        var (height, width) = (from.Height, from.Width);
        double side = edge;
        var size = edge;
        if (most is { } m)
        {
            double least = Math.Min(height, width), largest = Math.Max(height, width);
            if (largest / least * size > m)
            {
                side = m * least / largest;
                size = (int)Math.Round(side, MidpointRounding.ToEven);
            }
        }
        var kept = height <= width && height == size || width <= height && width == size;
        // YOLOS asks for the portrait first.
        if (kept && (multiple == 1 || width >= height)) return Cut(new(height, width), multiple);
        return Cut(width < height ? new((int)(side * height / width), size) : new(size, (int)(side * width / height)), multiple);
    };

    /// <summary>As large as fits into both limits, in proportion, truncated.</summary>
    internal static SizeRule Within(int maxHeight, int maxWidth) => from =>
    {
        var scale = Math.Min((double)maxHeight / from.Height, (double)maxWidth / from.Width);
        return new((int)(from.Height * scale), (int)(from.Width * scale));
    };

    /// <summary>ViLT's: the shorter edge becomes <paramref name="shorter"/>, the longer at most <paramref name="longer"/>, rounded, then cut to
    /// multiples.</summary>
    internal static SizeRule Vilt(int shorter, int longer, int multiple) => from =>
    {
        var scale = (double)shorter / Math.Min(from.Height, from.Width);
        var (height, width) = from.Height < from.Width ? (shorter, scale * from.Width) : (scale * from.Height, (double)shorter);
        if (Math.Max(height, width) > longer)
        {
            scale = longer / Math.Max(height, width);
            (height, width) = (scale * height, scale * width);
        }
        return Cut(new((int)(height + 0.5), (int)(width + 0.5)), multiple);
    };

    /// <summary>The longer edge becomes <paramref name="edge"/>, the other keeps the proportion, rounded half up.</summary>
    internal static SizeRule LongestEdge(int edge) => from =>
    {
        var scale = (double)edge / Math.Max(from.Height, from.Width);
        return new((int)(from.Height * scale + 0.5), (int)(from.Width * scale + 0.5));
    };

    /// <summary>DPT's: scaled as little as reaches one of the sides (or to both), each rounded half to even to a multiple.</summary>
    internal static SizeRule Dpt(Sides to, bool keepProportion, int multiple) => from =>
    {
        var (down, across) = ((double)to.Height / from.Height, (double)to.Width / from.Width);
        if (keepProportion)
        {
            if (Math.Abs(1 - across) < Math.Abs(1 - down)) down = across;
            else across = down;
        }
        int Rounded(double value) => (int)Math.Round(value / multiple, MidpointRounding.ToEven) * multiple;
        return new(Rounded(down * from.Height), Rounded(across * from.Width));
    };

    /// <summary>Sides cut down to multiples.</summary>
    internal static Sides Cut(Sides size, int multiple) => new(size.Height / multiple * multiple, size.Width / multiple * multiple);

    /// <summary>Sides raised to multiples.</summary>
    internal static Sides Raise(Sides size, int multiple) => new((size.Height + multiple - 1) / multiple * multiple, (size.Width + multiple - 1) / multiple * multiple);

    /// <summary>Qwen2-VL's smart_resize: multiples of <paramref name="factor"/>, the area between two limits.</summary>
    internal static Sides Smart(Sides from, int factor, long leastPixels, long mostPixels)
    {
        double height = from.Height, width = from.Width;
        if (Math.Max(height, width) / Math.Min(height, width) > 200)
            throw new InvalidInputException("resizing an image", new Problem("", $"{from.Width} x {from.Height} pixels", "sides of a proportion of at most 200"));
        var h = (long)Math.Round(height / factor, MidpointRounding.ToEven) * factor;
        var w = (long)Math.Round(width / factor, MidpointRounding.ToEven) * factor;
        if (h * w > mostPixels)
        {
            var beta = Math.Sqrt(height * width / mostPixels);
            (h, w) = (Math.Max(factor, (long)Math.Floor(height / beta / factor) * factor), Math.Max(factor, (long)Math.Floor(width / beta / factor) * factor));
        }
        else if (h * w < leastPixels)
        {
            var beta = Math.Sqrt(leastPixels / (height * width));
            (h, w) = ((long)Math.Ceiling(height * beta / factor) * factor, (long)Math.Ceiling(width * beta / factor) * factor);
        }
        return new((int)h, (int)w);
    }
}
