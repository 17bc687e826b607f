using System.Text.Json;
using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>Each refusal, with its whole message.</summary>
[TestFixture]
internal sealed class RefusalTests
{
    private static readonly ChatMessage[] Hello = [ChatMessage.User("Hello")];

    private static string Message(Action code) => Assert.Throws<InvalidInputException>(code)!.Message;

    private static string Rendering(string template, TemplateLimits? limits = null) => Message(() => ChatTemplate.Parse(template, limits).Render(new Dictionary<string, object?>()));

    [TestCase("{{ raise_exception('No such role!') }}", "rendering the chat template: line 1: No such role!")]
    [TestCase("a\n{{ x.y }}", "rendering the chat template: line 2: UndefinedError: 'x' is undefined")]
    [TestCase("{{ 'a' + 1 }}", "rendering the chat template: line 1: TypeError: can only concatenate str (not \"int\") to str")]
    [TestCase("{{ [].append(1) }}", "rendering the chat template: line 1: SecurityError: access to attribute 'append' of 'list' object is unsafe.")]
    [TestCase("{{ ''.__class__.mro() }}", "rendering the chat template: line 1: SecurityError: access to attribute '__class__' of 'str' object is unsafe.")]
    [TestCase("{% include 'x' %}", "rendering the chat template: line 1: TypeError: no loader for this environment specified")]
    [TestCase("{{ range(1000000) }}", "rendering the chat template: line 1: OverflowError: Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000).")]
    [TestCase("{{ lipsum() }}", "rendering the chat template: line 1: TemplateRuntimeError: lipsum() is not supported: it makes random text")]
    [TestCase("{{ 'a'.encode() }}", "rendering the chat template: line 1: TypeError: bytes are not supported in templates: str.encode() has nothing to give")]
    [TestCase("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "rendering the chat template: line 1: RecursionError: maximum recursion depth exceeded (macros call each other more than 200 deep)")]
    public void TemplatesThatFail(string template, string message) => Assert.That(Rendering(template), Is.EqualTo(message));

    [TestCase("{% if %}", "parsing the chat template: line 1: TemplateSyntaxError: Expected an expression, got 'end of statement block'")]
    [TestCase("\n{% for x in y %}", "parsing the chat template: line 2: TemplateSyntaxError: Unexpected end of template. Jinja was looking for the following tags: 'endfor' or 'else'. The innermost block that needs to be closed is 'for'.")]
    [TestCase("{% do x %}", "parsing the chat template: line 1: TemplateSyntaxError: Encountered unknown tag 'do'.")]
    [TestCase("{{ x | nothing }}", "parsing the chat template: line 1: TemplateAssertionError: No filter named 'nothing'.")]
    [TestCase("{{ x is nothing }}", "parsing the chat template: line 1: TemplateAssertionError: No test named 'nothing'.")]
    [TestCase("{# x", "parsing the chat template: line 1: TemplateSyntaxError: Missing end of comment tag")]
    [TestCase("{% raw %}", "parsing the chat template: line 1: TemplateSyntaxError: Missing end of raw directive")]
    [TestCase("{% break %}", "parsing the chat template: line 1: TemplateSyntaxError: 'break' outside loop")]
    [TestCase("{% autoescape true %}{% endautoescape %}", "parsing the chat template: line 1: TemplateSyntaxError: the tag 'autoescape' is not supported: chat templates are rendered without escaping")]
    [TestCase("{{ '\\N{DASH}' }}", "parsing the chat template: line 1: TemplateSyntaxError: the escape \\N{...} of character names is not supported")]
    public void TemplatesThatAreNone(string template, string message) => Assert.That(Message(() => ChatTemplate.Parse(template)), Is.EqualTo(message));

    private const string Next = ". Next: if the template is to be trusted, give it larger TemplateLimits";

    [TestCase("{% for i in range(99999) %}{{ i }}{% endfor %}", "the rendering takes more than 100000 steps")]
    [TestCase("{{ 'a' * 2000 }}", "a text has more than 1000 characters")]
    [TestCase("{% for i in range(100) %}0123456789012{% endfor %}", "the text has more than 1000 characters")]
    [TestCase("{% set x = [1] * 90 %}{% for i in range(1000) %}{% set y = x + [1] %}{% endfor %}", "the rendering makes more than 100000 bytes of texts and lists")]
    public void TemplatesThatTakeTooMuch(string template, string found) => Assert.That(Rendering(template, found.Contains("steps", StringComparison.Ordinal) ? new TemplateLimits(100_000) : new TemplateLimits(100_000, 1000, 100_000)),
        Is.EqualTo($"rendering the chat template: line 1: {found}{Next}"));

    [TestCase("{{ 2 ** 100000 }}", "an integer has more than 65536 bits")]
    [TestCase("{{ [1] * 10 ** 12 }}", "the result of a repetition is too long")]
    [TestCase("{{ '%9999999d' % 1 }}", "a format asks for more than 1048576 characters")]
    [TestCase("{{ '{:9999999}'.format(1) }}", "a format asks for more than 1048576 characters")]
    [TestCase("{{ '%.99999f' % 1 }}", "a number is asked for with more than 10000 digits")]
    [TestCase("{{ [] | tojson(indent=5000) }}", "tojson asks for an indent of more than 1000")]
    public void SizesThatAreBounded(string template, string found) =>
        Assert.That(Rendering(template), Is.EqualTo($"rendering the chat template: line 1: {found}{Next}"));

    [Test]
    public void RequestsThatContradictThemselves()
    {
        var template = ChatTemplate.Parse("{% for m in messages %}{{ m.content }}{% endfor %}");
        var request = new ChatRequest { Messages = Hello };
        Assert.Multiple(() =>
        {
            Assert.That(Message(() => template.Render(request with { AddGenerationPrompt = true, ContinueFinalMessage = true })), Is.EqualTo(
                "rendering the chat template: add_generation_prompt: continue_final_message is set as well; supported: continue_final_message to continue the last message, or add_generation_prompt to start a new one"));
            Assert.That(Message(() => template.Render(request with { MarkAssistant = true, ContinueFinalMessage = true })), Is.EqualTo(
                "rendering the chat template: continue_final_message: the assistant's text is to be marked as well; supported: one of both: a message that is cut has no end to mark"));
            Assert.That(Message(() => template.Render(request with { MarkAssistant = true })), Is.EqualTo(
                "rendering the chat template: chat_template: it has no {% generation %} block, so nothing tells which text is the assistant's; supported: a template that has them"));
            Assert.That(Message(() => template.Render(new ChatRequest { Messages = [], ContinueFinalMessage = true })), Is.EqualTo(
                "rendering the chat template: messages: continue_final_message is set, but there is no message; supported: at least one message"));
            Assert.That(Message(() => template.Render(new ChatRequest { Messages = [new ChatMessage([new("role", "user")])], ContinueFinalMessage = true })), Is.EqualTo(
                "rendering the chat template: messages: continue_final_message is set but we could not find any text to continue in the final message!; supported: a content that is a text or has a part with a text"));
            Assert.That(Message(() => ChatTemplate.Parse("nothing").Render(request with { ContinueFinalMessage = true })), Does.StartWith(
                "rendering the chat template: messages: continue_final_message is set but the final message does not appear in the chat after applying the chat template!"));
            Assert.That(Message(() => template.Render(request with { Variables = new Dictionary<string, object?> { ["x"] = new[] { new Uri("http://a") } } })), Is.EqualTo(
                "reading a template variable: x[0]: a value of the type System.Uri; supported: null, bool, numbers, string, JsonElement, JsonNode, dictionaries with string keys, sequences of these"));
        });
    }

    [Test]
    public void TemplatesThatAreNotThere()
    {
        var none = new ChatTemplateSet(new Dictionary<string, string>());
        var several = new ChatTemplateSet(new Dictionary<string, string> { ["rag"] = "r", ["other"] = "o" });
        Assert.Multiple(() =>
        {
            Assert.That(Message(() => none.Choose()), Is.EqualTo("choosing a chat template: chat_template: the checkpoint has no chat template. Next: pass a template's text as chat_template, or add chat_template.jinja to the folder"));
            Assert.That(Message(() => none.Choose("x")), Is.EqualTo("choosing a chat template: chat_template: no template is named \"x\"; supported: no names: there are no templates. Next: use one of these names, or pass a template's text"));
            Assert.That(Message(() => several.Choose()), Is.EqualTo("choosing a chat template: chat_template: there are several chat templates and none is the default; supported: rag, other. Next: name one of them in chat_template"));
            Assert.That(Message(() => several.Choose("tool_use")), Is.EqualTo("choosing a chat template: chat_template: no template is named \"tool_use\"; supported: rag, other. Next: use one of these names, or pass a template's text"));
        });
    }

    [TestCase("5", "reading a line for render: $: a JSON Number; supported: an object with messages")]
    [TestCase("{}", "reading a line for render: messages: nothing; supported: a list of messages")]
    [TestCase("{\"messages\":{}}", "reading a line for render: messages: a JSON Object; supported: a list")]
    [TestCase("{\"messages\":[5]}", "reading a chat message: messages: a JSON Number; supported: an object with role and content")]
    [TestCase("{\"messages\":[],\"tools\":5}", "reading a line for render: tools: a JSON Number; supported: a list")]
    [TestCase("{\"messages\":[],\"tools\":[5]}", "reading a tool: tools: a JSON Number; supported: a JSON schema (an object), or a function")]
    [TestCase("{\"messages\":[],\"documents\":[\"d\"]}", "reading a line for render: documents: a JSON String in the list; supported: objects with title and text")]
    [TestCase("{\"messages\":[],\"add_generation_prompt\":1}", "reading a line for render: add_generation_prompt: a JSON Number; supported: true or false")]
    [TestCase("{\"messages\":[],\"chat_template\":1}", "reading a line for render: chat_template: a JSON Number; supported: a name")]
    [TestCase("{\"messages\":[],\"special_tokens\":1}", "reading a line for render: special_tokens: a JSON Number; supported: an object of names and tokens")]
    [TestCase("{\"messages\":[],\"now\":\"soon\"}", "reading a line for render: now: \"soon\"; supported: a date and time as ISO 8601 has it")]
    public void LinesThatAreWrong(string line, string message)
    {
        using var document = JsonDocument.Parse(line);
        var templates = new ChatTemplateSet(new Dictionary<string, string> { ["default"] = "x" });
        Assert.That(Message(() => ChatFixtureTests.Answer(templates, document.RootElement)), Is.EqualTo(message));
    }

    [TestCase("""{"messages":[{"role":"\\ud800"}]}""", "{{ messages }}", "reading a text in JSON: $: half a surrogate pair (an escape of \\uD800 to \\uDFFF by itself); supported: valid Unicode")]
    [TestCase("""{"messages":[{"\\ud800":1}]}""", "{{ messages }}", "reading a text in JSON: $: half a surrogate pair (an escape of \\uD800 to \\uDFFF by itself); supported: valid Unicode")]
    [TestCase("""{"messages":[], "\\udc00": 1}""", "", "reading a text in JSON: $: half a surrogate pair (an escape of \\uD800 to \\uDFFF by itself); supported: valid Unicode")]
    [TestCase("""{"messages":[]}""", "😀{{ '\\ud83d' }}", "writing the rendered chat: text: half a surrogate pair, which the template made; supported: valid Unicode")]
    public void TextsThatAreNoUnicode(string line, string template, string message)
    {
        using var document = JsonDocument.Parse(line.Replace("\\\\", "\\", StringComparison.Ordinal));
        var templates = new ChatTemplateSet(new Dictionary<string, string> { ["default"] = template });
        Assert.That(Message(() => ChatFixtureTests.Answer(templates, document.RootElement)), Is.EqualTo(message));
    }

    [Test]
    public void FoldersThatAreWrong()
    {
        using var folder = new ScratchFolder();
        File.WriteAllText(Path.Combine(folder.FullName, "tokenizer_config.json"), "{\"chat_template\": 5}");
        var missing = Path.Combine(folder.FullName, "nothing");
        Assert.Multiple(() =>
        {
            Assert.That(Assert.Throws<UnsupportedCheckpointException>(() => ChatTemplateSet.Load(folder.FullName))!.Message,
                Is.EqualTo("reading tokenizer_config.json: $.chat_template: a JSON Number; supported: a text, or a list of objects with name and template"));
            Assert.That(Assert.Throws<InvalidInputException>(() => ChatTemplateSet.Load(missing))!.Message,
                Is.EqualTo($"reading the chat templates of {missing}: there is no such folder; supported: a checkpoint's folder, or a template's file. Next: check the path"));
        });
    }
}
