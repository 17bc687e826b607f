using System.Collections.Immutable;
using System.Diagnostics;
using OnnxTransformers.Converters.Packaging;
using OnnxTransformers.Converters.Receipts;
using OnnxTransformers.Converters.Sources;
using OnnxTransformers.Converters.Verification;
using OnnxTransformers.Graphs;
using OnnxTransformers.Graphs.Models;

namespace OnnxTransformers.Converters;

/// <summary>Turns a checkpoint into a package: open, plan, build, write, verify, move into place.</summary>
public static class Export
{
    /// <summary>Exports a checkpoint.</summary>
    /// <param name="checkpoint">The checkpoint's folder.</param>
    /// <param name="package">The package's folder. It appears whole or not at all; what is there already stays until the new package has passed its verification.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="progress">Told about each step; may be called from several threads.</param>
    /// <param name="cancellation">Stops the export and leaves nothing behind.</param>
    /// <returns>What was done, as receipt.json in the package holds it.</returns>
    /// <exception cref="InvalidInputException">There is no such checkpoint, or the package's folder may not be written.</exception>
    /// <exception cref="UnsupportedCheckpointException">The checkpoint or an option is not supported.</exception>
    /// <exception cref="CorruptCheckpointException">The checkpoint is damaged, incomplete or contradicts itself.</exception>
    /// <exception cref="VerificationFailedException">A graph does not compute what it must.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static Task<ExportResult> RunAsync(string checkpoint, string package, ExportOptions? options = null, IProgress<ExportProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(checkpoint);
        ArgumentException.ThrowIfNullOrEmpty(package);
        return Task.Run(() =>
        {
            try
            {
                return Run(checkpoint, package, options ?? ExportOptions.Default, progress, cancellation);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Files of the checkpoint have errors of their own kind: this is the package's side.
                throw new InvalidInputException($"exporting to {package}", new Problem("", $"the package can't be written ({e.Message})", "a folder that can be written, with room for the weights", "name another folder, or make room"), e);
            }
        }, cancellation);
    }

    private static ExportResult Run(string checkpoint, string package, ExportOptions options, IProgress<ExportProgress>? progress, CancellationToken cancellation)
    {
        var (started, clock) = (DateTimeOffset.UtcNow, Stopwatch.StartNew());
        ExportRules.Check(options);
        var final = PackageFolder.Check(package, checkpoint, options.Force);
        using var source = ExportSource.Open(checkpoint, options.Variant);
        var plan = Plan(source, options);
        ImmutableArray<GraphVariant> variants = [.. options.Precisions.Select(p => GraphVariant.Build(plan, new BuildOptions { Target = options.Target, Precision = p, Quantization = options.Quantization, Opset = options.Opset, Link = options.Weights == WeightPlacement.Link }))];
        cancellation.ThrowIfCancellationRequested();

        var large = options.Verify != VerificationLevel.None;
        using var inputs = new InputHashes(source, large, cancellation);
        using var staging = Staging.Create(final);
        var graphFolder = Directory.CreateDirectory(Path.Combine(staging.Package, PackageFolder.Graphs)).FullName;
        CopyFiles(source, staging.Package);
        var links = Link(source, options, graphFolder);
        ImmutableArray<(ExportedGraph Exported, OnnxModel Model)> written = [.. variants.SelectMany(v => v.Write(plan, source, graphFolder, links, progress, cancellation).Select(w => (Describe(v, w.Graph, w.Model), w.Model)))];
        if (plan.Family.IsCausal && plan.Task == "text-generation") GenAiConfig.Write(staging.Package, source, written[0].Exported.File, written[0].Model, options.Target);
        ImmutableArray<ExportedGraph> graphs = [.. written.Select(w => w.Exported)];
        var (text, noText) = CheckTokenizer(plan, source, options, variants, staging.Package);
        var verified = Verify(new Verifier(plan, source, staging.Scratch, plan.Traits, progress, cancellation) { Text = text, NoText = noText }, options, variants, graphFolder);

        progress?.Report(new("hashing"));
        var result = new ExportResult
        {
            Package = final,
            Version = ExportRules.Version,
            ModelType = plan.Family.ModelType,
            Architectures = source.Network.ReadConfig().Strings("architectures", []),
            Task = plan.Task,
            Options = options,
            Graphs = graphs,
            UnusedTensors = plan.UnusedTensors(variants[0].Graphs),
            IgnoredKeys = plan.IgnoredKeys,
            CoveredBy = Coverage.Of(plan.Family.ModelType),
            Inputs = inputs.Result,
            Outputs = FileHashes.Of(FilesOf(staging.Package), large, cancellation),
            Verified = verified,
            Started = started,
            Elapsed = clock.Elapsed,
            PeakMemory = ExportRules.PeakMemory(),
        };
        ReceiptWriter.Write(result, Path.Combine(staging.Package, PackageFolder.Receipt));
        cancellation.ThrowIfCancellationRequested();
        staging.Commit();
        return result;
    }

    private static ModelPlan Plan(ExportSource source, ExportOptions options) =>
        ModelCatalog.Plan(source.Network.ReadConfig(), () => source.Tensors, new PlanRequest { Task = options.Task, SentenceModules = source.Modules });

    private static LinkedWeights Link(ExportSource source, ExportOptions options, string folder)
    {
        if (options.Weights != WeightPlacement.Link) return LinkedWeights.None;
        var links = LinkedWeights.TryCreate(source, folder);
        return links.Problem is null ? links : throw new UnsupportedCheckpointException($"linking the weights of {source.Folder}",
            new Problem("--weights link", links.Problem, "safetensors files on the file system of the package", "use --weights copy"));
    }

    private static void CopyFiles(ExportSource source, string folder)
    {
        foreach (var file in source.Files)
        {
            var to = Path.Combine(folder, file.Name);
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            if (file.Content is { } content)
            {
                File.WriteAllBytes(to, content.Span);
                continue;
            }
            File.Copy(file.From, to);
            // Read-only files of a cache would make the package hard to replace.
            File.SetAttributes(to, FileAttributes.Normal);
        }
    }

    /// <summary>Loads the tokenizer: a package whose texts can't be encoded answers nothing.</summary>
    /// <returns>A text whose perplexity tells what integers cost, where that is measured; else why it can't be, where it should.</returns>
    private static (Perplexity? Text, string? Missing) CheckTokenizer(ModelPlan plan, ExportSource source, ExportOptions options, ImmutableArray<GraphVariant> variants, string folder)
    {
        if (options.Verify == VerificationLevel.None) return (null, null);
        var tokenizer = source.Files.Any(f => f.Name == "tokenizer.json") ? Tokenizers.Tokenizer.Load(folder) : null;
        var measured = options.Verify == VerificationLevel.Run && plan.Family.IsCausal && plan.Task == "text-generation" && options.Precisions.Any(ExportRules.IsInteger);
        if (!measured) return (null, null);
        var text = Perplexity.TryCreate(tokenizer, folder, source.Network.ReadConfig(), variants[0].Graphs[0].MaxTokens, out var missing);
        return (text, missing);
    }

    private static ImmutableArray<GraphVerification> Verify(Verifier verifier, ExportOptions options, ImmutableArray<GraphVariant> variants, string folder) =>
        options.Verify == VerificationLevel.None ? [] : [.. variants.SelectMany(v => verifier.Verify(v, folder, options.Verify))];

    private static ExportedGraph Describe(GraphVariant variant, Graph graph, OnnxModel model) =>
        new(graph.Name, variant.Options.Precision, $"{PackageFolder.Graphs}/{variant.FileOf(graph)}", model.Proto.Graph.Node.Count, model.Weights.Length, model.Weights.Sum(w => w.Recipe.Bytes))
        {
            Quantization = variant.Options.Blocks is { } format ? new GraphQuantization(format, graph.Quantization.Quantized.Length, graph.Quantization.Kept) : null,
        };

    private static IEnumerable<(string Path, string Name)> FilesOf(string folder) => Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
        .Select(path => (path, Name: Path.GetRelativePath(folder, path).Replace('\\', '/'))).OrderBy(f => f.Name, StringComparer.Ordinal);
}
