using System.Collections.Immutable;
using OnnxTransformers.Graphs;

namespace OnnxTransformers.Converters.Verification;

/// <summary>Opens a graph on the provider that it is made for, or on the processor where this machine lacks that.</summary>
internal static class GraphOpener
{
    private static readonly ImmutableArray<(Target Target, string Provider, Func<Provider> Create)> GpuTargets = [(Target.Cuda, "CUDA", () => Provider.Cuda()), (Target.TensorRt, "TensorRT", () => Provider.TensorRt())];

    /// <summary>Opens it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="name">Its name in messages.</param>
    /// <param name="target">What it is made for.</param>
    /// <param name="provider">What it runs on.</param>
    /// <param name="note">What a reader of the results has to know.</param>
    /// <returns>Null where it can't run here, for a reason that lies in the machine.</returns>
    /// <exception cref="VerificationFailedException">ONNX Runtime refuses it.</exception>
    internal static GraphRunner? Open(string path, string name, Target target, out string provider, out string? note)
    {
        var gpu = GpuTargets.FirstOrDefault(t => t.Target == target);
        var substitute = gpu.Provider is not null && !Providers.Diagnose().Any(d => d.Provider == gpu.Provider && d.Available);
        provider = gpu.Provider is null || substitute ? Provider.Cpu.Name : gpu.Provider;
        note = substitute ? $"made for {gpu.Provider}, which is not available here: verified on the processor" : null;
        try
        {
            return GraphRunner.Open(path, gpu.Provider is null || substitute ? [Provider.Cpu] : [gpu.Create(), Provider.Cpu]);
        }
        catch (CorruptCheckpointException e) when (substitute)
        {
            note = $"made for {gpu.Provider}, which is not available here, and the processor lacks a kernel: not verified ({e.Problems[0].Found})";
            return null;
        }
        catch (CorruptCheckpointException e)
        {
            throw new VerificationFailedException($"opening {name}", e.Problems, e);
        }
    }
}
