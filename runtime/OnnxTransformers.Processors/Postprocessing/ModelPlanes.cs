using OnnxTransformers.Processors.Processing;

namespace OnnxTransformers.Processors;

/// <summary>Outputs of models as planes.</summary>
internal static class ModelPlanes
{
    internal static Planes Of(ReadOnlySpan<float> values, int channels, int height, int width)
    {
        if (values.Length != (long)channels * height * width || values.Length == 0)
            throw new InvalidInputException("reading a model's output", new Problem("", $"{values.Length} values", $"[{channels}, {height}, {width}]"));
        return new Planes(channels, height, width, values.ToArray());
    }

    /// <summary>Values of a row, of which there are so many.</summary>
    internal static int Rows(ReadOnlySpan<float> values, int rows) => values.Length > rows && values.Length % rows == 0 ? values.Length / rows
        : throw new InvalidInputException("reading a model's output", new Problem("", $"{values.Length} values", $"{rows} rows of two values or more"));

    /// <summary>Resized, where both sides are given.</summary>
    internal static Planes To(this Planes planes, int? height, int? width, PlaneFilter filter) =>
        height is { } h && width is { } w ? h > 0 && w > 0 ? planes.Resize(new(h, w), filter) : throw new InvalidInputException("resizing a model's output",
            new Problem("", $"a target of {w} x {h}", "at least one pixel on each side")) : planes;
}
