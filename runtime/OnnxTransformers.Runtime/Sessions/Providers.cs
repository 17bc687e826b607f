using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Ort = Microsoft.ML.OnnxRuntime;

namespace OnnxTransformers;

/// <summary>One thing that a provider needs on the machine.</summary>
/// <param name="Name">The library's file name, as "libcudnn.so.9".</param>
/// <param name="Found">Whether it could be found.</param>
/// <param name="Advice">How to get it.</param>
public sealed record ProviderNeed(string Name, bool Found, string Advice);

/// <summary>Whether a provider can be used here, and what is missing where it can't.</summary>
/// <param name="Provider">Its name, as "CUDA".</param>
/// <param name="InBuild">Whether this build of ONNX Runtime has it.</param>
/// <param name="Needs">What it needs, found or not.</param>
public sealed record ProviderDiagnosis(string Provider, bool InBuild, ImmutableArray<ProviderNeed> Needs)
{
    /// <summary>True where nothing is missing.</summary>
    public bool Available => InBuild && Needs.All(n => n.Found);
}

/// <summary>The table of execution providers: what each needs, how it is found out that this is missing, and what the user is told.</summary>
public static class Providers
{
    // ONNX Runtime's own choice (flash 1, efficient 2, TensorRT's 4, 32 and 64, plain 16) without cuDNN's: that builds a plan for each new length, which took 90 ms on an H200, where a step takes 2 ms.
    private const string AttentionKernels = "119";
    private const string GetGpuBuild = "reference the NuGet package Microsoft.ML.OnnxRuntime.Gpu in the application instead of Microsoft.ML.OnnxRuntime";

