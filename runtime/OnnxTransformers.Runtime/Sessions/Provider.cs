namespace OnnxTransformers;

/// <summary>An execution provider of ONNX Runtime and its settings. A session takes an ordered list of them; every one of the list must load.</summary>
public abstract record Provider
{
    private protected Provider(string name) => Name = name;

    /// <summary>The name that messages use, as "CUDA".</summary>
    public string Name { get; }

    /// <summary>The processor. It is part of every build of ONNX Runtime.</summary>
    public static Provider Cpu { get; } = new CpuProvider();

    /// <summary>An NVIDIA graphics card through CUDA.</summary>
    /// <param name="deviceId">Which card, counted from 0.</param>
    /// <param name="memoryLimit">Bytes that its arena may take; null for no limit.</param>
    /// <param name="tensorFloat32">Whether matrix products of float32 may be computed in TF32, with 10 bits of mantissa. Off, so that results agree with the processor's.</param>
    public static Provider Cuda(int deviceId = 0, long? memoryLimit = null, bool tensorFloat32 = false) => new CudaProvider(deviceId, memoryLimit, tensorFloat32);

    /// <summary>An NVIDIA graphics card through TensorRT; what TensorRT can't take is left to the providers that follow in the list.</summary>
    /// <param name="deviceId">Which card, counted from 0.</param>
    /// <param name="engineCache">A folder for built engines, so that only the first start is slow; null to build them at every start.</param>
    /// <param name="float16">Whether TensorRT may compute in float16.</param>
    public static Provider TensorRt(int deviceId = 0, string? engineCache = null, bool float16 = false) => new TensorRtProvider(deviceId, engineCache, float16);
}

/// <summary>The processor.</summary>
public sealed record CpuProvider() : Provider("CPU");

/// <summary>CUDA; see <see cref="Provider.Cuda"/>.</summary>
/// <param name="DeviceId">Which card, counted from 0.</param>
/// <param name="MemoryLimit">Bytes, or null.</param>
/// <param name="TensorFloat32">Whether TF32 is allowed.</param>
public sealed record CudaProvider(int DeviceId, long? MemoryLimit, bool TensorFloat32) : Provider("CUDA");

/// <summary>TensorRT; see <see cref="Provider.TensorRt"/>.</summary>
/// <param name="DeviceId">Which card, counted from 0.</param>
/// <param name="EngineCache">A folder, or null.</param>
/// <param name="Float16">Whether float16 is allowed.</param>
public sealed record TensorRtProvider(int DeviceId, string? EngineCache, bool Float16) : Provider("TensorRT");
