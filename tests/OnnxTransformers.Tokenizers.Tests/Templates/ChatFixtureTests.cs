using System.Buffers;
using System.Text.Json;
using System.Text.Json.Nodes;
using NUnit.Framework;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>Every rendering of the chat fixtures, through the same code as the command render.</summary>
[TestFixture]
internal sealed class ChatFixtureTests
{
    private static IEnumerable<TestCaseData> Fixtures => Testing.Fixtures.Of("chat").Select(f => new TestCaseData(f).SetArgDisplayNames(f));

    private static IEnumerable<TestCaseData> ByteFixtures => Testing.Fixtures.Of("chat", n => n.StartsWith("own_generation", StringComparison.Ordinal)).Select(f => new TestCaseData(f).SetArgDisplayNames(f));

    [TestCaseSource(nameof(Fixtures))]
    public void RendersAsTheReference(string fixture)
    {
        var folder = Testing.Fixtures.Find(fixture);
        using var document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "cases.json")));
        var root = document.RootElement;
        var templates = ChatTemplateSet.Load(File.Exists(Path.Combine(folder, "tokenizer_config.json")) ? folder : Path.Combine(folder, "template.jinja"));
        Assert.Multiple(() =>
        {
            foreach (var one in root.GetProperty("cases").EnumerateArray()) Check(templates, root, one);
        });
    }

    private static void Check(ChatTemplateSet templates, JsonElement root, JsonElement one)
    {
        var name = one.GetProperty("name").GetString()!;
        var line = JsonNode.Parse(one.GetProperty("arguments").GetRawText())!.AsObject();
        line["special_tokens"] = JsonNode.Parse(root.GetProperty("special_tokens").GetRawText());
        line["now"] = root.GetProperty("strftime_now").GetString();
        var request = JsonSerializer.SerializeToElement(line);
        if (one.TryGetProperty("rendered", out var rendered))
        {
            Assert.That(Answer(templates, request), Is.EqualTo(rendered.GetString()), name);
            return;
        }
        var error = Assert.Throws<InvalidInputException>(() => Answer(templates, request), name);
        if (one.GetProperty("error_type").GetString() == "TemplateError")
            Assert.That(error!.Message, Does.EndWith(": " + one.GetProperty("error").GetString()), name);
    }

    internal static string? Answer(ChatTemplateSet templates, JsonElement line)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer)) RenderLines.Answer(templates, line, writer);
        using var answer = JsonDocument.Parse(buffer.WrittenMemory);
        return answer.RootElement.GetProperty("text").GetString();
    }

    /// <summary>Fixtures with byte-level masks: one entry for each byte of the text.</summary>
    [TestCaseSource(nameof(ByteFixtures))]
    public void MarksTheAssistantAsTheReference(string fixture)
    {
        var folder = Testing.Fixtures.Find(fixture);
        using var document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "cases.json")));
        var root = document.RootElement;
        foreach (var one in root.GetProperty("cases").EnumerateArray())
        {
            if (!one.TryGetProperty("assistant_masks", out var masks)) continue;
            var chat = Marked(folder, root, one);
            Assert.That(ByteMask(chat), Is.EqualTo(masks.EnumerateArray().Select(m => m.GetInt32())), one.GetProperty("name").GetString());
        }
    }

    private static IEnumerable<TestCaseData> TokenFixtures => Testing.Fixtures.Of("chat", n => n == "qwen3_training").Select(f => new TestCaseData(f).SetArgDisplayNames(f));

    /// <summary>Fixtures with masks over the tokens of a tokenizer that is there.</summary>
    [TestCaseSource(nameof(TokenFixtures))]
    public void MarksTokensOfTheAssistantAsTheReference(string fixture)
    {
        var folder = Testing.Fixtures.Find(fixture);
        using var document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "cases.json")));
        var root = document.RootElement;
        var tokenizerFolder = Testing.Fixtures.Find(root.GetProperty("tokenizer").GetString()!["shared/fixtures/".Length..]);
        var tokenizer = new Tokenizer(TokenizerReader.Read(Reference.Bytes(Path.Combine(tokenizerFolder, "tokenizer.json")), "tokenizer.json").Parts);
        Assert.Multiple(() =>
        {
            foreach (var one in root.GetProperty("cases").EnumerateArray())
            {
                if (!one.TryGetProperty("assistant_masks", out var masks)) continue;
                var chat = Marked(folder, root, one);
                var encoding = tokenizer.Encode(chat.Text, options: new EncodeOptions { AddSpecialTokens = false });
                Assert.That(encoding.Ids, Is.EqualTo(one.GetProperty("ids").EnumerateArray().Select(i => i.GetInt32())), one.GetProperty("name").GetString());
                Assert.That(chat.AssistantMask(encoding), Is.EqualTo(masks.EnumerateArray().Select(m => m.GetInt32())), one.GetProperty("name").GetString());
            }
        });
    }

    private static RenderedChat Marked(string folder, JsonElement root, JsonElement one)
    {
        var arguments = one.GetProperty("arguments");
        return ChatTemplate.Parse(File.ReadAllText(Path.Combine(folder, "template.jinja"))).Render(new ChatRequest
        {
            Messages = [.. arguments.GetProperty("messages").EnumerateArray().Select(ChatMessage.FromJson)],
            Tools = arguments.TryGetProperty("tools", out var tools) && tools.ValueKind == JsonValueKind.Array ? [.. tools.EnumerateArray().Select(ChatTool.FromJson)] : null,
            AddGenerationPrompt = arguments.TryGetProperty("add_generation_prompt", out var prompt) && prompt.GetBoolean(),
            Variables = root.GetProperty("special_tokens").EnumerateObject().ToDictionary(p => p.Name, p => (object?)p.Value),
            MarkAssistant = true,
        });
    }

    private static List<int> ByteMask(RenderedChat chat)
    {
        var mask = new List<int>();
        for (var i = 0; i < chat.Text.Length; i++)
        {
            var width = char.IsHighSurrogate(chat.Text[i]) ? 2 : 1;
            var inside = chat.Assistant.Any(s => i >= s.Start && i < s.End) ? 1 : 0;
            mask.AddRange(Enumerable.Repeat(inside, System.Text.Encoding.UTF8.GetByteCount(chat.Text.AsSpan(i, width))));
            i += width - 1;
        }
        return mask;
    }
}
