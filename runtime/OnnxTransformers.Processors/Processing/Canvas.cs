namespace OnnxTransformers.Processors.Processing;

/// <summary>Canvases of tiles for a picture (models/mllama/image_processing_mllama.py, models/llama4/image_processing_llama4_fast.py).</summary>
internal static class Canvas
{
    /// <summary>The canvas into which the picture fits with the least enlarging (or the most), else with the least shrinking; of those the smallest, and of
    /// those the first.</summary>
    internal static Sides Choose(Sides image, IReadOnlyList<Sides> canvases, bool largest = false)
    {
        float[] scales = [.. canvases.Select(c => Math.Min((float)((double)c.Height / image.Height), (float)((double)c.Width / image.Width)))];
        float[] enlarging = [.. scales.Where(s => s >= 1)];
        var chosen = enlarging.Length == 0 ? scales.Max() : largest ? enlarging.Max() : enlarging.Min();
        return canvases.Where((_, i) => scales[i] == chosen).MinBy(c => (long)c.Height * c.Width);
    }

    /// <summary>The largest size in proportion within a limit.</summary>
    internal static Sides Fit(Sides image, Sides limit)
    {
        var (down, across) = ((double)limit.Height / image.Height, (double)limit.Width / image.Width);
        return across < down ? new(Math.Min(Math.Max((int)Math.Floor(image.Height * across), 1), limit.Height), limit.Width) : new(limit.Height, Math.Min(Math.Max((int)Math.Floor(image.Width * down), 1), limit.Width));
    }
}
