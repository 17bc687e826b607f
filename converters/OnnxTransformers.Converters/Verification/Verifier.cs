using System.Collections.Immutable;
using OnnxTransformers.Converters.Packaging;
using OnnxTransformers.Converters.Sources;
using OnnxTransformers.Graphs;
using OnnxTransformers.Graphs.Models;

namespace OnnxTransformers.Converters.Verification;

/// <summary>Proves the graphs of an export: each against itself, and against the portable graph in float32.</summary>
internal sealed class Verifier(ModelPlan plan, ExportSource source, string scratch, NetworkTraits traits, IProgress<ExportProgress>? progress, CancellationToken cancellation)
{
    private const string NextRounded = "use another precision or --zero-points; --verify none exports all the same, at your own risk";
    private const string NextNarrow = "use another precision; --verify none exports all the same, at your own risk";
    private const int FewestForCosine = 32;
    private const string Next = "report it with config.json; --verify none exports all the same, at your own risk";
    private readonly ConfigReader _config = source.Network.ReadConfig();
    private readonly Dictionary<(string Graph, Precision Precision), ImmutableArray<(TestInput Input, ImmutableArray<Tensor> Outputs)>> _references = [];
    private double? _perplexity;

    /// <summary>A text whose perplexity tells what integers cost; null where it isn't measured.</summary>
    internal Perplexity? Text { get; init; }

