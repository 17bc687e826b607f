using OnnxTransformers.Converters.Sources;
using OnnxTransformers.Graphs;
using OnnxTransformers.Graphs.Models;
using OnnxTransformers.Graphs.Onnx;

namespace OnnxTransformers.Converters.Packaging;

/// <summary>The graphs of one precision and target, ready to be written.</summary>
/// <param name="Options">How they were built.</param>
/// <param name="Graphs">The graphs.</param>
internal sealed record GraphVariant(BuildOptions Options, IReadOnlyList<Graph> Graphs)
{
    /// <summary>Builds them; nothing is read but the checkpoint's index.</summary>
    /// <exception cref="CorruptCheckpointException">The tensors are not those that the configuration leads to.</exception>
    internal static GraphVariant Build(ModelPlan plan, BuildOptions options)
    {
        try
        {
            return new(options, plan.Build(options));
        }
        catch (GraphException e)
        {
            throw new CorruptCheckpointException($"building {plan.Family.ModelType} for {plan.Task}",
                new Problem(e.Module, e.Message, Next: "check the numbers of config.json: they contradict each other"), e);
        }
    }

    /// <summary>The name of a graph's file.</summary>
    internal string FileOf(Graph graph) => $"{graph.Name}{Options.Precision.Suffix()}.onnx";

    /// <summary>Writes all graphs into a folder.</summary>
    internal IEnumerable<(Graph Graph, OnnxModel Model, OnnxWritten Written)> Write(ModelPlan plan, ExportSource source, string folder, LinkedWeights links, IProgress<ExportProgress>? progress, CancellationToken cancellation)
    {
        foreach (var graph in Graphs)
        {
            var file = FileOf(graph);
            var model = graph.ToModel(plan.Metadata(graph));
            var total = Math.Max(1, model.Weights.Sum(w => w.Recipe.Bytes));
            progress?.Report(new($"writing {file}", 0));
            var options = new OnnxWriteOptions
            {
                LinkedFiles = links.Locations,
                Progress = progress is null ? null : new Relay(bytes => progress.Report(new($"writing {file}", (double)bytes / total))),
            };
            yield return (graph, model, OnnxWriter.Write(model.Proto, model.Weights, source, Path.Combine(folder, file), options, cancellation));
        }
    }

    private sealed class Relay(Action<long> report) : IProgress<long>
    {
        public void Report(long value) => report(value);
    }
}
