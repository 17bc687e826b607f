using System.Text;
using System.Text.Json;
using NUnit.Framework;
using OnnxTransformers.Converters;
using OnnxTransformers.Generation;
using OnnxTransformers.Testing;
using OnnxTransformers.Tokenizers.Templates;

namespace OnnxTransformers.Pipelines;

/// <summary>Texts and chats beyond what the fixtures ask.</summary>
internal sealed class TextGenerationTests
{
    private static readonly GenerationConfig Greedy = new() { DoSample = false, MaxNewTokens = 12 };
    private TextGeneration _pipeline = null!;
    private TextGeneration _prose = null!;

    [OneTimeSetUp]
    public void Open()
    {
        _pipeline = TextGeneration.Load(Exported(Fixtures.Find("pipelines/text_generation")));
        _prose = TextGeneration.Load(Exported(Fixtures.Model("prose-lm")));
    }

    [OneTimeTearDown]
    public void Close()
    {
        _pipeline?.Dispose();
        _prose?.Dispose();
    }

    [Test]
    public void The_trained_model_writes_what_the_reference_writes()
    {
        using var golden = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Fixtures.Model("prose-lm"), "golden.json")));
        foreach (var c in golden.RootElement.GetProperty("cases").EnumerateArray())
        {
            var want = c.GetProperty("sequence").EnumerateArray().Select(i => i.GetInt32()).ToArray();
            var got = _prose.Run(c.GetProperty("text").GetString()!, new() { DoSample = false, MaxNewTokens = 40 });
            Assert.That(got.Tokens, Is.EqualTo(want));
            Assert.That(got.Text, Does.StartWith(c.GetProperty("generated_text").GetString()![..^4]));
        }
    }

    [Test]
    public void Texts_together_are_texts_alone()
    {
        string[] prompts = ["The old ship", "The people of the United States have", "It"];
        var together = _prose.Run(prompts, Greedy);
        Assert.That(together.Select(t => t.Text), Is.EqualTo(prompts.Select(p => _prose.Run(p, Greedy).Text)));
    }

    [TestCase("The old ship")]
    [TestCase("The river carries more")]
    public async Task Pieces_are_the_text_and_whole_characters(string prompt)
    {
        foreach (var pipeline in new[] { _prose, _pipeline })
        {
            var (text, count, ended) = (new StringBuilder(), 0, (StopReason?)null);
            await foreach (var piece in pipeline.StreamAsync(prompt, Greedy))
            {
                Assert.That(piece.Text, Does.Not.Contain('\uFFFD'));
                text.Append(piece);
                (count, ended) = (piece.Tokens, piece.Ended);
            }
            var whole = pipeline.Run(prompt, Greedy);
            Assert.That((text.ToString(), count), Is.EqualTo((whole.Added.TrimEnd('\uFFFD'), whole.Tokens.Count - whole.PromptTokens)));
            Assert.That(ended, Is.EqualTo(whole.Reason));
        }
    }

    [Test]
    public async Task An_empty_text_begins_with_the_first_token()
    {
        var first = _pipeline.Generator.Defaults.BosTokenId!.Value;
        var want = _pipeline.Generator.Generate(new() { InputIds = [[first]], Config = Greedy }).Sequences[0];
        var got = _pipeline.Run("", Greedy);
        Assert.That(got.Tokens, Is.EqualTo(want));
        Assert.That(got.Text, Is.EqualTo(_pipeline.Tokenizer.Decode(want.AsSpan(1), skipSpecialTokens: true)));
        Assert.That(_pipeline.Run(["", "The old ship"], Greedy).Select(t => t.Text), Is.EqualTo(new[] { got.Text, _pipeline.Run("The old ship", Greedy).Text }));
        var pieces = new StringBuilder();
        await foreach (var piece in _pipeline.StreamAsync("", Greedy)) pieces.Append(piece.Text);
        Assert.That(pieces.ToString(), Is.EqualTo(got.Added.TrimEnd('\uFFFD')));
    }

    /// <summary>A padding token that the network lacks, as of a tokenizer that got one later.</summary>
    [Test]
    public void What_fills_a_row_is_a_token_of_the_network()
    {
        string[] prompts = ["The old ship", "It"];
        Assert.That(_prose.Run(prompts, Greedy with { PadTokenId = -1 }).Select(t => t.Text), Is.EqualTo(prompts.Select(p => _prose.Run(p, Greedy).Text)));
    }

    [Test]
    public async Task Special_tokens_are_shown_piece_by_piece_where_a_line_asks_for_them()
    {
        using var json = JsonDocument.Parse("{\"inputs\": \"The old ship\", \"do_sample\": false, \"max_new_tokens\": 3, \"forced_eos_token_id\": 0, \"skip_special_tokens\": false}");
        var pieces = new StringBuilder();
        await foreach (var piece in _pipeline.StreamAsync(json.RootElement)) pieces.Append(piece.Text);
        Assert.That(pieces.ToString(), Does.EndWith(_pipeline.Tokenizer.IdToToken(0)!));
    }

    [Test]
    public async Task Chats_are_answered_and_continue_on_a_cache()
    {
        ChatMessage[] chat = [ChatMessage.System("Be brief."), ChatMessage.User("How are you today?")];
        var answer = _pipeline.Run(chat, Greedy);
        Assert.That(answer.Text, Does.StartWith("Bl Eiffel Eiffel"));
        using var cache = _pipeline.Generator.CreateCache();
        async Task<string> Ask(params ChatMessage[] messages)
        {
            var text = new StringBuilder();
            await foreach (var piece in _pipeline.StreamAsync(TextGeneration.RequestOf(messages), Greedy, cache)) text.Append(piece.Text);
            return text.ToString();
        }
        Assert.That(await Ask(chat), Is.EqualTo(answer.Text));
        var read = cache.Length;
        ChatMessage[] longer = [.. chat, ChatMessage.Assistant(answer.Text), ChatMessage.User("And now?")];
        Assert.That(await Ask(longer), Is.EqualTo(_pipeline.Run(longer, Greedy).Text));
        Assert.That(cache.Length, Is.GreaterThan(read));
    }

    [Test]
    public void The_defaults_are_the_pipelines()
    {
        var defaults = _pipeline.Generator.Defaults;
        Assert.That((defaults.DoSample, defaults.Temperature, defaults.MaxNewTokens, defaults.TopK, defaults.EosTokenId!.Value[0]), Is.EqualTo(((bool?)true, (double?)0.7, (int?)256, (int?)50, 0)));
    }

    [TestCase("{\"inputs\": 7}", "answering a line of text-generation: inputs: 7; supported: a text, a list of messages with role and content, or a list of these")]
    [TestCase("{\"inputs\": \"a\", \"tempreature\": 1}", "reading generation arguments: tempreature: no such argument. Next: did you mean temperature?")]
    [TestCase("{\"inputs\": \"a\", \"handle_long_generation\": \"wall\"}", "answering a line of text-generation: handle_long_generation: \"wall\"; supported: hole")]
    [TestCase("{\"do_sample\": false}", "answering a line of text-generation: inputs or text_inputs or messages: not given")]
    public void Lines_that_can_not_be_answered_are_refused(string line, string message) =>
        Assert.That(() => _pipeline.Answer(line), Throws.TypeOf<InvalidInputException>().With.Message.EqualTo(message));

    [TestCase("{\"inputs\": [\"a\", \"b\"]}", "answering a line of text-generation: inputs: 2 inputs, which can't be answered piece by piece; supported: one text or chat")]
    [TestCase("{\"inputs\": \"a\", \"return_tensors\": true}", "answering a line of text-generation: return_tensors: true, and ids are no text; supported: false where pieces are shown")]
    [TestCase("{\"inputs\": \"a\", \"num_beams\": 2, \"do_sample\": false}", "streaming tokens: num_beams: 2: no token is certain before the end; supported: 1. Next: call Generate, or leave beams out")]
    public void Lines_that_have_no_pieces_are_refused(string line, string message)
    {
        using var json = JsonDocument.Parse(line);
        Assert.That(async () =>
        {
            await foreach (var piece in _pipeline.StreamAsync(json.RootElement)) _ = piece;
        }, Throws.TypeOf<InvalidInputException>().With.Message.EqualTo(message));
    }

    [Test]
    public void A_classifier_can_not_continue()
    {
        using var package = TinyPackage.Classifier("{\"vocab_size\": 18}", 2, _ => [1, 2]);
        Assert.That(() => TextGeneration.Load(package.Path), Throws.TypeOf<UnsupportedCheckpointException>().With.Message.Contain("for text-generation: "));
    }

    private static string Exported(string checkpoint) => Packages.Export(checkpoint, new ExportOptions { Task = "text-generation", Verify = VerificationLevel.None });
}
