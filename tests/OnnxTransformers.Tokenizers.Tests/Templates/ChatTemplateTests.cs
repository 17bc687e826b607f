using System.Collections.Immutable;
using System.Numerics;
using System.Text.Json;
using System.Text.Json.Nodes;
using NUnit.Framework;

namespace OnnxTransformers.Tokenizers.Templates;

[TestFixture]
internal sealed class ChatTemplateTests
{
    private const string ChatMl = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<end>\n{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}";

    [Test]
    public void AConversationIsRendered()
    {
        var request = new ChatRequest { Messages = [ChatMessage.System("Be brief."), ChatMessage.User("Hi"), ChatMessage.Assistant("Hello"), ChatMessage.Tool("f", "1")], AddGenerationPrompt = true };
        Assert.That(ChatTemplate.Parse(ChatMl).Render(request).Text, Is.EqualTo("<|system|>Be brief.<end>\n<|user|>Hi<end>\n<|assistant|>Hello<end>\n<|tool|>1<end>\n<|assistant|>"));
    }

    [TestCase("{{ m.content }}", "The answer is ", "The answer is ")]
    [TestCase("{{ m.content | trim }}", "The answer is ", "The answer is")]
    public void TheFinalMessageIsContinued(string shown, string content, string expected)
    {
        var template = ChatTemplate.Parse("{% for m in messages %}[" + shown + "]{% endfor %}");
        Assert.That(template.Render(new ChatRequest { Messages = [ChatMessage.User("q"), ChatMessage.Assistant(content)], ContinueFinalMessage = true }).Text, Is.EqualTo("[q][" + expected));
    }

    private static IEnumerable<object?> Contents =>
    [
        JsonSerializer.SerializeToElement(new object[] { new { type = "text", text = "first" }, new { type = "text", text = "last" }, new { type = "image" } }),
        new JsonArray(new JsonObject { ["type"] = "text", ["text"] = "first" }, new JsonObject { ["type"] = "text", ["text"] = "last" }, new JsonObject { ["type"] = "image" }),
        new object[] { new Dictionary<string, object?> { ["text"] = "first" }, new Dictionary<string, object?> { ["text"] = "last" }, new Dictionary<string, object?> { ["type"] = "image" } },
    ];

    [TestCaseSource(nameof(Contents))]
    public void TheFinalMessagesLastTextIsContinued(object content)
    {
        var template = ChatTemplate.Parse("{% for m in messages %}{% for p in m.content %}<{{ p.text }}>{% endfor %}{% endfor %}");
        Assert.That(template.Render(new ChatRequest { Messages = [new ChatMessage([new("role", "assistant"), new("content", content)])], ContinueFinalMessage = true }).Text, Is.EqualTo("<first><last"));
    }

    [Test]
    public void TheAssistantIsMarked()
    {
        var template = ChatTemplate.Parse("{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}.{% endgeneration %}{% else %}{{ m.content }}{% endif %}{% endfor %}");
        var chat = template.Render(new ChatRequest { Messages = [ChatMessage.User("😀"), ChatMessage.Assistant("one"), ChatMessage.User("x"), ChatMessage.Assistant("two")], MarkAssistant = true });
        Assert.Multiple(() =>
        {
            Assert.That(template.HasGenerationBlocks, Is.True);
            Assert.That(chat.Text, Is.EqualTo("😀one.xtwo."));
            Assert.That(chat.Assistant, Is.EqualTo(new[] { new CharacterSpan(2, 6), new CharacterSpan(7, 11) }));
        });
    }

    [Test]
    public void VariablesOfManyTypesAreTaken()
    {
        var values = new Dictionary<string, object?>
        {
            ["a"] = null,
            ["b"] = true,
            ["c"] = (byte)1,
            ["d"] = ulong.MaxValue,
            ["e"] = 1.5f,
            ["f"] = 2.5m,
            ["g"] = BigInteger.Pow(10, 20),
            ["h"] = "x",
            ["i"] = new[] { 1, 2 },
            ["j"] = ImmutableArray.Create("y"),
            ["k"] = new Dictionary<string, string> { ["z"] = "w" },
            ["l"] = JsonNode.Parse("{\"m\": [1, 1.0, 1e2, null]}"),
            ["n"] = new SortedDictionary<string, object?> { ["o"] = new List<object?> { null } },
        };
        Assert.That(ChatTemplate.Parse("{{ [a, b, c, d, e, f, g, h, i, j, k, l, n] }}").Render(values), Is.EqualTo(
            "[None, True, 1, 18446744073709551615, 1.5, 2.5, 100000000000000000000, 'x', [1, 2], ['y'], {'z': 'w'}, {'m': [1, 1.0, 100.0, None]}, {'o': [None]}]"));
    }

    [Test]
    public void TheTimeCanBeGiven() =>
        Assert.That(ChatTemplate.Parse("{{ strftime_now('%d %b %Y') }}").Render(new ChatRequest { Messages = [], Now = new DateTime(2024, 7, 6) }).Text, Is.EqualTo("06 Jul 2024"));

    [Test]
    public void ARenderingCanBeCancelled()
    {
        using var source = new CancellationTokenSource();
        source.Cancel();
        var template = ChatTemplate.Parse("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}");
        Assert.Throws<OperationCanceledException>(() => template.Render(new Dictionary<string, object?>(), cancellation: source.Token));
    }

    [Test, Explicit("A speed figure, not a test.")]
    public void SpeedOfALongChat()
    {
        var template = ChatTemplate.Parse(ChatMl);
        var request = new ChatRequest { Messages = [.. Enumerable.Range(0, 1000).Select(i => new ChatMessage(i % 2 == 0 ? "user" : "assistant", new string((char)('a' + i % 26), 1000)))], AddGenerationPrompt = true };
        var length = template.Render(request).Text.Length;
        var watch = System.Diagnostics.Stopwatch.StartNew();
        const int Times = 100;
        for (var i = 0; i < Times; i++) template.Render(request);
        TestContext.Out.WriteLine($"{length} characters in 1000 messages: {watch.Elapsed.TotalMilliseconds / Times:F2} ms a rendering");
    }
}
