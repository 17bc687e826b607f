using System.Collections.Immutable;
using System.Text.Json;
using OnnxTransformers.Converters.Receipts;
using OnnxTransformers.Graphs.Weights;
using OnnxTransformers.Graphs.Models;

namespace OnnxTransformers.Converters;

/// <summary>A file that was read or written.</summary>
/// <param name="Name">Its path within the checkpoint or package, with forward slashes.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Sha256">Its hash in lower-case hexadecimal digits; null where it was not computed (weight files of 16 MiB and more without verification).</param>
public sealed record HashedFile(string Name, long Bytes, string? Sha256);

/// <summary>A graph of a package.</summary>
/// <param name="Name">Its name, as "model".</param>
/// <param name="Precision">How its weights are stored.</param>
/// <param name="File">Its file within the package.</param>
/// <param name="Nodes">Number of operators.</param>
/// <param name="Weights">Number of weights.</param>
/// <param name="WeightBytes">Their bytes.</param>
public sealed record ExportedGraph(string Name, Precision Precision, string File, int Nodes, int Weights, long WeightBytes)
{
    /// <summary>How its matrices are stored; null where they are floats.</summary>
    public GraphQuantization? Quantization { get; init; }
}

/// <summary>What the integers of a graph came to.</summary>
/// <param name="Format">How they are stored.</param>
/// <param name="Matrices">How many matrices are stored so.</param>
/// <param name="Kept">Those that are not, and why.</param>
public sealed record GraphQuantization(BlockFormat Format, int Matrices, ImmutableArray<KeptWeight> Kept);

/// <summary>How well a text is foretold: e to the mean negative logarithm of each token's share.</summary>
/// <param name="Text">Name of the text.</param>
/// <param name="Tokens">Tokens that were foretold.</param>
/// <param name="Float32">By the portable graph in float32.</param>
/// <param name="Quantized">By the graph.</param>
/// <param name="Bound">The largest quotient of the second to the first that passes.</param>
public sealed record PerplexityChange(string Text, int Tokens, double Float32, double Quantized, double Bound)
{
    /// <summary>By how much it grew, as a share: 0.02 is 2 %. Below zero where the graph foretells better.</summary>
    public double Change => Quantized / Float32 - 1;
}

/// <summary>One comparison of two results of a graph, over all outputs.</summary>
/// <param name="What">What was compared, as "a batch equals its rows".</param>
/// <param name="MaxAbs">The largest difference of two elements.</param>
/// <param name="Relative">The same, as a share of the largest magnitude of the output.</param>
/// <param name="Cosine">The smallest cosine of two outputs.</param>
/// <param name="RelativeBound">The largest <paramref name="Relative"/> that passes.</param>
/// <param name="CosineBound">The smallest <paramref name="Cosine"/> that passes.</param>
public sealed record Comparison(string What, double MaxAbs, double Relative, double Cosine, double RelativeBound, double CosineBound);

/// <summary>What was proved of a graph.</summary>
/// <param name="File">The graph's file within the package.</param>
/// <param name="Provider">The execution provider it ran on, or null where it did not run.</param>
/// <param name="Note">What a reader of the numbers has to know, as that a CUDA graph ran on the processor, or why it did not run; null for nothing.</param>
/// <param name="Comparisons">The comparisons, all within their bounds.</param>
public sealed record GraphVerification(string File, string? Provider, string? Note, ImmutableArray<Comparison> Comparisons)
{
    /// <summary>What the integers cost a causal language model; null for other graphs, and where there is no tokenizer to read a text with.</summary>
    public PerplexityChange? Perplexity { get; init; }
}

/// <summary>What an export did: the content of receipt.json.</summary>
public sealed record ExportResult
{
    /// <summary>The package's full path.</summary>
    public required string Package { get; init; }

    /// <summary>The version of this library.</summary>
    public required string Version { get; init; }

    /// <summary>The checkpoint's <c>model_type</c>.</summary>
    public required string ModelType { get; init; }

    /// <summary>The checkpoint's <c>architectures</c>.</summary>
    public required ImmutableArray<string> Architectures { get; init; }

    /// <summary>The task of the graphs.</summary>
    public required string Task { get; init; }

    /// <summary>What was asked for.</summary>
    public required ExportOptions Options { get; init; }

    /// <summary>The files that were read.</summary>
    public required ImmutableArray<HashedFile> Inputs { get; init; }

    /// <summary>The files of the package but receipt.json itself.</summary>
    public required ImmutableArray<HashedFile> Outputs { get; init; }

    /// <summary>The graphs.</summary>
    public required ImmutableArray<ExportedGraph> Graphs { get; init; }

    /// <summary>Stored tensors that no graph takes, each with the reason.</summary>
    public required ImmutableArray<UnusedTensor> UnusedTensors { get; init; }

    /// <summary>Configuration keys that change nothing, each with the reason.</summary>
    public required ImmutableArray<IgnoredKey> IgnoredKeys { get; init; }

    /// <summary>Fixtures of the reference that the tests of this library compare the family with.</summary>
    public required ImmutableArray<string> CoveredBy { get; init; }

    /// <summary>What was proved, graph by graph; empty where nothing was asked for.</summary>
    public required ImmutableArray<GraphVerification> Verified { get; init; }

    /// <summary>When it began.</summary>
    public required DateTimeOffset Started { get; init; }

    /// <summary>How long it took, the receipt's own writing left out.</summary>
    public required TimeSpan Elapsed { get; init; }

    /// <summary>The largest resident memory of the process in bytes; 0 where the system doesn't tell.</summary>
    public required long PeakMemory { get; init; }

    /// <summary>Writes it as one JSON object: what stands in receipt.json.</summary>
    public void WriteTo(Utf8JsonWriter json) => ReceiptWriter.WriteObject(json, this);
}
