using System.Collections.Frozen;
using System.Collections.Immutable;

namespace OnnxTransformers.Graphs.Onnx;

/// <summary>How a model and its weights are laid out in files.</summary>
public sealed record OnnxWriteOptions
{
    /// <summary>Largest size of a data file in bytes; a tensor that is larger gets a file of its own. Null, the default, for one file whatever its size.</summary>
    public long? MaxDataFileBytes { get; init; }

    /// <summary>Files that the model may point into, by their full path (as <see cref="TensorLocation.Path"/> has it), and where each stands relative to the model's folder. A weight that is in one of them
    /// as it is, is not copied.</summary>
    public IReadOnlyDictionary<string, string> LinkedFiles { get; init; } = FrozenDictionary<string, string>.Empty;

    /// <summary>Told after each written part how many bytes of weights are written so far; called from several threads.</summary>
    public IProgress<long>? Progress { get; init; }

    /// <summary>Threads that write; each needs a few MiB and its part of <see cref="BufferBytes"/>.</summary>
    public int Threads { get; init; } = Math.Clamp(Environment.ProcessorCount, 1, 4);

    /// <summary>Memory in bytes for parts that are made before they are written, over all threads. Larger weights that have to be transposed are written in more and smaller runs.</summary>
    public long BufferBytes { get; init; } = 48L << 20;

    /// <summary>Weights together up to this size are stored in the model's own file.</summary>
    internal long InlineModelBytes { get; init; } = 1L << 20;

    /// <summary>A weight below this size is stored in the model's own file.</summary>
    internal long InlineTensorBytes { get; init; } = 1L << 10;

    /// <summary>Largest size of the model's own file: a protobuf's.</summary>
    internal long MaxModelBytes { get; init; } = int.MaxValue;
}

/// <summary>What was written.</summary>
/// <param name="Files">Full paths: the model, then its data files.</param>
/// <param name="ModelBytes">Size of the model's own file.</param>
/// <param name="DataBytes">Size of all data files.</param>
/// <param name="LinkedWeights">Number of weights that stayed where they were.</param>
/// <param name="LinkedBytes">Their size.</param>
public sealed record OnnxWritten(ImmutableArray<string> Files, long ModelBytes, long DataBytes, int LinkedWeights, long LinkedBytes);
