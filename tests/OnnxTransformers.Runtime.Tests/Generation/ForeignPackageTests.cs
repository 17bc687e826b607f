using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Generation;

/// <summary>Packages as optimum, transformers.js and onnxruntime-genai lay them out give what ours give.</summary>
public sealed class ForeignPackageTests
{
    private static readonly GenerationRequest Request = new() { InputIds = [[3, 14, 15, 9], [5, 6, 7, 8]], Config = new GenerationConfig { MaxNewTokens = 12, DoSample = false } };
    private ScratchFolder _folder = null!;

    [SetUp]
    public void SetUp() => _folder = new ScratchFolder();

    [TearDown]
    public void TearDown() => _folder.Dispose();

    private IReadOnlyList<int[]> Wanted()
    {
        using var generator = TokenGenerator.Load(TinyDecoder.Write(_folder["ours"], says: true));
        return generator.Generate(Request).Sequences;
    }

    [TestCase("", "decoder_model_merged.onnx")]
    [TestCase("onnx", "decoder_model_merged_quantized.onnx")]
    [TestCase("onnx", "decoder_model_merged_q4f16.onnx")]
    [TestCase("onnx", "model_q4.onnx")]
    public void A_graph_with_a_branch_for_each_is_told_which(string place, string file)
    {
        var package = TinyDecoder.Write(_folder["theirs"], says: false, merged: true);
        Directory.CreateDirectory(Path.Combine(package, place));
        File.Move(Path.Combine(package, "onnx", "model.onnx"), Path.Combine(package, place, file));
        using var generator = TokenGenerator.Load(package);
        Assert.That(generator.Generate(Request).Sequences, Is.EqualTo(Wanted()));
    }

    [Test]
    public void A_pair_of_graphs_is_one_model()
    {
        var package = Pair(begins: true);
        using var generator = TokenGenerator.Load(package);
        Assert.That(generator.Generate(Request).Sequences, Is.EqualTo(Wanted()));
        var beams = Request with { Config = Request.Config with { NumBeams = 3, MaxNewTokens = 6 } };
        using var ours = TokenGenerator.Load(TinyDecoder.Write(_folder["one"], says: false));
        Assert.That(generator.Generate(beams).Sequences, Is.EqualTo(ours.Generate(beams).Sequences));
        using var cache = new PromptCache(generator.Model, room: 20);
        cache.Read([3, 14, 15]);
        Assert.That(generator.Generate(Request with { InputIds = [[3, 14, 15, 9]], Cache = cache }).Sequences[0], Is.EqualTo(Wanted()[0]));
    }

    [Test]
    public void A_pair_without_its_first_graph_is_refused()
    {
        var package = Pair(begins: true);
        File.Delete(Path.Combine(package, "onnx", "decoder_model.onnx"));
        Assert.That(() => TokenGenerator.Load(package), Throws.TypeOf<CorruptCheckpointException>().With.Message.EqualTo(
            $"opening {package}: onnx/decoder_model.onnx: not there; the package has only decoder_with_past_model.onnx. Next: export the model for this task"));
    }

    [Test]
    public void A_first_graph_that_takes_a_past_is_refused()
    {
        var package = Pair(begins: false);
        Assert.That(() => TokenGenerator.Load(package), Throws.TypeOf<UnsupportedCheckpointException>().With.Message.Contains("decoder_model: past_key_values.0.key float [batch_size, 2, past_sequence_length, 8]: an input that text generation can't fill"));
    }

    [Test]
    public void A_size_that_nothing_gives_is_refused()
    {
        var package = TinyDecoder.Write(_folder["open"], says: false, open: "kv_cache_dim");
        Assert.That(() => TokenGenerator.Load(package), Throws.TypeOf<UnsupportedCheckpointException>().With.Message.EqualTo(
            $"opening {package} for text-generation: 2 problems\n{Line("key")}\n{Line("value")}"));

        static string Line(string part) => $"  past_key_values.0.{part}: kv_cache_dim, a size that neither the graph nor genai_config.json gives; supported: sizes of all dimensions but those of rows and tokens. Next: give num_key_value_heads and head_size in genai_config.json";
    }

    private string Pair(bool begins)
    {
        var package = TinyDecoder.Write(_folder["pair"], says: false, begins: begins);
        var onnx = Path.Combine(package, "onnx");
        File.Move(Path.Combine(onnx, "model.onnx"), Path.Combine(onnx, "decoder_model.onnx"));
        TinyDecoder.Write(package, says: false);
        File.Move(Path.Combine(onnx, "model.onnx"), Path.Combine(onnx, "decoder_with_past_model.onnx"));
        return package;
    }

