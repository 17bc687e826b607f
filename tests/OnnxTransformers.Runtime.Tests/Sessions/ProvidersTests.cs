using System.Runtime.InteropServices;
using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Sessions;

internal sealed class ProvidersTests
{
    private static string Identity(ScratchFolder folder) =>
        new TinyOnnx().Input("x", ElementType.Float, "n").Node("Neg", ["x"], ["y"]).Output("y", ElementType.Float, "n").Write(folder["negate.onnx"]);

    [Test]
    public void The_processor_is_always_there()
    {
        var cpu = Providers.Diagnose().Single(d => d.Provider == "CPU");
        Assert.Multiple(() =>
        {
            Assert.That(cpu.Available, Is.True);
            Assert.That(cpu.Needs, Is.Empty);
        });
    }

    [Test]
    public void Every_provider_is_diagnosed_with_what_it_needs_and_where_that_comes_from()
    {
        var found = Providers.Diagnose();
        Assert.That(found.Select(d => d.Provider), Is.EqualTo(new[] { "CPU", "CUDA", "TensorRT" }));
        foreach (var provider in found.Skip(1))
        {
            Assert.That(provider.InBuild, Is.True, "the tests reference the Gpu package");
            Assert.That(provider.Needs.First().Found, Is.True, "its library comes with that package");
            Assert.That(provider.Needs.Select(n => n.Advice), Has.All.Not.Empty);
            Assert.That(provider.Needs.Select(n => n.Name), Is.Unique);
        }
        if (!OperatingSystem.IsLinux()) return;
        var cuda = found.Single(d => d.Provider == "CUDA").Needs.Select(n => n.Name);
        Assert.That(cuda, Has.Some.StartsWith("libcudart.so.").And.Some.StartsWith("libcublas.so.").And.Some.EqualTo("libcudnn.so.9").And.Some.EqualTo("libcuda.so.1"));
        Assert.That(cuda, Has.None.StartsWith("libc.so").And.None.StartsWith("libdl"));
        Assert.That(found.Single(d => d.Provider == "TensorRT").Needs.Select(n => n.Name), Has.Some.StartsWith("libnvinfer.so."));
    }

    [Test]
    public void A_missing_provider_is_an_error_that_names_what_is_missing_and_how_to_get_it()
    {
        if (NativeLibrary.TryLoad(OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1", out _)) Assert.Ignore("this machine has an NVIDIA driver");
        using var folder = new ScratchFolder();
        var path = Identity(folder);
        var error = Assert.Throws<ProviderUnavailableException>(() => ModelSession.Open(path, new RuntimeOptions { Providers = [Provider.Cuda(), Provider.Cpu] }))!;
        Assert.Multiple(() =>
        {
            Assert.That(error.Provider, Is.EqualTo("CUDA"));
            Assert.That(error.Message, Does.StartWith($"opening {path} with provider CUDA: "));
            Assert.That(error.Problems.Select(p => p.ToString()), Has.Some.EqualTo(OperatingSystem.IsWindows()
                ? "nvcuda.dll: not found. Next: install the NVIDIA driver of this machine's card"
                : "libcuda.so.1: not found. Next: install the NVIDIA driver of this machine's card (in a container: start it with the NVIDIA runtime, as --gpus all)"));
            Assert.That(error.Problems.Select(p => p.Where), Has.Some.Contains("cudnn"));
        });
    }

    [Test]
    public void A_missing_provider_further_down_the_list_is_an_error_too()
    {
        if (NativeLibrary.TryLoad(OperatingSystem.IsWindows() ? "nvinfer_10.dll" : "libnvinfer.so.10", out _)) Assert.Ignore("this machine has TensorRT");
        using var folder = new ScratchFolder();
        var path = Identity(folder);
        var error = Assert.Throws<ProviderUnavailableException>(() => ModelSession.Open(path, new RuntimeOptions { Providers = [Provider.Cpu, Provider.TensorRt()] }))!;
        Assert.That(error.Problems.Select(p => p.ToString()), Has.Some.Contains("nvinfer").And.Some.Contains("install TensorRT 10 (developer.nvidia.com/tensorrt)"));
    }

    [Test]
    public void An_empty_list_is_refused()
    {
        using var folder = new ScratchFolder();
        var path = Identity(folder);
        Assert.That(() => ModelSession.Open(path, new RuntimeOptions { Providers = [] }), Throws.InstanceOf<ProviderUnavailableException>().With.Message.EqualTo(
            $"opening {path}: Providers: an empty list; supported: CPU, CUDA, TensorRT. Next: leave the option out for the processor"));
    }

    [Test]
    public void A_file_that_is_no_library_asks_for_nothing()
    {
        using var folder = new ScratchFolder();
        folder.Write("text.so", "hello").Write("short.so", "\u007fELF");
        Assert.Multiple(() =>
        {
            Assert.That(ElfLibrary.Needed(folder["text.so"]), Is.Empty);
            Assert.That(ElfLibrary.Needed(folder["short.so"]), Is.Empty);
            Assert.That(ElfLibrary.Needed(folder["absent.so"]), Is.Empty);
        });
    }
}
