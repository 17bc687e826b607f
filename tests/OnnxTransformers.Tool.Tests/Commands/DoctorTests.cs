using NUnit.Framework;

namespace OnnxTransformers.Tool.Commands;

internal sealed class DoctorTests
{
    [Test]
    public void Advice_for_several_libraries_is_given_once() => Assert.That(
        DoctorCommand.Needs([new("liba.so", true, "install a"), new("libb.so", false, "install b"), new("libc.so", false, "install c"), new("libb2.so", false, "install b")]),
        Is.EqualTo(new[] { "found   liba.so", "missing libb.so, libb2.so: install b", "missing libc.so: install c" }));

    [Test]
    public async Task Every_provider_has_a_line()
    {
        var (code, output, error) = await ToolProcess.RunAsync(["doctor"]);
        Assert.That((code, error), Is.EqualTo((0, "")));
        Assert.That(output, Does.Contain("\nCPU: available\n").And.Contain("\nCUDA: ").And.Contain("\nTensorRT: "));
    }
}
