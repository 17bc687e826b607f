using System.Text.Json;
using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Generation;

/// <summary>Configurations: which layer wins, what is derived, what is refused.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class GenerationConfigTests
{
    private static IEnumerable<GoldenCase> All() => GenerationFixtures.Cases("generation-config", "generation-config");

    [TestCaseSource(nameof(All))]
    public void Agrees(GoldenCase golden)
    {
        if (golden.Outputs.Contains("error"))
        {
            Assert.That(() => Resolve(golden), Throws.TypeOf<InvalidInputException>());
            return;
        }
        var plan = Resolve(golden);
        var want = golden.Value("outputs", "resolved");
        var context = new ProcessorContext(plan, [], 1, 100, null);
        Assert.Multiple(() =>
        {
            foreach (var field in want.EnumerateObject()) Assert.That(Json(Got(plan, field.Name)), Is.EqualTo(Json(field.Value)), field.Name);
            Assert.That(ProcessorTable.Names(context), Is.EqualTo(golden.Value("outputs", "processors").EnumerateArray().Select(n => n.GetString())));
            Assert.That(StoppingTable.Names(plan), Is.EqualTo(golden.Value("outputs", "stopping_criteria").EnumerateArray().Select(n => n.GetString())));
            Assert.That(plan.PromptLength, Is.EqualTo(golden.Value("outputs", "decoder_prompt_length").GetInt32()));
        });
    }

    [TestCase("{\"max_new_token\": 3}", "reading generation arguments: max_new_token: no such argument. Next: did you mean max_new_tokens?")]
    [TestCase("{\"frobnicate\": 3}", "reading generation arguments: frobnicate: no such argument. Next: see the fields of GenerationConfig")]
    [TestCase("{\"max_new_tokens\": 0}", "reading generation arguments: max_new_tokens: 0; supported: a whole number of at least 1")]
    [TestCase("{\"do_sample\": \"yes\"}", "reading generation arguments: do_sample: \"yes\"; supported: true or false")]
    [TestCase("{\"early_stopping\": \"soon\"}", "reading generation arguments: early_stopping: \"soon\"; supported: true, false, \"never\"")]
    [TestCase("{\"dola_layers\": \"low\"}", "reading generation arguments: dola_layers: \"low\"; supported: no contrasting of layers: graphs don't give the states of theirs")]
    [TestCase("{\"token_healing\": true}", "reading generation arguments: token_healing: true; supported: false (the last token of the prompt is never replaced)")]
    [TestCase("{\"top_k\": -1, \"temperature\": \"hot\"}", "reading generation arguments: 2 problems\n  top_k: -1; supported: a whole number of at least 0\n  temperature: \"hot\"; supported: a number")]
    [TestCase("{\"watermarking_config\": {\"greenlist_ratio\": 2}}", "reading generation arguments: watermarking_config: {\"greenlist_ratio\": 2}; supported: an object with the fields of WatermarkingConfig or SynthIDTextWatermarkingConfig ($.greenlist_ratio: 2; supported: a number between 0 and 1)")]
    [TestCase("[]", "reading generation arguments: arguments: a JSON Array; supported: an object of fields of GenerationConfig")]
    public void RefusesArguments(string arguments, string message) =>
        Assert.That(() => GenerationConfig.FromArguments(JsonDocument.Parse(arguments).RootElement), Throws.TypeOf<InvalidInputException>().With.Message.EqualTo(message));

    [TestCase("{\"do_sample\": true, \"temperature\": 0}", "temperature: 0; supported: a number above 0; for the best token do_sample false")]
    [TestCase("{\"do_sample\": true, \"top_p\": 1.5}", "top_p: 1.5; supported: a number from 0 to 1")]
    [TestCase("{\"num_return_sequences\": 2}", "num_return_sequences: 2 without beams or sampling, which would all be the same; supported: 1. Next: set do_sample or num_beams")]
    [TestCase("{\"num_return_sequences\": 3, \"num_beams\": 2}", "num_return_sequences: 3 with 2 beams; supported: at most num_beams")]
    [TestCase("{\"max_length\": 5}", "max_length: 5, and the prompt has 5 tokens; supported: more than the prompt has. Next: raise max_length or give max_new_tokens")]
    [TestCase("{\"repetition_penalty\": 0}", "repetition_penalty: 0; supported: a number above 0")]
    [TestCase("{\"num_beam_groups\": 2, \"num_beams\": 3, \"diversity_penalty\": 1}", "num_beam_groups: 2 groups of 3 beams; supported: a divisor of num_beams")]
    [TestCase("{\"num_beam_groups\": 2, \"num_beams\": 4}", "diversity_penalty: 0; supported: a number above 0 where there are groups")]
    [TestCase("{\"force_words_ids\": [[3]]}", "num_beams: 1 with force_words_ids; supported: more than 1")]
    public void RefusesPlans(string arguments, string message) =>
        Assert.That(() => GenerationPlan.Resolve(GenerationConfig.FromArguments(JsonDocument.Parse(arguments).RootElement), GenerationConfig.Default, new(5, 64)),
            Throws.TypeOf<InvalidInputException>().With.Message.EqualTo($"resolving the generation configuration: {message}"));

    [TestCase("{\"num_beams\": 2}", true, "assistant_model: with 2 beams; supported: num_beams of 1")]
    [TestCase("{\"num_beams\": 2, \"prompt_lookup_num_tokens\": 3}", false, "prompt_lookup_num_tokens: with 2 beams; supported: num_beams of 1")]
    [TestCase("{\"penalty_alpha\": 0.5}", true, "penalty_alpha: 0.5 where tokens are guessed; supported: null")]
    [TestCase("{\"num_return_sequences\": 2, \"do_sample\": true}", true, "num_return_sequences: 2 where tokens are guessed; supported: 1")]
    [SetCulture("de-DE")]
    public void RefusesGuessesForOtherSearches(string arguments, bool assisted, string message) =>
        Assert.That(() => GenerationPlan.Resolve(GenerationConfig.FromArguments(JsonDocument.Parse(arguments).RootElement), GenerationConfig.Default, new(5, 64, HasAssistant: assisted)),
            Throws.TypeOf<InvalidInputException>().With.Message.EqualTo($"resolving the generation configuration: {message}"));

    [Test]
    public void AFileMayHoldKeysOfItsModelsCode()
    {
        var file = ConfigReader.Of(JsonDocument.Parse("{\"chat_format\": \"chatml\", \"top_p\": 0.8}").RootElement, "generation_config.json");
        Assert.That(GenerationConfig.FromFile(file).TopP, Is.EqualTo(0.8));
    }

    [Test]
    public void AFileMayNotHoldValuesOfAnotherKind()
    {
        var file = ConfigReader.Of(JsonDocument.Parse("{\"top_p\": [1]}").RootElement, "generation_config.json");
        Assert.That(() => GenerationConfig.FromFile(file), Throws.TypeOf<UnsupportedCheckpointException>().With.Message.EqualTo("reading generation_config.json: top_p: [1]; supported: a number"));
    }

    [Test]
    public void PropertiesAreFields()
    {
        var call = new GenerationConfig { MaxNewTokens = 3, TopK = 0 };
        Assert.Multiple(() =>
        {
            Assert.That(call.Says("max_new_tokens"));
            Assert.That(call.Says("temperature"), Is.False);
            Assert.That(call.Temperature, Is.EqualTo(1));
            Assert.That(call.Over(new GenerationConfig { TopK = 5, Temperature = 2 }).TopK, Is.EqualTo(0));
            Assert.That(call.Over(new GenerationConfig { TopK = 5, Temperature = 2 }).Temperature, Is.EqualTo(2));
        });
    }

    private static GenerationPlan Resolve(GoldenCase golden)
    {
        var config = golden.Value("inputs", "config");
        var file = golden.Value("inputs", "generation_config.json");
        var model = GenerationConfig.OfModel(GenerationFixtures.Reader(file, "generation_config.json"), GenerationFixtures.Reader(config, "config.json"));
        if (golden.Value("inputs", "generation_config_argument") is { ValueKind: JsonValueKind.Object } argument)
            model = GenerationConfig.FromArguments(argument).AsArgumentOver(model, file.ValueKind == JsonValueKind.Object && file.TryGetProperty("transformers_version", out var v) ? v.GetString() : null);
        var facts = new GenerationFacts(golden.Value("inputs", "prompt_length").GetInt32(), config.TryGetProperty("n_positions", out var n) ? n.GetInt32() : null,
            config.TryGetProperty("is_encoder_decoder", out var encoder) && encoder.GetBoolean());
        return GenerationPlan.Resolve(GenerationConfig.FromArguments(golden.Arguments().GetProperty("call")), model, facts);
    }

    private static object? Got(GenerationPlan plan, string field)
    {
        var c = plan.Config;
        return field switch
        {
            "max_length" => plan.MaxLength,
            "min_length" => plan.MinLength,
            "eos_token_id" => plan.Eos.IsEmpty ? null : plan.Eos,
            "pad_token_id" => plan.Pad is { } pad ? new[] { pad } : null,
            "bos_token_id" => c.BosTokenId is { } bos ? new[] { bos } : null,
            "decoder_start_token_id" => plan.DecoderStart.IsEmpty ? null : plan.DecoderStart,
            "forced_eos_token_id" => c.ForcedEosTokenId?[0],
            "early_stopping" => c.EarlyStopping == EarlyStopping.WhenFull,
            "mode" => plan.Mode switch { SearchMode.Greedy => "greedy_search", SearchMode.Sample => "sample", SearchMode.Beam => "beam_search", SearchMode.BeamSample => "beam_sample", _ => "another" },
            "max_new_tokens" => c.MaxNewTokens,
            "min_new_tokens" => c.MinNewTokens,
            "do_sample" => c.DoSample,
            "num_beams" => c.NumBeams,
            "num_return_sequences" => c.NumReturnSequences,
            "length_penalty" => c.LengthPenalty,
            "temperature" => c.Temperature,
            "top_k" => c.TopK,
            "top_p" => c.TopP,
            "min_p" => c.MinP,
            "typical_p" => c.TypicalP,
            "repetition_penalty" => c.RepetitionPenalty,
            "no_repeat_ngram_size" => c.NoRepeatNgramSize,
            "use_cache" => true,
            "forced_bos_token_id" => c.ForcedBosTokenId,
            "suppress_tokens" => c.SuppressTokens,
            "begin_suppress_tokens" => c.BeginSuppressTokens,
            _ => "not a field that is compared",
        };
    }

    /// <summary>1 and 1.0 are the same number.</summary>
    private static string Json(object? value) => value is JsonElement element ? Json(element.ValueKind switch
    {
        JsonValueKind.Number => element.GetDouble(),
        JsonValueKind.String => element.GetString(),
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Array => element.EnumerateArray().Select(i => i.GetInt32()).ToArray(),
        _ => (object?)null,
    }) : JsonSerializer.Serialize(value is int whole ? (double)whole : value);
}
