using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Tokenizers.Templates;

[TestFixture]
internal sealed class ChatTemplateSetTests
{
    private static string Render(ChatTemplateSet templates, string? name = null, bool tools = false) =>
        templates.Render(new ChatRequest { Messages = [ChatMessage.User("hi")], Tools = tools ? [] : null }, name).Text;

    [Test]
    public void FilesGoBeforeConfigurations()
    {
        using var folder = new ScratchFolder();
        Write(folder, "processor_config.json", "{\"chat_template\": \"processor\"}");
        Assert.That(Render(ChatTemplateSet.Load(folder.FullName)), Is.EqualTo("processor"));
        Write(folder, "tokenizer_config.json", "{\"chat_template\": \"config {{ bos_token }}{{ eos_token }}\", \"bos_token\": {\"content\": \"<s>\"}, \"eos_token\": \"</s>\", \"pad_token\": null}");
        Assert.That(Render(ChatTemplateSet.Load(folder.FullName)), Is.EqualTo("config <s></s>"));
        Write(folder, "chat_template.json", "{\"chat_template\": \"json\"}");
        Assert.That(Render(ChatTemplateSet.Load(folder.FullName)), Is.EqualTo("json"));
        Write(folder, "chat_template.jinja", "jinja {{ bos_token }}\r\n");
        Assert.That(Render(ChatTemplateSet.Load(folder.FullName)), Is.EqualTo("jinja <s>"));
    }

    [Test]
    public void NamedTemplatesAreChosen()
    {
        using var folder = new ScratchFolder();
        Write(folder, "tokenizer_config.json", "{\"chat_template\": [{\"name\": \"default\", \"template\": \"D\"}, {\"name\": \"tool_use\", \"template\": \"T\"}, {\"name\": \"rag\", \"template\": \"R\"}]}");
        var templates = ChatTemplateSet.Load(folder.FullName);
        Assert.Multiple(() =>
        {
            Assert.That(Render(templates), Is.EqualTo("D"));
            Assert.That(Render(templates, tools: true), Is.EqualTo("T"));
            Assert.That(Render(templates, "rag"), Is.EqualTo("R"));
            Assert.That(Render(templates, "{{ 1 + 1 }}"), Is.EqualTo("2"));
        });
        Directory.CreateDirectory(folder["additional_chat_templates"]);
        Write(folder, "chat_template.jinja", "main");
        File.WriteAllText(folder["additional_chat_templates", "extra.jinja"], "extra");
        templates = ChatTemplateSet.Load(folder.FullName);
        Assert.Multiple(() =>
        {
            Assert.That(templates.Sources.Keys, Is.EqualTo(new[] { "default", "extra" }));
            Assert.That(Render(templates, "extra"), Is.EqualTo("extra"));
            Assert.That(Render(templates, tools: true), Is.EqualTo("main"));
        });
    }

    [Test]
    public void TheMapCountsForOldCheckpointsOnly()
    {
        using var folder = new ScratchFolder();
        Write(folder, "chat_template.jinja", "{{ bos_token }}{{ image_token }}{{ additional_special_tokens }}");
        Write(folder, "tokenizer_config.json", "{\"bos_token\": \"config\", \"extra_special_tokens\": {\"image_token\": \"<img>\"}, \"additional_special_tokens\": [\"a\", {\"content\": \"b\"}]}");
        Write(folder, "special_tokens_map.json", "{\"bos_token\": \"map\"}");
        Assert.That(Render(ChatTemplateSet.Load(folder.FullName)), Is.EqualTo("map<img>['a', 'b']"));
        Write(folder, "tokenizer_config.json", "{\"bos_token\": \"config\", \"added_tokens_decoder\": {}}");
        Assert.That(Render(ChatTemplateSet.Load(folder.FullName)), Is.EqualTo("config"));
    }

    [Test]
    public void ARequestsVariablesGoBeforeSpecialTokens()
    {
        var templates = new ChatTemplateSet(new Dictionary<string, string> { ["default"] = "{{ bos_token }}{{ thinking }}" }, new Dictionary<string, object?> { ["bos_token"] = "<s>" });
        var request = new ChatRequest { Messages = [], Variables = new Dictionary<string, object?> { ["bos_token"] = "mine", ["thinking"] = true } };
        Assert.Multiple(() =>
        {
            Assert.That(templates.Render(request).Text, Is.EqualTo("mineTrue"));
            Assert.That(templates.With(new Dictionary<string, object?> { ["bos_token"] = "other" }).Render(request with { Variables = new Dictionary<string, object?>() }).Text, Is.EqualTo("other"));
        });
    }

    [Test]
    public void OneTemplateServesManyThreads()
    {
        var template = ChatTemplate.Parse("{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + m.content|length %}{% endfor %}{{ ns.n }}");
        var request = new ChatRequest { Messages = [.. Enumerable.Range(0, 50).Select(i => ChatMessage.User(new string('x', i)))] };
        Parallel.For(0, 200, _ => Assert.That(template.Render(request).Text, Is.EqualTo("1225")));
    }

    private static void Write(ScratchFolder folder, string name, string text) => File.WriteAllText(folder[name], text);
}
