using Microsoft.Extensions.AI;
using NUnit.Framework;
using OnnxTransformers.Generation;
using OnnxTransformers.Testing;
using OnnxTransformers.Tokenizers;
using OnnxTransformers.Tokenizers.Templates;
using ChatMessage = Microsoft.Extensions.AI.ChatMessage;

namespace OnnxTransformers;

/// <summary>The chat client over a model that says what the test wants.</summary>
public sealed class OnnxChatClientTests
{
    private const string Template = "{% if tools %}{{ tools | length }} tools <tool_call>{{ tools[0].function.name }}{% endif %}{% for m in messages %}[{{ m.role }}]{{ m.content }}"
        + "{% for c in m.tool_calls %}<tool_call>{{ c.function | tojson }}</tool_call>{% endfor %}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}{% if mode is defined %}({{ mode }}){% endif %}";

    private static Tokenizer Tokenizer => field ??= Tokenizers.Tokenizer.Load(Fixtures.Find("pipelines/text_generation"));

    [Test]
    public async Task AnswersWithTextAndUsage()
    {
        var (client, model) = Client("Hello there.");
        using (client)
        {
            var response = await client.GetResponseAsync([new(ChatRole.User, "Hi")]);
            var prompt = Ids("[user]Hi[assistant]").Length;
            Assert.Multiple(() =>
            {
                Assert.That(response.Text, Is.EqualTo("Hello there."));
                Assert.That(response.FinishReason, Is.EqualTo(ChatFinishReason.Stop));
                Assert.That((response.Usage!.InputTokenCount, response.Usage.OutputTokenCount, response.Usage.TotalTokenCount), Is.EqualTo(((long?)prompt, (long?)Ids("Hello there.").Length + 1, (long?)prompt + Ids("Hello there.").Length + 1)));
                Assert.That(response.ModelId, Is.EqualTo("scripted"));
                Assert.That(model.PromptLength, Is.EqualTo(prompt));
            });
        }
    }

    [Test]
    public async Task StreamsPieces()
    {
        var (client, _) = Client("One two three.");
        using (client)
        {
            var updates = await client.GetStreamingResponseAsync([new(ChatRole.User, "Count")]).ToListAsync();
            Assert.That((string.Concat(updates.Select(u => u.Text)), updates.Count > 3, updates[^1].FinishReason), Is.EqualTo(("One two three.", true, (ChatFinishReason?)ChatFinishReason.Stop)));
        }
    }

    [Test]
    public async Task LengthEndsAnAnswer()
    {
        var (client, _) = Client("One two three.");
        using (client)
        {
            var response = await client.GetResponseAsync([new(ChatRole.User, "Count")], new() { MaxOutputTokens = 1 });
            Assert.That((response.FinishReason, response.Usage!.OutputTokenCount), Is.EqualTo(((ChatFinishReason?)ChatFinishReason.Length, (long?)1)));
        }
    }

    [Test]
    public async Task StopSequencesAreLeftOut()
    {
        var (client, _) = Client("One two three.");
        using (client)
        {
            var response = await client.GetResponseAsync([new(ChatRole.User, "Count")], new() { StopSequences = [" three"] });
            Assert.That((response.Text, response.FinishReason), Is.EqualTo(("One two", (ChatFinishReason?)ChatFinishReason.Stop)));
        }
    }

    [Test]
    public async Task CallsTools()
    {
        var (client, _) = Client("I look.<tool_call>{\"name\": \"Add\", \"arguments\": {\"a\": 2, \"b\": 3}}</tool_call>");
        using (client)
        {
            var add = AIFunctionFactory.Create(Add, "Add");
            var response = await client.GetResponseAsync([new(ChatRole.User, "2 + 3?")], new() { Tools = [add] });
            var call = response.Messages.SelectMany(m => m.Contents).OfType<FunctionCallContent>().Single();
            Assert.Multiple(async () =>
            {
                Assert.That((response.Text, call.Name, response.FinishReason), Is.EqualTo(("I look.", "Add", (ChatFinishReason?)ChatFinishReason.ToolCalls)));
                Assert.That($"{await add.InvokeAsync(new AIFunctionArguments(call.Arguments))}", Is.EqualTo("5"));
            });
        }
    }

