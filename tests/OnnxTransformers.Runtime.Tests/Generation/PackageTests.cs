using System.Text.Json;
using NUnit.Framework;
using OnnxTransformers.Converters;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Generation;

/// <summary>Packages exported from the fixtures give the reference's tokens, probabilities and caches.</summary>
internal sealed class PackageTests
{
    private static readonly string[] Checkpoints = ["gpt2", "llama", "stop-strings"];
    private readonly Dictionary<string, TokenGenerator> _open = [];

    private static IEnumerable<TestCaseData> Cases(params string[] kinds) =>
        Checkpoints.SelectMany(f => GenerationFixtures.Cases(f, kinds).Select(c => new TestCaseData(f, c).SetArgDisplayNames(f, c.Name)));

    private static IEnumerable<TestCaseData> Generate() => Cases("generate");

    private static IEnumerable<TestCaseData> Sampling() => Cases("sampling");

    [OneTimeTearDown]
    public void Close()
    {
        foreach (var generator in _open.Values) generator.Dispose();
    }

    [TestCaseSource(nameof(Generate))]
    public void TokensAreTheReferences(string fixture, GoldenCase golden)
    {
        var generator = Open(fixture);
        var result = generator.Generate(RequestOf(golden));
        Assert.That(result.Sequences, Is.EqualTo(GenerationFixtures.Rows(golden.Output("sequences"))));
        if (golden.Outputs.Contains("sequences_scores"))
            Assert.That(GenerationFixtures.Difference([.. result.SequencesScores!], golden.Output("sequences_scores")), Is.Null);
    }

    /// <summary>The recorded tokens are forced, so that each step's probabilities can be compared.</summary>
    [TestCaseSource(nameof(Sampling))]
    public void ProbabilitiesAreTheReferences(string fixture, GoldenCase golden)
    {
        var probabilities = golden.Output("probabilities");
        var sampler = new Forced(GenerationFixtures.Rows(golden.Output("sequences")), golden.Ids("input_ids")[0].Length);
        Open(fixture).Generate(RequestOf(golden) with { Sampler = sampler });
        Assert.That(GenerationFixtures.Difference(sampler.Probabilities((int)probabilities.Shape[1]), probabilities), Is.Null);
    }

    [TestCase("gpt2")]
    [TestCase("llama")]
    public void CachesAreReusedAndCropped(string fixture)
    {
        Fixtures.Find($"generation/{fixture}");
        var cases = GenerationFixtures.Cases(fixture, "cache").ToDictionary(c => c.Name);
        var (reuse, crop) = (cases["cache-reuse"], cases["cache-crop"]);
        var generator = Open(fixture);
        using var cache = generator.CreateCache();
        cache.Read(reuse.Ids("prefix")[0]);
        var result = generator.Generate(RequestOf(reuse) with { Cache = cache });
        Assert.That(result.Sequences, Is.EqualTo(GenerationFixtures.Rows(reuse.Output("sequences"))));
        Assert.That(cache.Length, Is.EqualTo(reuse.Value("outputs", "cached_tokens_after").GetInt32()));
        cache.Crop(crop.Value("inputs", "crop_to").GetInt32());
        result = generator.Generate(RequestOf(crop) with { InputIds = crop.Ids("then_input_ids"), Cache = cache });
        Assert.That(result.Sequences, Is.EqualTo(GenerationFixtures.Rows(crop.Output("sequences"))));
    }

    [Test]
    public void AnAssistantGivesTheSameTokens()
    {
        Fixtures.Find("generation/assisted-dola");
        var cases = GenerationFixtures.Cases("assisted-dola", "generate").Where(c => c.Arguments().TryGetProperty("assistant_model", out _)).ToList();
        Assert.That(cases, Is.Not.Empty);
        using var generator = TokenGenerator.Load(Exported("assisted-dola"));
        using var assistant = TokenGenerator.Load(Exported("assisted-dola/assistant"));
        foreach (var golden in cases)
            Assert.That(generator.Generate(RequestOf(golden) with { Assistant = assistant.Model }).Sequences, Is.EqualTo(GenerationFixtures.Rows(golden.Output("sequences"))), golden.Name);
    }

