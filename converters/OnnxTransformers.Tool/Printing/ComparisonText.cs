using System.Globalization;
using OnnxTransformers.Converters;

namespace OnnxTransformers.Tool.Printing;

/// <summary>What was proved of a graph, in a line for a person.</summary>
internal static class ComparisonText
{
    internal static string Of(Comparison c) => c.Relative == 0 ? $"{c.What}: exactly" : string.Create(CultureInfo.InvariantCulture, $"{c.What}: to {c.Relative:G2} of the largest value");
}
