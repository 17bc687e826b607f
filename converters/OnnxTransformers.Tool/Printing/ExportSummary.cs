using System.Globalization;
using OnnxTransformers.Converters;

namespace OnnxTransformers.Tool.Printing;

/// <summary>An export in a few lines for a person.</summary>
internal static class ExportSummary
{
    internal static async Task WriteAsync(ExportResult result, TextWriter to)
    {
        await to.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{result.Package}: {result.ModelType} for {result.Task}, {result.Elapsed.TotalSeconds:F1} s")).ConfigureAwait(false);
        foreach (var graph in result.Graphs)
        {
            await to.WriteLineAsync($"  {graph.File}: {graph.Nodes} nodes, {Size.Of(graph.WeightBytes)} of weights").ConfigureAwait(false);
            foreach (var proof in result.Verified.Where(v => v.File == graph.File))
            {
                if (proof.Note is not null) await to.WriteLineAsync($"    {proof.Note}").ConfigureAwait(false);
                foreach (var c in proof.Comparisons)
                    await to.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"    {c.What}: to {c.Relative:G2} of the largest value")).ConfigureAwait(false);
            }
        }
        if (!result.UnusedTensors.IsEmpty) await to.WriteLineAsync($"  {result.UnusedTensors.Length} tensors of other heads are not in it (receipt.json names them)").ConfigureAwait(false);
    }
}
