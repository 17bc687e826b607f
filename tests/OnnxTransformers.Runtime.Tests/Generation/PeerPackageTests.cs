using System.Text.Json;
using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Generation;

/// <summary>Packages that optimum, transformers.js's quantizer and onnxruntime-genai's builder themselves have made of checkpoints of random weights give what transformers gives.</summary>
public sealed class PeerPackageTests
{
    private static readonly GenerationConfig Greedy = new() { MaxNewTokens = 12, MinNewTokens = 12, DoSample = false, PadTokenId = 0 };

    [TestCase("genai-llama", CacheStrategy.Shared)]
    [TestCase("genai-gemma2-int4", CacheStrategy.Shared)]
    [TestCase("optimum-gpt2-merged", CacheStrategy.Growing)]
    public void Tokens_are_those_of_transformers(string package, CacheStrategy strategy)
    {
        using var generator = TokenGenerator.Load(Folder(package));
        Assert.That(((CausalModel)generator.Model).Strategy, Is.EqualTo(strategy));
        Assert.That(generator.Generate(new() { InputIds = [Expected(package, "input_ids")], Config = Greedy }).Sequences[0], Is.EqualTo(Expected(package, "sequences")));
    }

    [TestCase("genai-llama", 3e-5f)]
    [TestCase("optimum-gpt2-merged", 3e-5f)]
    public void Scores_are_those_of_transformers(string package, float tolerance)
    {
        using var model = CausalModel.Open(Package.Open(Folder(package)));
        var ids = Expected(package, "input_ids");
        using var cache = model.CreateCache(ids.Length);
        var step = new ModelStep();
        step.Resize(1, ids.Length, ids.Length);
        for (var i = 0; i < ids.Length; i++) step.Ids[i] = ids[i];
        step.Mask.Fill(1);
        var scores = new float[model.Vocabulary];
        using (var output = model.Run(step, cache)) output.CopyScores(0, 0, scores);
        Assert.That(scores, Is.EqualTo(Row(package, "logits").Select(v => v.GetSingle())).Within(tolerance));
    }

    /// <summary>Attention of such graphs drops tokens that left its window; on the processor the buffer is long enough for all, so that tokens may be taken back.</summary>
    [Test]
    public void A_windowed_cache_of_genai_may_be_cropped()
    {
        using var generator = TokenGenerator.Load(Folder("genai-gemma2-int4"));
        int[] prompt = [5, 9, 17, 33, 5, 9, 17];
        var plain = generator.Generate(new() { InputIds = [prompt], Config = Greedy }).Sequences;
        Assert.That(generator.Generate(new() { InputIds = [prompt], Config = Greedy with { PromptLookupNumTokens = 3 } }).Sequences, Is.EqualTo(plain));
        using var cache = new PromptCache(generator.Model, room: 30);
        cache.Read([.. prompt, 40, 41, 42]);
        cache.Crop(prompt.Length - 2);
        Assert.That(generator.Generate(new() { InputIds = [prompt], Config = Greedy, Cache = cache }).Sequences, Is.EqualTo(plain));
    }

    [Test]
    public void A_windowed_cache_of_genai_can_t_grow() =>
        Assert.That(() => TokenGenerator.Load(Folder("genai-gemma2-int4"), strategy: CacheStrategy.Growing), Throws.TypeOf<UnsupportedCheckpointException>().With.Message.Contains(
            "cache: the graph's attention keeps a window of tokens in a buffer of its own; supported: Shared"));

    [Test]
    public void A_quantized_classifier_of_transformers_js_answers()
    {
        using var classify = TextClassification.Load(Folder("transformersjs-bert"));
        var answers = classify.Run([new TextInput("I really loved this movie; the acting was wonderful!")], new TextClassificationOptions { TopK = null })[0].ToDictionary(a => a.Label, a => a.Score);
        // Scores of the float32 network.
        foreach (var (label, score) in new[] { ("sadness", 0.4313f), ("LABEL with space", 0.4191f), ("joy", 0.1077f), ("anger", 0.0420f) }) Assert.That(answers[label], Is.EqualTo(score).Within(0.04f), label);
    }

    private static string Folder(string package) => Path.Combine(Fixtures.Own, "packages", package);

    private static int[] Expected(string package, string key) => [.. Row(package, key).Select(v => v.GetInt32())];

    private static JsonElement.ArrayEnumerator Row(string package, string key)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder(package), "expected.json")));
        return json.RootElement.GetProperty(key)[0].Clone().EnumerateArray();
    }
}