    [Test]
    public async Task CallsAndResultsGoBackIntoTheChat()
    {
        var (client, model) = Client("Five.");
        using (client)
        {
            ChatMessage[] messages =
            [
                new(ChatRole.User, "2 + 3?"),
                new(ChatRole.Assistant, [new FunctionCallContent("c1", "Add", new Dictionary<string, object?> { ["a"] = 2 })]),
                new(ChatRole.Tool, [new FunctionResultContent("c1", 5)]),
            ];
            await client.GetResponseAsync(messages, new() { Instructions = "Be brief." });
            Assert.That(model.PromptLength, Is.EqualTo(Ids("[system]Be brief.[user]2 + 3?[assistant]<tool_call>{\"name\": \"Add\", \"arguments\": {\"a\": 2}}</tool_call>[tool]5[assistant]").Length));
        }
    }

    [Test]
    public async Task AConversationReadsOnlyWhatIsNew()
    {
        var (client, model) = Client("Good.");
        using (client)
        {
            var first = await client.GetResponseAsync([new(ChatRole.User, "How are you today, my friend?")]);
            model.Read.Clear();
            await client.GetResponseAsync([new(ChatRole.User, "How are you today, my friend?"), .. first.Messages, new(ChatRole.User, "And now?")]);
            Assert.That(model.Read[0], Is.LessThan(Ids("[user]And now?[assistant]").Length + 3));
        }
    }

    [Test]
    public async Task OptionsBecomeFieldsAndVariables()
    {
        var (config, variables) = ChatOptionsMapping.Read(new ChatOptions
        {
            Temperature = 0.5f,
            TopP = 0.9f,
            TopK = 4,
            MaxOutputTokens = 7,
            Seed = 3,
            StopSequences = ["x"],
            AdditionalProperties = new() { ["repetition_penalty"] = 1.5, ["mode"] = "short" },
        });
        Assert.That((config.DoSample, config.Temperature, config.TopK, config.MaxNewTokens, config.Seed, config.RepetitionPenalty, $"{variables["mode"]}"), Is.EqualTo(((bool?)true, (double?)0.5, (int?)4, (int?)7, (int?)3, (double?)1.5, "short")));
        Assert.That(ChatOptionsMapping.Read(new() { Temperature = 0 }).Config.DoSample, Is.False);
        var (client, model) = Client("Good.");
        using (client) await client.GetResponseAsync([new(ChatRole.User, "Hi")], new() { AdditionalProperties = new() { ["mode"] = "short" } });
        Assert.That(model.PromptLength, Is.EqualTo(Ids("[user]Hi[assistant](short)").Length));
    }

    [Test]
    public void WhatIsNotSupportedIsRefused()
    {
        var (client, _) = Client("Good.");
        using (client)
            Assert.Multiple(() =>
            {
                Assert.That(() => Ask(new() { FrequencyPenalty = 1 }), Refuses("reading chat options: FrequencyPenalty: 1; supported: 0. Next: give repetition_penalty in AdditionalProperties"));
                Assert.That(() => Ask(new() { ResponseFormat = ChatResponseFormat.Json }), Refuses("reading chat options: ResponseFormat: ChatResponseFormatJson; supported: text: nothing holds the tokens to a form. Next: ask for the form in a message, and check the answer"));
                Assert.That(() => Ask(new() { ToolMode = ChatToolMode.RequireAny }), Refuses("reading chat options: ToolMode: a call is required; supported: Auto, None: nothing holds the tokens to a call"));
                Assert.That(() => Ask(new() { Reasoning = new() { Effort = ReasoningEffort.High } }), Refuses("reading chat options: Reasoning: set; supported: null. Next: give the chat template's own variable, as enable_thinking, in AdditionalProperties"));
                Assert.That(() => Ask(new() { ModelId = "another" }), Refuses("reading chat options: ModelId: another; supported: scripted"));
                Assert.That(() => Ask(new() { AdditionalProperties = new() { ["mode"] = "short", ["top_kk"] = 3 } }), Refuses("reading chat options: AdditionalProperties[\"top_kk\"]: neither a field of GenerationConfig nor a variable of the chat template"));
                Assert.That(() => Ask(new() { AdditionalProperties = new() { ["mod"] = 3 } }), Refuses("reading chat options: AdditionalProperties[\"mod\"]: neither a field of GenerationConfig nor a variable of the chat template"));
                Assert.That(() => Ask(new() { AdditionalProperties = new() { ["assistant_model"] = "small" } }), Refuses("guessing with an assistant: assistant_model: small, and the model is of no package; supported: a package's name from the model's package on. Next: give GenerationRequest.Assistant"));
                Assert.That(() => Ask(new() { ConversationId = "7" }), Refuses("reading chat options: ConversationId: 7; supported: null: every call gets all messages"));
                Assert.That(() => Ask(new() { Tools = [new HostedWebSearchTool()] }), Refuses("reading tools: web_search: HostedWebSearchTool; supported: functions"));
                Assert.That(() => client.GetResponseAsync([]), Refuses("reading a chat: messages: none; supported: one or more"));
                Assert.That(() => client.GetResponseAsync([new(ChatRole.User, [new UriContent("http://x/y.png", "image/png")])]), Refuses("reading a chat: a message of user: UriContent; supported: texts, function calls and their results"));
            });
        Task<ChatResponse> Ask(ChatOptions options) => client.GetResponseAsync([new(ChatRole.User, "Hi")], options);
    }

