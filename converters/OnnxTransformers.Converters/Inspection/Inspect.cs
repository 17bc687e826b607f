using System.Collections.Immutable;
using OnnxTransformers.Checkpoints;
using OnnxTransformers.Converters.Packaging;
using OnnxTransformers.Converters.Receipts;
using OnnxTransformers.Converters.Sources;
using OnnxTransformers.Graphs.Models;
using OnnxTransformers.Graphs.Onnx;

namespace OnnxTransformers.Converters;

/// <summary>Looks at a checkpoint or a package without reading weights or running anything.</summary>
public static class Inspect
{
    /// <summary>Looks at a folder: a package where it holds ONNX files and no weights of a checkpoint, else a checkpoint.</summary>
    /// <exception cref="InvalidInputException">There is no such folder.</exception>
    /// <exception cref="UnsupportedCheckpointException">It holds nothing that can be read.</exception>
    /// <exception cref="CorruptCheckpointException">A file is damaged.</exception>
    public static InspectedModel Run(string folder)
    {
        InputFolder.Require(folder, $"inspecting {folder}", "the folder of a checkpoint or a package");
        var full = Path.GetFullPath(folder);
        var graphs = GraphFiles(full);
        return graphs.Count > 0 ? OfPackage(full, graphs) : OfCheckpoint(full);
    }

    private static List<string> GraphFiles(string folder)
    {
        var inside = Path.Combine(folder, PackageFolder.Graphs);
        return [.. new[] { inside, folder }.Where(Directory.Exists).SelectMany(f => Directory.EnumerateFiles(f, "*.onnx")).Order(StringComparer.Ordinal)];
    }

    private static InspectedCheckpoint OfCheckpoint(string folder)
    {
        using var source = ExportSource.Open(folder);
        var config = source.Network.ReadConfig();
        var (type, architectures) = (config.String("model_type"), config.Strings("architectures", []));
        var family = ModelCatalog.FamilyOf(config, type);
        var totals = Totals(source.Tensors.Values.Select(t => (t.Type, t.Count, t.Bytes)));
        var (task, refusal) = Plan(source);
        return new(folder, type, architectures, source.Network.Format == WeightFormat.Torch ? "torch" : "safetensors", source.WeightFiles.Count(), totals, task, family?.Tasks ?? [], refusal);
    }

    private static (string? Task, string? Refusal) Plan(ExportSource source)
    {
        try
        {
            return (ModelCatalog.Plan(source.Network.ReadConfig(), source.Tensors, new PlanRequest { SentenceModules = source.Modules }).Task, null);
        }
        catch (UnsupportedCheckpointException e)
        {
            return (null, e.Message);
        }
    }

    private static InspectedPackage OfPackage(string folder, List<string> files)
    {
        var receipt = Receipt.Read(folder);
        var path = Path.Combine(folder, "config.json");
        var config = ConfigReader.Parse(File.Exists(path) ? File.ReadAllBytes(path) : "{}"u8.ToArray(), "config.json");
        var task = TaskOf(folder);
        return new(folder, receipt?.ModelType ?? config.String("model_type"), config.Strings("architectures", []), task, task is null ? [] : Serving(task),
            [.. files.Select(f => OfGraph(f, Path.GetRelativePath(folder, f).Replace('\\', '/')))]);
    }

    /// <summary>The tasks that run on the graph of a task.</summary>
    private static ImmutableArray<string> Serving(string task) => [.. ModelTask.All.Where(t => t.Graph == ModelTask.Named(task)?.Graph && PipelineTable.Tasks.Contains(t.Name)).Select(t => t.Name)];

    private static string? TaskOf(string folder)
    {
        try
        {
            return PipelineTable.TaskOf(Package.Open(folder));
        }
        catch (UnsupportedCheckpointException)
        {
            return null;                                                // nothing in the folder says it
        }
    }

    private static InspectedGraph OfGraph(string path, string name)
    {
        using var reader = OnnxReader.Open(path);
        return new(name, reader.Producer, [.. reader.Opsets.Select(o => $"{o.Domain} {o.Version}")], reader.Model.Graph.Node.Count,
            Totals(reader.Initializers.Select(i => (i.Tensor.Type, i.Tensor.Count, i.Bytes))), reader.Inputs, reader.Outputs);
    }

    private static ImmutableArray<TensorTotal> Totals(IEnumerable<(ElementType Type, long Count, long Bytes)> tensors) =>
        [.. tensors.GroupBy(t => t.Type).Select(g => new TensorTotal(g.Key, g.Count(), g.Sum(t => t.Count), g.Sum(t => t.Bytes))).OrderByDescending(t => t.Bytes)];
}
