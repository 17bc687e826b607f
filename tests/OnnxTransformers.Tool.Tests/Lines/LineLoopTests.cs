using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using NUnit.Framework;

namespace OnnxTransformers.Tool.Lines;

internal sealed class LineLoopTests
{
    [Test]
    public async Task Lines_are_answered_in_order()
    {
        var (code, output) = await Run("1\n2\n3\n");
        Assert.That((code, output), Is.EqualTo((0, "{\"got\":1}\n{\"got\":2}\n{\"got\":3}\n")));
    }

    [Test]
    public async Task A_bad_line_gets_an_error_in_its_place_and_the_others_are_answered()
    {
        var (code, output) = await Run("1\n{\n\"bad\"\n\"worse\"\n2\n");
        var lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Multiple(() =>
        {
            Assert.That(code, Is.EqualTo(1));
            Assert.That(lines, Has.Length.EqualTo(5));
            Assert.That(lines[0], Is.EqualTo("{\"got\":1}"));
            Assert.That(Error(lines[1]).Code, Is.EqualTo("invalid_json"));
            Assert.That(Error(lines[2]), Is.EqualTo(("invalid_input", "answering: $: a bad line; supported: good ones")));
            Assert.That(Error(lines[3]), Is.EqualTo(("internal", "FormatException: worse")), "the half of an answer is gone");
            Assert.That(lines[4], Is.EqualTo("{\"got\":2}"));
        });
    }

    [TestCase("1\r\n2\r\n", TestName = "Windows line endings")]
    [TestCase("1\n2", TestName = "No ending at the end")]
    [TestCase("\n1\n  \n2\n\n", TestName = "Blank lines")]
    public async Task Endings_do_not_matter(string input) => Assert.That((await Run(input)).Output, Is.EqualTo("{\"got\":1}\n{\"got\":2}\n"));

    [Test]
    public async Task A_line_may_be_longer_than_any_buffer()
    {
        var text = new string('x', 1_000_000);
        var (code, output) = await Run($"\"{text}\"\n7\n");
        Assert.That((code, output), Is.EqualTo((0, $"{{\"got\":\"{text}\"}}\n{{\"got\":7}}\n")));
    }

    [Test]
    public async Task What_is_not_ascii_is_written_as_it_is() => Assert.That((await Run("\"Z\\u00fcrich \u4eca <&>\"\n")).Output, Is.EqualTo("{\"got\":\"Z\u00fcrich \u4eca <&>\"}\n"));

    [Test]
    public async Task An_answer_is_there_before_the_next_line_is_sent()
    {
        Pipe input = new(), output = new();
        var loop = LineLoop.RunAsync(input.Reader.AsStream(), output.Writer.AsStream(), Echo, flushEarly: true, CancellationToken.None);
        using var answers = new StreamReader(output.Reader.AsStream());
        foreach (var n in new[] { 1, 2 })
        {
            await input.Writer.WriteAsync(Encoding.UTF8.GetBytes($"{n}\n"));
            Assert.That(await answers.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(30)), Is.EqualTo($"{{\"got\":{n}}}"));
        }
        await input.Writer.CompleteAsync();
        Assert.That(await loop, Is.Zero);
    }

    [Test]
    public async Task A_cancelled_loop_does_not_wait_for_input()
    {
        var input = new Pipe();
        using var cancellation = new CancellationTokenSource();
        var loop = LineLoop.RunAsync(input.Reader.AsStream(), Stream.Null, Echo, flushEarly: true, cancellation.Token);
        await cancellation.CancelAsync();
        Assert.That(async () => await loop.WaitAsync(TimeSpan.FromSeconds(30)), Throws.InstanceOf<OperationCanceledException>());
    }

    private static async Task<(int Code, string Output)> Run(string input)
    {
        using var output = new MemoryStream();
        var code = await LineLoop.RunAsync(new MemoryStream(Encoding.UTF8.GetBytes(input)), output, Echo, flushEarly: false, CancellationToken.None);
        return (code, Encoding.UTF8.GetString(output.ToArray()));
    }

    private static void Echo(JsonElement line, Utf8JsonWriter answer, CancellationToken cancellation)
    {
        answer.WriteStartObject();
        if (line.ValueKind == JsonValueKind.String && line.GetString() == "bad") throw new InvalidInputException("answering", new Problem("$", "a bad line", "good ones"));
        if (line.ValueKind == JsonValueKind.String && line.GetString() == "worse") throw new FormatException("worse");
        answer.WritePropertyName("got");
        line.WriteTo(answer);
        answer.WriteEndObject();
    }

    private static (string Code, string Message) Error(string line)
    {
        using var json = JsonDocument.Parse(line);
        var error = json.RootElement.GetProperty("error");
        return (error.GetProperty("code").GetString()!, error.GetProperty("message").GetString()!);
    }
}
