using System.Collections.Immutable;
using OnnxTransformers.Graphs;
using OnnxTransformers.Graphs.Weights;

namespace OnnxTransformers.Converters;

/// <summary>Where a package's weights lie.</summary>
public enum WeightPlacement
{
    /// <summary>In files of the package's own: it can be moved anywhere.</summary>
    Copy,
    /// <summary>In the checkpoint's own safetensors files, of which the package holds hard links: no second copy, but both must be on one file system.</summary>
    Link,
}

/// <summary>How much of an export is proved before it counts.</summary>
public enum VerificationLevel
{
    /// <summary>Nothing is opened; weight files of 16 MiB and more are not hashed either. For checkpoints near the machine's memory.</summary>
    None,
    /// <summary>The graphs open in ONNX Runtime.</summary>
    Load,
    /// <summary>The graphs run on generated inputs and are compared with themselves and with a portable float32 graph.</summary>
    Run,
}

/// <summary>How a checkpoint is exported.</summary>
public sealed record ExportOptions
{
    /// <summary>The defaults.</summary>
    public static ExportOptions Default { get; } = new();

    /// <summary>The task, as "text-classification"; null for the one that the checkpoint was made for.</summary>
    public string? Task { get; init; }

    /// <summary>How weights are stored; several give several files side by side, each with its suffix.</summary>
    public ImmutableArray<Precision> Precisions { get; init; } = [Precision.Fp32];

    /// <summary>What the integer precisions do with the weights.</summary>
    public Quantization Quantization { get; init; } = new();

    /// <summary>Where the graphs will run.</summary>
    public Target Target { get; init; }

    /// <summary>Whether weights are copied or linked.</summary>
    public WeightPlacement Weights { get; init; }

    /// <summary>Which variant of the weights is read where a checkpoint has several, as "fp16" for model.fp16.safetensors; null for the plain ones.</summary>
    public string? Variant { get; init; }

    /// <summary>How much is proved.</summary>
    public VerificationLevel Verify { get; init; } = VerificationLevel.Run;

    /// <summary>The ONNX operator set: 21 or newer.</summary>
    public int Opset { get; init; } = 21;

    /// <summary>Whether a package that is there already is replaced.</summary>
    public bool Force { get; init; }
}

/// <summary>What an export is doing.</summary>
/// <param name="Step">The step, as "writing model.onnx".</param>
/// <param name="Done">How much of the step is done, 0 to 1; null where that is not known.</param>
public sealed record ExportProgress(string Step, double? Done = null);
