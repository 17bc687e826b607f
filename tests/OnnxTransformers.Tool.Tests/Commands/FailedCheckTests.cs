using System.Text.Json;
using NUnit.Framework;
using OnnxTransformers.Checkpoints;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Tool.Commands;

/// <summary>A checkpoint that float16 can store and can't compute: 60,000 is a float16, and 16 times that is none.</summary>
internal sealed class FailedCheckTests
{
    private const string Bias = "bert.encoder.layer.1.intermediate.dense.bias";
    private const string Diverging = "bert.encoder.layer.1.output.LayerNorm"; // Of infinities, which the layer before gives alike, it makes numbers that equal nothing.

    private ScratchFolder _scratch = null!;

    [SetUp]
    public void Create() => _scratch = new ScratchFolder();

    [TearDown]
    public void Delete() => _scratch.Dispose();

    [Test]
    public async Task It_is_code_5_and_names_the_first_module_that_differs_and_leaves_nothing()
    {
        var result = await ToolProcess.RunAsync(["export", Overflowing(), _scratch["package"], "--precision", "fp16", "--json"]);
        Assert.That(result.Code, Is.EqualTo(5), result.Error);
        Assert.That(result.Error.TrimEnd(), Is.EqualTo($"verifying onnx/model_fp16.onnx: \"a batch equals its rows\" does not hold: largest difference Infinity, Infinity of the largest value; cosine -1; "
            + $"the first module that differs is {Diverging}; supported: up to 0.01, and a cosine from 0.9999. Next: use another precision; --verify none exports all the same, at your own risk"));
        using var json = JsonDocument.Parse(result.Output);
        var error = json.RootElement.GetProperty("error");
        Assert.That((error.GetProperty("code").GetString(), error.GetProperty("first_diverging_module").GetString()), Is.EqualTo(("verification_failed", Diverging)));
        Assert.That(Left(), Is.EqualTo(new[] { "checkpoint" }));
    }

    [Test]
    public async Task The_old_package_stays()
    {
        var package = Path.Combine(Directory.CreateDirectory(_scratch["packages"]).FullName, "package");
        Assert.That((await ToolProcess.RunAsync(["export", Fixtures.Model("sentiment"), package])).Code, Is.Zero);
        var before = File.ReadAllBytes(Path.Combine(package, "receipt.json"));
        Assert.That((await ToolProcess.RunAsync(["export", Overflowing(), package, "--precision", "fp16", "--force"])).Code, Is.EqualTo(5));
        Assert.That(File.ReadAllBytes(Path.Combine(package, "receipt.json")), Is.EqualTo(before));
        Assert.That(Directory.EnumerateFileSystemEntries(_scratch["packages"]), Is.EqualTo(new[] { package }));
    }

    [Test]
    public async Task It_is_a_matter_of_the_precision() =>
        Assert.That((await ToolProcess.RunAsync(["export", Overflowing(), _scratch["package"], "--precision", "fp32"])).Code, Is.Zero);

    /// <summary>The sentiment checkpoint, whose second layer has a bias that large.</summary>
    private string Overflowing()
    {
        var checkpoint = Packages.Copy(Fixtures.Model("sentiment"), _scratch["checkpoint"]);
        TensorLocation place;
        using (var opened = Checkpoint.Open(checkpoint)) place = opened.Locate(Bias)!;
        var large = BitConverter.GetBytes((Half)60000);
        var bytes = File.ReadAllBytes(place.Path);
        for (var at = place.Offset; at < place.Offset + place.Length; at += large.Length) large.CopyTo(bytes, at);
        File.WriteAllBytes(place.Path, bytes);
        return checkpoint;
    }

    private IEnumerable<string?> Left() => Directory.EnumerateFileSystemEntries(_scratch.FullName).Select(Path.GetFileName);
}
