using System.Collections.Immutable;
using OnnxTransformers.Converters.Packaging;
using OnnxTransformers.Converters.Sources;
using OnnxTransformers.Graphs;
using OnnxTransformers.Graphs.Models;

namespace OnnxTransformers.Converters.Verification;

/// <summary>Proves the graphs of an export: each against itself, and against the portable graph in float32.</summary>
internal sealed class Verifier(ModelPlan plan, ExportSource source, string scratch, NetworkTraits traits, IProgress<ExportProgress>? progress, CancellationToken cancellation)
{
    private const string PortableMeaning = "equals portable fp32";
    private const string Next = "report it with config.json; --verify none exports all the same, at your own risk";
    private readonly NetworkLimits _limits = NetworkLimits.Read(source.Network.ReadConfig());
    private readonly Dictionary<string, ImmutableArray<(TestInput Input, ImmutableArray<Tensor> Outputs)>> _references = new(StringComparer.Ordinal);

    /// <summary>Opens the graphs of a variant, or also runs them.</summary>
    /// <param name="variant">The graphs.</param>
    /// <param name="folder">Where they were written.</param>
    /// <param name="level">Whether they are run.</param>
    /// <exception cref="VerificationFailedException">A graph doesn't open, or a comparison is out of its bounds.</exception>
    internal IEnumerable<GraphVerification> Verify(GraphVariant variant, string folder, VerificationLevel level)
    {
        foreach (var graph in variant.Graphs)
        {
            cancellation.ThrowIfCancellationRequested();
            progress?.Report(new($"verifying {variant.FileOf(graph)}"));
            yield return Verify(variant, graph, folder, level);
        }
    }

    private GraphVerification Verify(GraphVariant variant, Graph graph, string folder, VerificationLevel level)
    {
        var file = $"{PackageFolder.Graphs}/{variant.FileOf(graph)}";
        // The reference first, so that two large graphs are never open at once.
        var reference = level == VerificationLevel.Run ? Reference(variant, graph) : default;
        using var runner = GraphOpener.Open(Path.Combine(folder, variant.FileOf(graph)), file, variant.Options.Target, out var provider, out var note);
        if (runner is null) return new(file, null, note, []);
        if (level == VerificationLevel.Load) return new(file, provider, note, []);
        var bounds = Bounds.Of(variant.Options.Precision);
        var comparisons = ImmutableArray.CreateBuilder<Comparison>();
        foreach (var invariant in Invariants.Of(new InputGenerator(runner.Inputs, _limits), traits))
        {
            var distance = InvariantCheck.Run(runner, invariant, cancellation, out var worst);
            comparisons.Add(Comparisons.Describe(invariant.What, distance, bounds));
            if (!distance.Within(bounds)) throw Comparisons.Failed(file, comparisons[^1], FirstDiverging(variant, graph, worst), Next);
        }
        if (!reference.IsDefault) comparisons.Add(Compare(variant, graph, file, runner, reference, bounds));
        return new(file, provider, note, comparisons.ToImmutable());
    }

    private Comparison Compare(GraphVariant variant, Graph graph, string file, GraphRunner runner, ImmutableArray<(TestInput Input, ImmutableArray<Tensor> Outputs)> reference, Bounds bounds)
    {
        var total = Distance.Zero;
        var scales = Distance.Scales(reference.Select(r => (r.Outputs, r.Input.Real)));
        foreach (var (input, wanted) in reference)
        {
            var distance = Distance.Between(wanted, runner.Run(input, cancellation), input.Real, scales);
            total = total.Worse(distance);
            if (!distance.Within(bounds)) throw Comparisons.Failed(file, Comparisons.Describe($"{input.Name}: {PortableMeaning}", distance, bounds), FirstDiverging(variant, graph, input), Next);
        }
        return Comparisons.Describe(PortableMeaning, total, bounds);
    }

    /// <summary>What the portable graph in float32 gives. It points into the checkpoint where it can, which also compares two ways of taking weights.</summary>
    private ImmutableArray<(TestInput Input, ImmutableArray<Tensor> Outputs)> Reference(GraphVariant variant, Graph graph)
    {
        if (_references.TryGetValue(graph.Name, out var known)) return known;
        var folder = Directory.CreateDirectory(Path.Combine(scratch, "reference")).FullName;
        try
        {
            var links = LinkedWeights.TryCreate(source, folder);
            var linked = links.Problem is null;
            // The very same graph proves nothing.
            if (IsPortable(variant.Options) && variant.Options.Link == linked) return default;
            var portable = GraphVariant.Build(plan, PortableOptions(variant.Options.Opset, linked));
            _ = portable.Write(plan, source, folder, links, null, cancellation).ToList();
            foreach (var g in portable.Graphs)
            {
                using var runner = GraphRunner.Open(Path.Combine(folder, portable.FileOf(g)), [Provider.Cpu]);
                _references[g.Name] = [.. new InputGenerator(runner.Inputs, _limits).All().Select(input => (input, runner.Run(input, cancellation)))];
            }
            return _references[graph.Name];
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private string? FirstDiverging(GraphVariant variant, Graph graph, TestInput input) =>
        new Divergence(plan, source, scratch, cancellation).Find(PortableOptions(variant.Options.Opset, link: false), variant.Options, graph.Name, pair => [(pair.A.Run(input, cancellation), pair.B.Run(input, cancellation), input.Real)]);

    private string? FirstDiverging(GraphVariant variant, Graph graph, InvariantPair pair) =>
        new Divergence(plan, source, scratch, cancellation).Find(variant.Options, null, graph.Name,
            open => [([.. open.A.Run(pair.Batch, cancellation).Select(pair.Part)], open.A.Run(pair.Other, cancellation), pair.Other.Real)]);

    private static bool IsPortable(BuildOptions options) => options is { Target: Target.Portable, Precision: Graphs.Precision.Fp32 };

    private static BuildOptions PortableOptions(int opset, bool link) => new() { Opset = opset, Link = link };
}
