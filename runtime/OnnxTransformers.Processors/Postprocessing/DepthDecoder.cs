using System.Collections.Immutable;
using OnnxTransformers.Processors.Processing;

namespace OnnxTransformers.Processors;

/// <summary>Depth of each pixel.</summary>
/// <param name="Width">Pixels across.</param>
/// <param name="Height">Pixels down.</param>
/// <param name="Values">[height, width].</param>
/// <param name="FocalLength">In pixels of the target, where the model tells the field of view.</param>
public sealed record DepthMap(int Width, int Height, ImmutableArray<float> Values, float? FocalLength = null);

/// <summary>Turns a depth model's output into depth of the picture's size. Source: post_process_depth_estimation of models/dpt, models/zoedepth and
/// models/depth_pro.</summary>
public static class DepthDecoder
{
    /// <summary>DPT, Depth Anything, GLPN: resized cubically.</summary>
    /// <param name="depth">[height, width].</param>
    /// <param name="height">Rows of the output.</param>
    /// <param name="width">Columns of the output.</param>
    /// <param name="targetHeight">Rows of the result; those of the output without it.</param>
    /// <param name="targetWidth">Columns of the result.</param>
    /// <exception cref="InvalidInputException">The values are not as many as they should be.</exception>
    public static DepthMap Decode(ReadOnlySpan<float> depth, int height, int width, int? targetHeight = null, int? targetWidth = null) =>
        Result(ModelPlanes.Of(depth, 1, height, width).To(targetHeight, targetWidth, new PlaneFilter(Bicubic: true)));

    /// <summary>ZoeDepth: resized to the padded picture, the padding taken off, resized again. The depth of the mirrored picture, where given, is mirrored
    /// back and averaged.</summary>
    /// <param name="depth">[height, width].</param>
    /// <param name="flipped">[height, width], or empty.</param>
    /// <param name="height">Rows of the output.</param>
    /// <param name="width">Columns of the output.</param>
    /// <param name="source">Height and width of the picture that the processor was given, or null where it has not padded.</param>
    /// <param name="targetHeight">Rows of the result.</param>
    /// <param name="targetWidth">Columns of the result.</param>
    /// <exception cref="InvalidInputException">The values are not as many as they should be.</exception>
    public static DepthMap DecodeZoe(ReadOnlySpan<float> depth, ReadOnlySpan<float> flipped, int height, int width, (int Height, int Width)? source, int? targetHeight = null, int? targetWidth = null)
    {
        var planes = ModelPlanes.Of(depth, 1, height, width);
        if (!flipped.IsEmpty)
        {
            var mirrored = ModelPlanes.Of(flipped, 1, height, width).Pick(planes.Sides, y => y, x => width - 1 - x);
            planes = planes with { Values = [.. planes.Values.Zip(mirrored.Values, (a, b) => (a + b) / 2)] };
        }
        var cubic = new PlaneFilter(Bicubic: true);
        if (source is { } s)
        {
            var (padY, padX) = ((int)(Math.Sqrt(s.Height / 2.0) * 3), (int)(Math.Sqrt(s.Width / 2.0) * 3));
            planes = planes.To(s.Height + 2 * padY, s.Width + 2 * padX, cubic).Pick(new(s.Height, s.Width), y => y + padY, x => x + padX);
        }
        return Result(planes.To(targetHeight, targetWidth, cubic));
    }

    /// <summary>DepthPro: inverse depth, scaled by the field of view where the model tells it, resized linearly, inverted.</summary>
    /// <param name="depth">[height, width].</param>
    /// <param name="height">Rows of the output.</param>
    /// <param name="width">Columns of the output.</param>
    /// <param name="fieldOfView">In degrees, or null.</param>
    /// <param name="targetHeight">Rows of the result; those of the output, without scaling, where it is null.</param>
    /// <param name="targetWidth">Columns of the result.</param>
    /// <exception cref="InvalidInputException">The values are not as many as they should be.</exception>
    public static DepthMap DecodePro(ReadOnlySpan<float> depth, int height, int width, float? fieldOfView, int? targetHeight = null, int? targetWidth = null)
    {
        var planes = ModelPlanes.Of(depth, 1, height, width);
        float? focal = null;
        if (fieldOfView is { } degrees && targetWidth is { } target)
        {
            focal = 0.5f * target / MathF.Tan(0.5f * (degrees * MathF.PI / 180));
            planes = planes.Map((v, _) => v * target / focal.Value);
        }
        planes = planes.To(targetHeight, targetWidth, new PlaneFilter()).Map((v, _) => 1 / Math.Clamp(v, 1e-4f, 1e4f));
        return Result(planes, focal);
    }

    private static DepthMap Result(Planes planes, float? focal = null) => new(planes.Width, planes.Height, [.. planes.Values], focal);
}
