using System.Collections.Immutable;

namespace OnnxTransformers.Processors.Resizing;

/// <summary>The filters as functions, with half their width at full size. Source: Pillow's Resample.c.</summary>
/// <param name="Support">Pixels on each side.</param>
/// <param name="Weight">The weight at a distance in pixels.</param>
internal sealed record Kernel(double Support, Func<double, double> Weight)
{
    private static readonly ImmutableArray<Kernel?> Table =
    [
        null,
        new(3, Lanczos),
        new(1, x => Math.Abs(x) < 1 ? 1 - Math.Abs(x) : 0),
        new(2, Bicubic),
        new(0.5, x => x is > -0.5 and <= 0.5 ? 1 : 0),
        new(1, Hamming),
    ];

    /// <summary>The kernel of a filter other than nearest.</summary>
    internal static Kernel Of(ResampleFilter filter) => Table[(int)filter] ?? throw new ArgumentOutOfRangeException(nameof(filter), filter, "nearest has no kernel");

    private static double Sinc(double x) => x == 0 ? 1 : Math.Sin(x * Math.PI) / (x * Math.PI);

    private static double Lanczos(double x) => x is >= -3 and < 3 ? Sinc(x) * Sinc(x / 3) : 0;

    private static double Bicubic(double x)
    {
        const double A = -0.5;
        x = Math.Abs(x);
        if (x < 1) return ((A + 2) * x - (A + 3)) * x * x + 1;
        return x < 2 ? (((x - 5) * x + 8) * x - 4) * A : 0;
    }

    private static double Hamming(double x)
    {
        x = Math.Abs(x);
        if (x == 0) return 1;
        if (x >= 1) return 0;
        x *= Math.PI;
        return Math.Sin(x) / x * (0.54 + 0.46 * Math.Cos(x));
    }
}
