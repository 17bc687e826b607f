using OnnxTransformers.Graphs.Weights;

namespace OnnxTransformers.Graphs;

/// <summary>Where a graph is meant to run; layers lower themselves accordingly.</summary>
public enum Target
{
    /// <summary>Plain ONNX operators only: any runtime.</summary>
    Portable,
    /// <summary>ONNX Runtime's CPU provider, with its fused operators.</summary>
    Cpu,
    /// <summary>ONNX Runtime's CUDA provider, with its fused operators.</summary>
    Cuda,
    /// <summary>ONNX Runtime's TensorRT provider, which fuses plain operators itself.</summary>
    TensorRt,
}

/// <summary>How a graph is to be built.</summary>
public sealed record BuildOptions
{
    /// <summary>The operator sets that may be asked for, oldest first.</summary>
    public static readonly IReadOnlyList<int> Opsets = [21, 22, 23];

    /// <summary>The precisions that graphs can be built in.</summary>
    public static readonly IReadOnlyList<Precision> Precisions = [Precision.Fp32, Precision.Fp16, Precision.Bf16, Precision.Int8, Precision.Int4];

    /// <summary>Where it will run.</summary>
    public Target Target { get; init; }

    /// <summary>Storage of the weights: one of <see cref="Precisions"/>.</summary>
    public Precision Precision { get; init; }

    /// <summary>What the integer precisions do with the weights; the others don't look at it.</summary>
    public Quantization Quantization { get; init; } = new();

    /// <summary>The ONNX operator set that is declared: 21 or newer.</summary>
    public int Opset { get; init; } = 21;

    /// <summary>True where initializers must be stored tensors as they are, so that the model can point into the checkpoint's own files: transposing, slicing and converting become operators.</summary>
    public bool Link { get; init; }

    /// <summary>True where the result of every module becomes an output named after its path, to find the first one that differs.</summary>
    public bool ExposeModules { get; init; }

    /// <summary>The type the network's weights are stored in. What the integer precisions leave is float32; for CUDA float16, since its fused operators take nothing wider.</summary>
    public ElementType StorageType => Precision switch
    {
        Precision.Fp16 => ElementType.Float16,
        Precision.Bf16 => ElementType.BFloat16,
        Precision.Int8 or Precision.Int4 when Target == Target.Cuda => ElementType.Float16,
        _ => ElementType.Float,
    };

    /// <summary>The type the network computes in.</summary>
    public ElementType ComputeType => Precision == Precision.Bf16 && Target != Target.Cuda ? ElementType.Float : StorageType;

    /// <summary>How matrices are stored; null where they are of <see cref="StorageType"/>.</summary>
    public BlockFormat? Blocks => Precision switch { Precision.Int8 => new(8, Quantization.ZeroPoints), Precision.Int4 => new(4, Quantization.ZeroPoints), _ => null };

    /// <summary>True where ONNX Runtime's fused operators (domain com.microsoft) may be used.</summary>
    public bool Fused => Target is Target.Cpu or Target.Cuda;
}
