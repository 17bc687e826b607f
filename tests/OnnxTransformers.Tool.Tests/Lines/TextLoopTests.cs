using System.Text;
using NUnit.Framework;
using OnnxTransformers.Converters;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Tool.Lines;

/// <summary>Texts as a terminal shows them, and the command that continues tokens.</summary>
internal sealed class TextLoopTests
{
    private static string Package => Packages.Export(Fixtures.Model("prose-lm"), new ExportOptions { Task = "text-generation", Verify = VerificationLevel.None });

    [Test]
    public async Task Texts_and_lines_of_JSON_are_continued()
    {
        using var pipeline = TextGeneration.Load(Package);
        const string input = "{\"inputs\": \"The old ship\", \"do_sample\": false, \"max_new_tokens\": 8}\n\nNo \"JSON\"\n{\"inputs\": \"The old ship\", \"do_sample\": false, \"max_new_tokens\": 8, \"return_full_text\": false}\n{\"inputs\": \"x\", \"top_q\": 1}\n";
        using var output = new StringWriter();
        using var error = new StringWriter();
        var code = await TextLoop.RunAsync(pipeline, new MemoryStream(Encoding.UTF8.GetBytes(input)), output, error, default);
        var whole = pipeline.Run("The old ship", new() { DoSample = false, MaxNewTokens = 8 });
        var lines = output.ToString().ReplaceLineEndings("\n").Split('\n');
        Assert.Multiple(() =>
        {
            Assert.That(code, Is.EqualTo(ExitCodes.SomeLinesFailed));
            Assert.That(lines[0], Is.EqualTo(whole.Text));
            Assert.That(lines[1], Does.StartWith("No \"JSON\""));
            Assert.That(output.ToString(), Does.Contain($"\n{whole.Added}\n"));
            Assert.That(error.ToString(), Is.EqualTo($"reading generation arguments: top_q: no such argument. Next: did you mean top_k?{Environment.NewLine}"));
        });
    }

    [Test]
    public async Task Bytes_that_are_no_text_are_unknown_characters()
    {
        using var pipeline = TextGeneration.Load(Package);
        using var output = new StringWriter();
        using var error = new StringWriter();
        var code = await TextLoop.RunAsync(pipeline, new MemoryStream([.. "caf"u8, 0xE9, .. " \n"u8]), output, error, default);
        Assert.That((code, error.ToString()), Is.EqualTo((ExitCodes.Done, "")));
        Assert.That(output.ToString(), Does.StartWith("caf\uFFFD "));
    }

    [Test]
    public async Task Generate_continues_tokens()
    {
        var result = await ToolProcess.RunAsync(["generate", Package], "{\"input_ids\": [[0, 2069]], \"arguments\": {\"max_new_tokens\": 3, \"min_new_tokens\": 3}}\n{\"input_ids\": [[0]], \"arguments\": {\"max_tokens\": 3}}\n");
        var lines = result.Output.TrimEnd().Split('\n');
        Assert.Multiple(() =>
        {
            Assert.That(result.Code, Is.EqualTo(1));
            Assert.That(lines[0], Does.Match("^{\"sequences\":\\[\\[0,2069,\\d+,\\d+,\\d+\\]\\]}"));
            Assert.That(lines[1], Is.EqualTo("{\"error\":{\"code\":\"invalid_input\",\"message\":\"reading generation arguments: max_tokens: no such argument. Next: see the fields of GenerationConfig\"}}"));
        });
    }
}