    [TestCase(true, ExpectedResult = CacheStrategy.Shared)]
    [TestCase(false, ExpectedResult = CacheStrategy.Growing)]
    public CacheStrategy What_genai_builds_needs_its_own_configuration_only(bool shares)
    {
        using var generator = TokenGenerator.Load(GenAi(shares));
        Assert.That(generator.Generate(Request).Sequences, Is.EqualTo(Wanted()));
        Assert.That(generator.Model.MaxPositions, Is.EqualTo(64));
        Assert.That(generator.Defaults.EosTokenId, Is.EqualTo(new[] { 2 }));
        return ((CausalModel)generator.Model).Strategy;
    }

    [Test]
    public void Padding_of_such_a_graph_is_refused()
    {
        using var generator = TokenGenerator.Load(GenAi(shares: true));
        Assert.That(() => generator.Generate(Request with { AttentionMask = [[0, 1, 1, 1], [1, 1, 1, 1]] }), Throws.TypeOf<InvalidInputException>().With.Message.EqualTo(
            "running a step: attention_mask: padding; supported: rows of one length: graphs of onnxruntime-genai's builder count the tokens that the mask lets through, wherever they are."
            + " Next: continue prompts of different lengths one by one, or export the model with this library"));
    }

    [Test]
    public void What_its_configuration_says_of_the_search_holds()
    {
        var package = GenAi(shares: true);
        var file = Path.Combine(package, "genai_config.json");
        File.WriteAllText(file, File.ReadAllText(file).Replace("\"search\": {", "\"search\": {\"num_beams\": 3, \"length_penalty\": 0.5, \"no_repeat_ngram_size\": 2, \"min_length\": 6, \"early_stopping\": false, ", StringComparison.Ordinal));
        using var generator = TokenGenerator.Load(package);
        var said = generator.Defaults;
        Assert.That((said.NumBeams, said.LengthPenalty, said.NoRepeatNgramSize, said.MinLength, said.EarlyStopping), Is.EqualTo(((int?)3, (double?)0.5, (int?)2, (int?)6, (EarlyStopping?)EarlyStopping.Heuristic)));
    }

    /// <summary>Unless it says otherwise, onnxruntime-genai slides a window itself: then the graph has no buffer of its own.</summary>
    [TestCase("", ExpectedResult = CacheStrategy.Growing)]
    [TestCase(", \"slide_key_value_cache\": true", ExpectedResult = CacheStrategy.Growing)]
    [TestCase(", \"slide_key_value_cache\": false", ExpectedResult = CacheStrategy.Shared)]
    public CacheStrategy A_window_is_the_graphs_where_the_runtime_does_not_slide_it(string says)
    {
        var package = GenAi(shares: false);
        var file = Path.Combine(package, "genai_config.json");
        File.WriteAllText(file, File.ReadAllText(file).Replace("\"decoder\": {", $"\"decoder\": {{\"sliding_window\": {{\"window_size\": 8{says}}}, ", StringComparison.Ordinal));
        using var model = CausalModel.Open(Package.Open(package));
        return model.Strategy;
    }

    [Test]
    public void A_precision_that_such_a_package_does_not_name_is_refused() =>
        Assert.That(() => TokenGenerator.Load(GenAi(shares: true), new RuntimeOptions { Precision = Precision.Fp16 }), Throws.TypeOf<CorruptCheckpointException>().With.Message.Contains("onnx/model_fp16.onnx: not there; the package has only tiny-int4.onnx"));

    private string GenAi(bool shares)
    {
        var package = TinyDecoder.Write(_folder["genai"], says: false);
        File.Move(Path.Combine(package, "onnx", "model.onnx"), Path.Combine(package, "tiny-int4.onnx"));
        File.Delete(Path.Combine(package, "config.json"));
        File.WriteAllText(Path.Combine(package, "genai_config.json"), $$$"""
            {"model": {"type": "decoder", "eos_token_id": [2], "pad_token_id": 0, "context_length": 64, "vocab_size": {{{TinyDecoder.Vocabulary}}}, "decoder": {"filename": "tiny-int4.onnx"}}, "search": {"past_present_share_buffer": {{{(shares ? "true" : "false")}}}, "top_k": 1}}
            """);
        return package;
    }
}
