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
            if (graph.Quantization is { } q) await to.WriteLineAsync($"    {q.Matrices} matrices as {q.Format}, {q.Kept.Length} left as they are (receipt.json tells why)").ConfigureAwait(false);
            foreach (var proof in result.Verified.Where(v => v.File == graph.File))
            {
                if (proof.Note is not null) await to.WriteLineAsync($"    {proof.Note}").ConfigureAwait(false);
                foreach (var c in proof.Comparisons)
                    await to.WriteLineAsync($"    {ComparisonText.Of(c)}").ConfigureAwait(false);
                if (proof.Perplexity is { } p) await to.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"    perplexity of {p.Text}: {p.Float32:F2} in fp32, {p.Quantized:F2} here ({p.Change:+0.0%;-0.0%})")).ConfigureAwait(false);
            }
        }
        foreach (var unused in result.UnusedTensors.GroupBy(t => t.Reason))
            await to.WriteLineAsync($"  left out: {(unused.Count() == 1 ? unused.Single().Name : $"{unused.Count()} tensors")} ({unused.Key})").ConfigureAwait(false);
    }
}
