using System.Collections.Immutable;
using OnnxTransformers.Converters;

namespace OnnxTransformers.Tool.Printing;

/// <summary>A checkpoint or package in a few lines for a person.</summary>
internal static class InspectionText
{
    internal static void Write(TextWriter to, InspectedModel model)
    {
        to.WriteLine(model.Folder);
        Row(to, "model type", model.ModelType ?? "not said");
        Row(to, "architectures", model.Architectures.IsEmpty ? "none named" : string.Join(", ", model.Architectures));
        if (model is InspectedCheckpoint checkpoint) Write(to, checkpoint);
        else if (model is InspectedPackage package) Write(to, package);
    }

    private static void Write(TextWriter to, InspectedCheckpoint checkpoint)
    {
        Row(to, "weights", $"{checkpoint.Format}, {checkpoint.WeightFiles} {(checkpoint.WeightFiles == 1 ? "file" : "files")}");
        Totals(to, checkpoint.Totals, "  ");
        var floats = checkpoint.Totals.Where(t => t.Type.IsFloatingPoint()).Sum(t => t.Elements);
        Row(to, "memory", $"{Size.Of(4 * floats)} as fp32, {Size.Of(2 * floats)} as fp16 or bf16");
        if (checkpoint.Task is not null) Row(to, "task", checkpoint.Task);
        if (!checkpoint.Tasks.IsEmpty) Row(to, "tasks of its type", string.Join(", ", checkpoint.Tasks));
        if (checkpoint.Refusal is not null) Row(to, "can't be exported", checkpoint.Refusal);
    }

    private static void Write(TextWriter to, InspectedPackage package)
    {
        if (package.Task is not null) Row(to, "task", package.Task);
        if (!package.Tasks.IsEmpty) Row(to, "tasks of its graphs", string.Join(", ", package.Tasks));
        Row(to, "memory", string.Join(", ", package.Graphs.Select(g => $"{Size.Of(g.Totals.Sum(t => t.Bytes))} for the weights of {g.File}")));
        foreach (var graph in package.Graphs)
        {
            to.WriteLine($"  {graph.File}: {graph.Nodes} nodes, {string.Join(", ", graph.Opsets)}, by {(graph.Producer.Length == 0 ? "nobody named" : graph.Producer)}");
            Totals(to, graph.Totals, "    ");
            foreach (var input in graph.Inputs) to.WriteLine($"    takes {input.Name} {input.Text}");
            foreach (var output in graph.Outputs) to.WriteLine($"    gives {output.Name} {output.Text}");
        }
    }

    private static void Totals(TextWriter to, ImmutableArray<TensorTotal> totals, string indent)
    {
        var parts = totals.Select(t => $"{Size.Count(t.Elements)} of {t.Type.ToString().ToLowerInvariant()} in {t.Tensors} tensors");
        to.WriteLine($"{indent}parameters: {string.Join(", ", parts)}; {Size.Of(totals.Sum(t => t.Bytes))}");
    }

    private static void Row(TextWriter to, string name, string value) => to.WriteLine($"  {name}: {value}");
}