    /// <summary>Why there is no such text where there should be one; null for nothing to tell.</summary>
    internal string? NoText { get; init; }

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
        var precision = variant.Options.Precision;
        var reference = level == VerificationLevel.Run ? Reference(variant, graph, Precision.Fp32) : default;
        // Integers are far from the floats that they stand for: that they are packed as the operator takes them shows against the same integers in a plain graph.
        var twin = level == VerificationLevel.Run && variant.Options is { Blocks: not null, Target: not Target.Portable } ? Reference(variant, graph, precision) : default;
        using var runner = GraphOpener.Open(Path.Combine(folder, variant.FileOf(graph)), file, variant.Options.Target, out var provider, out var note);
        if (runner is null) return new(file, null, note, []);
        if (level == VerificationLevel.Load) return new(file, provider, note, []);
        if (variant.Options.Blocks is not null) PackedWeights.Check(graph, Path.Combine(folder, variant.FileOf(graph)), file, source, cancellation);
        var bounds = Bounds.Itself(precision).On(provider, precision);
        var comparisons = ImmutableArray.CreateBuilder<Comparison>();
        foreach (var invariant in Invariants.Of(new InputGenerator(runner.Inputs, LimitsOf(graph)), traits))
        {
            var distance = InvariantCheck.Run(runner, invariant, cancellation, out var worst);
            comparisons.Add(Comparisons.Describe(invariant.What, distance, bounds));
            if (!distance.Within(bounds)) throw Comparisons.Failed(file, comparisons[^1], FirstDiverging(variant, graph, worst), NextFor(precision));
        }
        if (CacheCheck.Of(runner, LimitsOf(graph), cancellation) is { } cached)
        {
            comparisons.Add(Comparisons.Describe(CacheCheck.What, cached, bounds));
            if (!cached.Within(bounds)) throw Comparisons.Failed(file, comparisons[^1], null, NextFor(precision));
        }
        if (!twin.IsDefault) comparisons.Add(Compare(variant, graph, file, runner, provider, twin, precision));
        if (!reference.IsDefault) comparisons.Add(Compare(variant, graph, file, runner, provider, reference, Precision.Fp32));
        if (variant.Options.Blocks is not null && NoText is not null) note = string.Join("; ", new[] { note, $"perplexity not measured: {NoText}" }.OfType<string>());
        return new(file, provider, note, comparisons.ToImmutable()) { Perplexity = variant.Options.Blocks is null ? null : Foretell(file, runner, graph, precision) };
    }

    private PerplexityChange? Foretell(string file, GraphRunner runner, Graph graph, Precision precision)
    {
        if (Text is null || _perplexity is not { } before) return null;
        return Within(file, new PerplexityChange(Perplexity.TextName, Text.Tokens, before, Text.Of(runner, LimitsOf(graph), cancellation), Bounds.Perplexity(precision)));
    }

    internal static PerplexityChange Within(string file, PerplexityChange change) =>
        change.Quantized <= change.Float32 * change.Bound ? change : throw new VerificationFailedException($"verifying {file}", [new Problem("",
            FormattableString.Invariant($"the perplexity of {change.Text} grows from {change.Float32:F2} to {change.Quantized:F2}, by {change.Change:P1}"), FormattableString.Invariant($"growth up to {change.Bound - 1:P1}"),
            NextRounded)]);

    private Comparison Compare(GraphVariant variant, Graph graph, string file, GraphRunner runner, string provider, ImmutableArray<(TestInput Input, ImmutableArray<Tensor> Outputs)> reference, Precision precision)
    {
        var rounded = precision != variant.Options.Precision && variant.Options.Blocks is not null;
        var bounds = (rounded ? Bounds.Rounded(variant.Options.Precision, graph.Quantization.HasRouters) : ExportRules.IsInteger(precision) ? Bounds.Twin(graph.Quantization.HasRouters) : Bounds.Of(variant.Options.Precision, graph.Quantization.HasRouters, graph.HasStoredStatistics)).On(provider, variant.Options.Precision);
        var what = $"{(rounded ? "is near" : "equals")} portable {precision.Word()}";
        var total = Distance.Zero;
        var scales = Distance.Scales(reference.Select(r => (r.Outputs, r.Input.Real)));
        foreach (var (input, wanted) in reference)
        {
            var distance = Distance.Between(wanted, runner.Run(input, cancellation), input.Real, scales, variant.Options.Blocks is null ? 0 : FewestForCosine);
            total = total.Worse(distance);
            if (!distance.Within(bounds)) throw Comparisons.Failed(file, Comparisons.Describe($"{input.Name}: {what}", distance, bounds), FirstDiverging(variant, graph, input, precision, bounds), rounded ? NextRounded : NextFor(variant.Options.Precision));
        }
        return Comparisons.Describe(what, total, bounds);
    }

    /// <summary>What the portable graph gives, in float32 or in the variant's own integers. It points into the checkpoint where it can, which also compares two ways of taking weights.</summary>
    private ImmutableArray<(TestInput Input, ImmutableArray<Tensor> Outputs)> Reference(GraphVariant variant, Graph graph, Precision precision)
    {
        if (_references.TryGetValue((graph.Name, precision), out var known)) return known;
        var folder = Directory.CreateDirectory(Path.Combine(scratch, "reference")).FullName;
        try
        {
            var links = LinkedWeights.TryCreate(source, folder);
            var linked = links.Problem is null;
            // The very same graph proves nothing.
            if (IsPortable(variant.Options) && variant.Options.Link == linked) return default;
            var portable = GraphVariant.Build(plan, PortableOptions(variant.Options, precision, linked));
            _ = portable.Write(plan, source, folder, links, null, cancellation).ToList();
            foreach (var g in portable.Graphs)
            {
                using var runner = GraphRunner.Open(Path.Combine(folder, portable.FileOf(g)), [Provider.Cpu]);
                _references[(g.Name, precision)] = [.. new InputGenerator(runner.Inputs, LimitsOf(g)).All(traits.PaddingIsNeutral).Select(input => (input, runner.Run(input, cancellation)))];
                if (precision == Precision.Fp32 && Text is not null) _perplexity = Text.Of(runner, LimitsOf(g), cancellation);
            }
            return _references[(graph.Name, precision)];
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private string? FirstDiverging(GraphVariant variant, Graph graph, TestInput input, Precision precision, Bounds bounds) =>
        new Divergence(plan, source, scratch, cancellation).Find(PortableOptions(variant.Options, precision, link: false), variant.Options, graph.Name, bounds, pair => [(pair.A.Run(input, cancellation), pair.B.Run(input, cancellation), input.Real)]);

    private string? FirstDiverging(GraphVariant variant, Graph graph, InvariantPair pair) =>
        new Divergence(plan, source, scratch, cancellation).Find(variant.Options, null, graph.Name, Bounds.Itself(variant.Options.Precision),
            open => [([.. open.A.Run(pair.Batch, cancellation).Select(pair.Part)], open.A.Run(pair.Other, cancellation), pair.Other.Real)]);

    // What 16 bits can't hold is no fault of this program's.
    private static string NextFor(Precision precision) => precision is Precision.Fp16 or Precision.Bf16 ? NextNarrow : Next;

    private NetworkLimits LimitsOf(Graph graph) => NetworkLimits.Read(_config, graph.MaxTokens, graph.ImageSize, graph.EndOfText);

    private static bool IsPortable(BuildOptions options) => options is { Target: Target.Portable, Precision: Precision.Fp32 };

    private static BuildOptions PortableOptions(BuildOptions options, Precision precision, bool link) => new() { Opset = options.Opset, Precision = precision, Quantization = options.Quantization, Link = link };
}
