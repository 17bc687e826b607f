using System.Text.Json;
using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Tool.Commands;

/// <summary>The integer precisions from outside.</summary>
internal sealed class QuantizeTests
{
    [Test]
    public async Task A_package_in_int4_is_exported_verified_and_answers()
    {
        using var scratch = new ScratchFolder();
        var exported = await ToolProcess.RunAsync(["export", Fixtures.Model("prose-lm"), scratch["package"], "--precision", "int4", "--target", "cpu", "--zero-points", "--quantize-head", "--quantize-embeddings"]);
        Assert.That(exported.Code, Is.Zero, exported.Error);
        Assert.That(exported.Error, Does.Contain("    29 matrices as uint4 with zero points, 0 left as they are").And.Contain("    perplexity of pride-and-prejudice.txt: 323.84 in fp32, "));
        var verified = await ToolProcess.RunAsync(["verify", scratch["package"]]);
        Assert.That(verified.Code, Is.Zero, verified.Error);
        var answered = await ToolProcess.RunAsync(["generate", scratch["package"]], """{"input_ids": [[5, 42, 7]], "arguments": {"max_new_tokens": 5, "min_new_tokens": 5}}""" + "\n");
        Assert.That(answered.Code, Is.Zero, answered.Error);
        Assert.That(JsonDocument.Parse(answered.Output).RootElement.GetProperty("sequences")[0].GetArrayLength(), Is.EqualTo(8));
    }

    [Test]
    public async Task Classes_stay_what_they_are_in_integers()
    {
        using var scratch = new ScratchFolder();
        var labels = new List<string?>();
        foreach (var precision in new[] { "fp32", "int8", "int4" })
        {
            Assert.That((await ToolProcess.RunAsync(["export", Fixtures.Model("sentiment"), scratch[precision], "--precision", precision, "--target", "cpu"])).Code, Is.Zero);
            var answered = await ToolProcess.RunAsync(["run", scratch[precision]], "\"I love it.\"\n\"Not good.\"\n");
            labels.Add(string.Join(',', answered.Output.TrimEnd().Split('\n').Select(l => JsonDocument.Parse(l).RootElement[0].GetProperty("label").GetString())));
        }
        Assert.That(labels.Distinct(), Has.Exactly(1).Items);
    }

    [Test]
    public async Task Their_options_without_them_are_wrong_usage()
    {
        using var scratch = new ScratchFolder();
        var result = await ToolProcess.RunAsync(["export", Fixtures.Model("sentiment"), scratch["package"], "--zero-points"]);
        Assert.That(result.Code, Is.EqualTo(2));
        Assert.That(result.Error, Does.Contain("options of the integer precisions, of which none is asked for"));
    }
}