    [Test]
    public async Task AModelWithoutACacheAnswers()
    {
        var (client, _) = Client("Hello there.", remembers: false);
        using (client) Assert.That((await client.GetResponseAsync([new(ChatRole.User, "Hi")])).Text, Is.EqualTo("Hello there."));
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task ADisposedClientKeepsNoCache(bool within)
    {
        var (client, model) = Client("One two three.");
        var updates = client.GetStreamingResponseAsync([new(ChatRole.User, "Count")]).GetAsyncEnumerator();
        await updates.MoveNextAsync();
        if (within) client.Dispose();
        await updates.DisposeAsync();
        Assert.That(model.OpenCaches, Is.EqualTo(within ? 0 : 1));
        client.Dispose();
        Assert.That(model.OpenCaches, Is.Zero);
    }

    [Test]
    public void ATemplateWithoutToolsTakesNone()
    {
        using var client = new OnnxChatClient(new TextGeneration(new TokenGenerator(new ScriptedModel(420, [0])), Tokenizer, new ChatTemplateSet(new Dictionary<string, string> { ["default"] = "{{ messages[0].content }}" })));
        Assert.That(() => client.GetResponseAsync([new(ChatRole.User, "Hi")], new() { Tools = [AIFunctionFactory.Create(Add, "Add")] }), Refuses(
            "reading tools: Tools: the chat template takes none; supported: templates of Hermes, Qwen; Mistral; Llama 3. Next: leave tools out; the package has the templates default"));
    }

    [Test]
    public void GivesItsServices()
    {
        var (client, _) = Client("Good.");
        using (client)
            Assert.Multiple(() =>
            {
                Assert.That(client.GetService<ChatClientMetadata>()!.DefaultModelId, Is.EqualTo("scripted"));
                Assert.That(client.GetService<TextGeneration>(), Is.Not.Null);
                Assert.That(client.GetService<OnnxChatClient>(), Is.SameAs(client));
                Assert.That(client.GetService(typeof(string)), Is.Null);
            });
    }

    private static NUnit.Framework.Constraints.EqualStringConstraint Refuses(string message) => Throws.TypeOf<InvalidInputException>().With.Message.EqualTo(message);

    private static int[] Ids(string text) => [.. Tokenizer.Encode(text, null, new EncodeOptions { AddSpecialTokens = false }).Ids];

    private static (OnnxChatClient Client, ScriptedModel Model) Client(string answer, bool remembers = true)
    {
        var model = new ScriptedModel(Tokenizer.VocabSize, [.. Ids(answer), 0]) { Remembers = remembers };
        var generator = new TokenGenerator(model, new GenerationConfig { MaxNewTokens = 200, EosTokenId = [0], PadTokenId = 0 }, Tokenizer);
        return (new OnnxChatClient(new TextGeneration(generator, Tokenizer, new ChatTemplateSet(new Dictionary<string, string> { ["default"] = Template })), "scripted"), model);
    }

    [System.ComponentModel.Description("Adds two numbers.")]
    private static int Add(int a, int b) => a + b;
}
