using System.Text.Json;
using Microsoft.Extensions.AI;
using NUnit.Framework;

namespace OnnxTransformers;

/// <summary>Answers split into texts and calls, wherever their pieces are cut.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class AnswerReaderTests
{
    private static readonly ToolCallFormat Hermes = new("Hermes", "", "<tool_call>", "</tool_call>", "arguments");
    private static readonly ToolCallFormat Mistral = new("Mistral", "", "[TOOL_CALLS]", "", "arguments");
    private static readonly ToolCallFormat Llama = new("Llama", "", "{", "", "parameters", WholeAnswer: true);

    private static IEnumerable<TestCaseData> Answers()
    {
        yield return new TestCaseData(Hermes, "It rains.", "It rains.");
        yield return new TestCaseData(Hermes, "I look.\n<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Bonn\"}}\n</tool_call>", "I look.\n|weather({\"city\":\"Bonn\"})");
        yield return new TestCaseData(Hermes, "<tool_call>{\"name\": \"a\", \"arguments\": {}}</tool_call><tool_call>{\"name\": \"b\"}</tool_call> done", "a({})|b({})| done");
        yield return new TestCaseData(Hermes, "<tool_call>{\"name\": \"a\", \"arguments\": {}}", "a({})");
        yield return new TestCaseData(Hermes, "<tool_call>no json</tool_call>", "<tool_call>no json</tool_call>");
        yield return new TestCaseData(Hermes, "a <tool_ca", "a <tool_ca");
        yield return new TestCaseData(Mistral, "[TOOL_CALLS] [{\"name\": \"a\", \"arguments\": {\"x\": 1}}, {\"name\": \"b\", \"arguments\": {}}]", "a({\"x\":1})|b({})");
        yield return new TestCaseData(Llama, "{\"name\": \"a\", \"parameters\": {\"x\": 1}}", "a({\"x\":1})");
        yield return new TestCaseData(Llama, "{\"no\": \"call\"}", "{\"no\": \"call\"}");
        yield return new TestCaseData(Llama, "Use {\"name\": \"a\"}", "Use {\"name\": \"a\"}");
        yield return new TestCaseData(null, "<tool_call>{}</tool_call>", "<tool_call>{}</tool_call>");
    }

    [TestCaseSource(nameof(Answers))]
    public void SplitsWhereverPiecesAreCut(object? format, string answer, string expected)
    {
        for (var size = 1; size <= answer.Length; size++)
        {
            var reader = new AnswerReader((ToolCallFormat?)format, [], several: true);
            Assert.That(Read(reader, answer, size), Is.EqualTo(expected), $"pieces of {size}");
        }
    }

    [TestCase("abcSTOPdef", "abc")]
    [TestCase("abcSTO", "abcSTO")]
    [TestCase("abSTSTOP", "abST")]
    [TestCase("STOP", "")]
    [TestCase("a##b", "a")]
    public void EndsBeforeAStopSequence(string answer, string expected)
    {
        for (var size = 1; size <= answer.Length; size++)
            Assert.That(Read(new AnswerReader(null, ["STOP", "##"], several: true), answer, size), Is.EqualTo(expected), $"pieces of {size}");
    }

    [Test]
    public void OneCallMayBeAllThatIsWanted()
    {
        var reader = new AnswerReader(Hermes, [], several: false);
        Assert.That(Read(reader, "<tool_call>{\"name\": \"a\"}</tool_call><tool_call>{\"name\": \"b\"}</tool_call>", 7), Is.EqualTo("a({})"));
        Assert.That(reader.IsComplete);
    }

    private static string Read(AnswerReader reader, string answer, int size)
    {
        var contents = new List<AIContent>();
        for (var at = 0; at < answer.Length; at += size) contents.AddRange(reader.Read(answer[at..Math.Min(answer.Length, at + size)], at + size >= answer.Length));
        var parts = new List<string>();
        foreach (var content in contents)
        {
            if (content is FunctionCallContent call) parts.Add($"{call.Name}({JsonSerializer.Serialize(call.Arguments)})");
            else if (parts.Count > 0 && contents[contents.IndexOf(content) - 1] is TextContent) parts[^1] += ((TextContent)content).Text;
            else parts.Add(((TextContent)content).Text);
        }
        return string.Join('|', parts);
    }
}
