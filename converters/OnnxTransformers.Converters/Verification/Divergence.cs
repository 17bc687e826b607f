using System.Collections.Immutable;
using OnnxTransformers.Converters.Packaging;
using OnnxTransformers.Converters.Sources;
using OnnxTransformers.Graphs;
using OnnxTransformers.Graphs.Models;

namespace OnnxTransformers.Converters.Verification;

/// <summary>Finds the first module whose results differ, by building the graphs once more with every module's result as an output.</summary>
internal sealed class Divergence(ModelPlan plan, ExportSource source, string scratch, CancellationToken cancellation)
{
    internal const string ModulePrefix = "module:";

    /// <summary>The path of the first module that differs; null where none alone is out of bounds.</summary>
    /// <param name="a">How the first graph is built.</param>
    /// <param name="b">How the second is built; null where there is one only.</param>
    /// <param name="graph">The graph's name.</param>
    /// <param name="bounds">How far results may be apart.</param>
    /// <param name="run">Gives pairs of results, with the real positions.</param>
    internal string? Find(BuildOptions a, BuildOptions? b, string graph, Bounds bounds,
        Func<(GraphRunner A, GraphRunner B), IEnumerable<(ImmutableArray<Tensor> Wanted, ImmutableArray<Tensor> Got, ImmutableArray<Range> Real)>> run)
    {
        var folder = Directory.CreateDirectory(Path.Combine(scratch, "modules")).FullName;
        try
        {
            using var first = Open(a, graph, Path.Combine(folder, "a"));
            using var second = b is null ? null : Open(b, graph, Path.Combine(folder, "b"));
            foreach (var (wanted, got, real) in run((first, second ?? first)))
            {
                var names = got.Where(t => t.Spec.Name.StartsWith(ModulePrefix, StringComparison.Ordinal)).ToDictionary(t => t.Spec.Name);
                foreach (var want in wanted)
                    if (names.TryGetValue(want.Spec.Name, out var other) && !Distance.Between(want, other, real).Within(bounds)) return want.Spec.Name[ModulePrefix.Length..];
            }
            return null;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private GraphRunner Open(BuildOptions options, string graph, string folder)
    {
        Directory.CreateDirectory(folder);
        var variant = GraphVariant.Build(plan, options with { ExposeModules = true, Link = false });
        _ = variant.Write(plan, source, folder, LinkedWeights.None, null, cancellation).ToList();
        return GraphRunner.Open(Path.Combine(folder, variant.FileOf(variant.Graphs.Single(g => g.Name == graph))), [Provider.Cpu]);
    }
}