    private static readonly ImmutableArray<Row> Table =
    [
        new("CPU", "CPUExecutionProvider", null, [], (_, _) => { }),
        new("CUDA", "CUDAExecutionProvider", "onnxruntime_providers_cuda",
            [OperatingSystem.IsWindows() ? "cudnn64_9.dll" : "libcudnn.so.9", OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1"], AppendCuda),
        new("TensorRT", "TensorrtExecutionProvider", "onnxruntime_providers_tensorrt", [OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1"], AppendTensorRt),
    ];

    // Beginnings of library names, with the "lib" of Linux left out.
    private static readonly ImmutableArray<(string Begins, string Advice)> Advices =
    [
        ("onnxruntime_providers", GetGpuBuild),
        ("cuda.so", "install the NVIDIA driver of this machine's card (in a container: start it with the NVIDIA runtime, as --gpus all)"),
        ("nvcuda", "install the NVIDIA driver of this machine's card"),
        ("cudnn", "install cuDNN 9 for your CUDA version (developer.nvidia.com/cudnn) and put its folder on the library path"),
        ("nvinfer", "install TensorRT 10 (developer.nvidia.com/tensorrt) and put its lib folder on the library path"),
        ("nvonnxparser", "install TensorRT 10 (developer.nvidia.com/tensorrt) and put its lib folder on the library path"),
        ("cu", "install the CUDA toolkit or runtime of the version in the library's name (developer.nvidia.com/cuda-downloads) and put its folder on the library path (LD_LIBRARY_PATH, or PATH on Windows)"),
    ];

    private static readonly ImmutableArray<string> FoundOnAnySystem = ["libdl.", "librt.", "libpthread.", "libstdc++.", "libm.", "libgcc_s.", "libc.", "ld-linux"];

    /// <summary>What is there and what is missing, provider by provider. Loads each library for a moment; takes some milliseconds, more where CUDA is there.</summary>
    public static ImmutableArray<ProviderDiagnosis> Diagnose() => [.. Table.Select(Diagnose)];

    /// <summary>Adds the providers to ONNX Runtime's options, in order.</summary>
    /// <exception cref="ProviderUnavailableException">One can't be loaded.</exception>
    internal static void Append(Ort.SessionOptions native, RuntimeOptions options, string doing)
    {
        if (options.Providers.IsDefaultOrEmpty)
            throw new ProviderUnavailableException(doing, "none", [new Problem("Providers", "an empty list", string.Join(", ", Table.Select(r => r.Name)), "leave the option out for the processor")]);
        foreach (var provider in options.Providers)
        {
            var row = Table.First(r => r.Name == provider.Name);
            try
            {
                if (!IsInBuild(row)) throw Unavailable(doing, row, null);
                row.Append(native, provider);
            }
            catch (OnnxRuntimeException e)
            {
                throw Unavailable(doing, row, e);
            }
        }
    }

    private static ProviderDiagnosis Diagnose(Row row)
    {
        var needs = ImmutableArray.CreateBuilder<ProviderNeed>();
        if (row.Library is not null)
        {
            var file = FileName(row.Library);
            var path = Beside(file);
            needs.Add(new(file, path is not null, GetGpuBuild));
            var asked = path is null ? [] : ElfLibrary.Needed(path).Where(n => !FoundOnAnySystem.Any(n.StartsWith));
            foreach (var name in asked.Concat(row.Needs).Distinct()) needs.Add(new(name, CanLoad(name), Advise(name)));
        }
        return new(row.Name, IsInBuild(row), needs.ToImmutable());
    }

    private static ProviderUnavailableException Unavailable(string doing, Row row, OnnxRuntimeException? cause)
    {
        var diagnosis = Diagnose(row);
        var problems = diagnosis.Needs.Where(n => !n.Found).Select(n => new Problem(n.Name, "not found", null, n.Advice)).ToList();
        if (!diagnosis.InBuild) problems.Insert(0, new Problem(row.Name, "this build of ONNX Runtime does not have the provider", string.Join(", ", Table.Where(IsInBuild).Select(r => r.Name)), GetGpuBuild));
        if (problems.Count == 0) problems.Add(new Problem(row.Name, $"ONNX Runtime could not load it ({Reason(cause)})", null, "run `onnx-transformers doctor`"));
        return new ProviderUnavailableException($"{doing} with provider {row.Name}", row.Name, problems, cause);
    }

    private static string Reason(OnnxRuntimeException? cause) => cause is null ? "it gave no reason" : cause.Message.ReplaceLineEndings(" ").Trim();

    private static bool IsInBuild(Row row) => OrtEnvironment.Instance.GetAvailableProviders().Contains(row.OrtName);

    private static string Advise(string library)
    {
        var name = library.StartsWith("lib", StringComparison.Ordinal) ? library[3..] : library;
        return Advices.FirstOrDefault(a => name.StartsWith(a.Begins, StringComparison.Ordinal)).Advice ?? "install it and put its folder on the library path";
    }

    private static string FileName(string library) => OperatingSystem.IsWindows() ? $"{library}.dll" : OperatingSystem.IsMacOS() ? $"lib{library}.dylib" : $"lib{library}.so";

    private static string? Beside(string file)
    {
        var folders = ((AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string) ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Append(AppContext.BaseDirectory).Append(Path.Combine(AppContext.BaseDirectory, "runtimes", RuntimeInformation.RuntimeIdentifier, "native"));
        return folders.Select(f => Path.Combine(f, file)).FirstOrDefault(File.Exists);
    }

    private static bool CanLoad(string library)
    {
        if (!NativeLibrary.TryLoad(library, out var handle)) return false;
        NativeLibrary.Free(handle);
        return true;
    }

    private static void AppendCuda(Ort.SessionOptions native, Provider provider)
    {
        var cuda = (CudaProvider)provider;
        var settings = new Dictionary<string, string>
        {
            ["device_id"] = cuda.DeviceId.ToString(CultureInfo.InvariantCulture),
            ["use_tf32"] = cuda.TensorFloat32 ? "1" : "0",
            ["sdpa_kernel"] = AttentionKernels,
        };
        if (cuda.MemoryLimit is { } limit) settings["gpu_mem_limit"] = limit.ToString(CultureInfo.InvariantCulture);
        using var options = new OrtCUDAProviderOptions();
        options.UpdateOptions(settings);
        native.AppendExecutionProvider_CUDA(options);
    }

    private static void AppendTensorRt(Ort.SessionOptions native, Provider provider)
    {
        var tensorRt = (TensorRtProvider)provider;
        var settings = new Dictionary<string, string>
        {
            ["device_id"] = tensorRt.DeviceId.ToString(CultureInfo.InvariantCulture),
            ["trt_fp16_enable"] = tensorRt.Float16 ? "1" : "0",
        };
        if (tensorRt.EngineCache is { } folder) (settings["trt_engine_cache_enable"], settings["trt_engine_cache_path"]) = ("1", folder);
        using var options = new OrtTensorRTProviderOptions();
        options.UpdateOptions(settings);
        native.AppendExecutionProvider_Tensorrt(options);
    }

    /// <param name="Name">The name in options and messages.</param>
    /// <param name="OrtName">ONNX Runtime's own name.</param>
    /// <param name="Library">The provider's library beside ONNX Runtime's, or null where it is part of that.</param>
    /// <param name="Needs">Libraries that it loads by name, beyond those that its own file lists.</param>
    /// <param name="Append">Adds it to the options.</param>
    private sealed record Row(string Name, string OrtName, string? Library, ImmutableArray<string> Needs, Action<Ort.SessionOptions, Provider> Append);
}
