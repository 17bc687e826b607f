using System.Globalization;

namespace OnnxTransformers.Tool.Printing;

/// <summary>Numbers of bytes and parameters for people.</summary>
internal static class Size
{
    /// <summary>Bytes, as "5.8 MB".</summary>
    internal static string Of(long bytes) => Scaled(bytes, " bytes", " kB", " MB", " GB", " TB");

    /// <summary>A count, as "109.5M".</summary>
    internal static string Count(long count) => Scaled(count, "", "k", "M", "B", "T");

    private static string Scaled(long number, params ReadOnlySpan<string> units)
    {
        double value = number;
        var unit = 0;
        for (; value >= 1000 && unit < units.Length - 1; unit++) value /= 1000;
        return value.ToString(unit == 0 ? "F0" : "F1", CultureInfo.InvariantCulture) + units[unit];
    }
}