    [Test]
    public void AConfigurationNamesItsAssistant()
    {
        var golden = GenerationFixtures.Cases("assisted-dola", "generate").FirstOrDefault(c => c.Arguments().TryGetProperty("assistant_model", out _));
        if (golden is null) Assert.Ignore("the fixtures of generation are not here");
        var request = RequestOf(golden);
        using var generator = TokenGenerator.Load(Exported("assisted-dola"));
        var named = generator.Generate(request with { Config = request.Config with { AssistantModel = Exported("assisted-dola") } });
        Assert.That(named.Sequences, Is.EqualTo(GenerationFixtures.Rows(golden.Output("sequences"))));
        Assert.That(named.Steps, Is.LessThan(named.NewTokens[0]), "the model itself guesses what it chooses");
        Assert.That(() => generator.Generate(request with { Config = request.Config with { AssistantModel = "nowhere" } }), Throws.InstanceOf<OnnxTransformersException>().With.Message.Contains("nowhere"));
    }

    /// <summary>On the processor nothing crosses either, so what is counted are the inputs and the scores.</summary>
    [Test]
    public void AStepMovesNoMoreThanTheScores()
    {
        var generator = Open("llama");
        using var search = generator.Begin(new() { InputIds = [[1, 5, 9, 30]], Config = new() { MaxNewTokens = 40, EosTokenId = [] } });
        search.Step(default);
        for (var i = 0; i < 38; i++)
        {
            var before = search.Result.HostBytes;
            search.Step(default);
            Assert.That(search.Result.HostBytes - before, Is.LessThanOrEqualTo((4 * generator.Model.Vocabulary) + (8 * 64)), "the scores of one token, its id and position, and the mask");
        }
    }

    [Test]
    public void SequencesAreAsLongAsAsked()
    {
        var result = Open("llama").Generate(new() { InputIds = [[1, 5, 9, 30]], Config = new() { MaxNewTokens = 40, EosTokenId = [] } });
        Assert.That((result.Steps, result.NewTokens[0], result.Reasons[0]), Is.EqualTo((40, 40, StopReason.Length)));
    }

    [Test]
    public void ATextIsNoLongerThanTheNetworksPositions()
    {
        var generator = Open("gpt2");
        var most = generator.Model.MaxPositions!.Value;
        GenerationRequest Request(int length, int padding) => new()
        {
            InputIds = [[.. Enumerable.Repeat(5, length + padding)]],
            AttentionMask = [[.. Enumerable.Repeat(0, padding), .. Enumerable.Repeat(1, length)]],
            Config = new() { MaxNewTokens = 3, EosTokenId = [] },
        };
        Assert.That(generator.Generate(Request(most - 2, padding: 4)).NewTokens[0], Is.EqualTo(3), "the last token is not read");
        Assert.That(() => generator.Generate(Request(most - 1, padding: 0)), Refuses($"running a step: input_ids: {most + 1} tokens; supported: {most}, for which the network has positions. Next: shorten the prompt, or ask for fewer new tokens"));
    }

    /// <summary>Its rotary factors switch behind 32 tokens: tokens that were read before don't serve then.</summary>
    [TestCase(null)]
    [TestCase(4)]
    public void PhiReadsALongTextAgain(int? beams)
    {
        using var generator = TokenGenerator.Load(Packages.Export(Fixtures.Find("decoder/phi3-longrope-short"), new ExportOptions { Task = "text-generation", Verify = VerificationLevel.None }));
        Assert.That(generator.Model.SwitchesAt, Is.EqualTo(32));
        int[] start = [.. Enumerable.Range(40, 29)];
        GenerationResult Continue(int[] prompt, int count) => generator.Generate(new() { InputIds = [prompt], Config = new() { MaxNewTokens = count, NumBeams = beams, EosTokenId = [], PadTokenId = 0 } });
        if (beams is not null)
        {
            var result = Continue(start, 6);
            Assert.That(result.SequencesScores![0] * 6, Is.EqualTo(result.Sequences[0][start.Length..].Select((id, i) => LogProbability(generator, result.Sequences[0][..(start.Length + i)], id)).Sum()).Within(1e-3));
            return;
        }
        int[] alone = start;
        for (var i = 0; i < 12; i++) alone = Continue(alone, 1).Sequences[0];
        Assert.That(Continue(start, 12).Sequences[0], Is.EqualTo(alone));
    }

    [Test]
    public void LinesAreAnswered()
    {
        Fixtures.Find("generation/llama");
        using var lines = GenerateLines.Load(Exported("llama"));
        string Answer(string line)
        {
            using var stream = new MemoryStream();
            using (var writer = new Utf8JsonWriter(stream)) lines.Answer(JsonDocument.Parse(line).RootElement, writer);
            return System.Text.Encoding.UTF8.GetString(stream.ToArray());
        }
        Assert.Multiple(() =>
        {
            Assert.That(Answer("""{"input_ids": [[1, 5]], "arguments": {"max_new_tokens": 2, "suppress_tokens": [2]}}"""), Does.Match("^{\"sequences\":\\[\\[1,5,\\d+,\\d+\\]\\]}$"));
            Assert.That(Answer("""{"input_ids": [[1, 5]], "arguments": {"max_new_tokens": 2, "num_beams": 2}}"""), Does.Match("^{\"sequences\":.*,\"sequences_scores\":\\[-.*\\]}$"));
            Assert.That(() => Answer("""{"attention_mask": [[1]]}"""), Refuses("reading a line for generate: input_ids: not given; supported: a list of prompts, each a list of ids"));
            Assert.That(() => Answer("""{"input_ids": [1, 2]}"""), Refuses("reading a line for generate: input_ids: another kind of value; supported: a list of lists of whole numbers"));
            Assert.That(() => Answer("""{"input_ids": [[1]], "pixel_values": []}"""), Refuses("reading a line for generate: pixel_values: no input of this model; supported: input_ids, attention_mask, negative_prompt_ids, negative_prompt_attention_mask, arguments"));
            Assert.That(() => Answer("[]"), Refuses("reading a line for generate: line: a JSON Array; supported: an object with input_ids"));
        });
    }

    private static NUnit.Framework.Constraints.EqualStringConstraint Refuses(string message) => Throws.TypeOf<InvalidInputException>().With.Message.EqualTo(message);

    private static double LogProbability(TokenGenerator generator, int[] prompt, int id)
    {
        var step = new ModelStep();
        step.Resize(1, prompt.Length, prompt.Length);
        for (var i = 0; i < prompt.Length; i++) (step.Ids[i], step.Mask[i]) = (prompt[i], 1);
        var scores = new float[generator.Model.Vocabulary];
        using var cache = generator.Model.CreateCache(prompt.Length);
        using (var output = generator.Model.Run(step, cache)) output.CopyScores(0, 0, scores);
        return scores[id] - Distribution.LogSumExp(scores);
    }

    private static GenerationRequest RequestOf(GoldenCase golden)
    {
        int[][]? Rows(string name) => golden.Inputs.Contains(name) ? golden.Ids(name) : null;
        return new()
        {
            InputIds = golden.Ids("input_ids"),
            AttentionMask = Rows("attention_mask"),
            NegativePromptIds = Rows("negative_prompt_ids"),
            NegativePromptAttentionMask = Rows("negative_prompt_attention_mask"),
            Config = GenerationConfig.FromArguments(golden.Arguments()),
        };
    }

    private TokenGenerator Open(string fixture)
    {
        Fixtures.Find($"generation/{fixture}");
        if (!_open.TryGetValue(fixture, out var generator)) _open.Add(fixture, generator = TokenGenerator.Load(Exported(fixture)));
        return generator;
    }

    private static string Exported(string fixture) => Packages.Export(Fixtures.Find($"generation/{fixture}"), new ExportOptions { Task = "text-generation", Verify = VerificationLevel.None });

    private sealed class Forced(int[][] sequences, int promptLength) : ISampler
    {
        private readonly List<float[]>[] _steps = [.. sequences.Select(_ => new List<float[]>())];

        public int Choose(ReadOnlySpan<float> scores, int number)
        {
            var probabilities = new float[scores.Length];
            Distribution.SoftMax(scores, probabilities);
            _steps[number].Add(probabilities);
            return sequences[number][promptLength + _steps[number].Count - 1];
        }

        internal float[] Probabilities(int steps) => [.. _steps.SelectMany(s => s.Take(steps).SelectMany(p => p))];
    }
}
