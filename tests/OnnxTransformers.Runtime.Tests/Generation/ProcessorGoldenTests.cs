using System.Collections.Immutable;
using System.Text.Json;
using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Generation;

/// <summary>Every processor against what the reference's computes.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class ProcessorGoldenTests
{
    private static readonly Dictionary<string, Func<GoldenCase, Arguments, ILogitsProcessor>> Table = new()
    {
        ["MinLengthLogitsProcessor"] = (_, a) => new MinLength(a.Int("min_length"), a.Ids("eos_token_id")),
        ["MinNewTokensLengthLogitsProcessor"] = (_, a) => new MinLength(a.Int("prompt_length_to_skip") + a.Int("min_new_tokens"), a.Ids("eos_token_id")),
        ["TemperatureLogitsWarper"] = (_, a) => new Temperature(a.Number("temperature")),
        ["RepetitionPenaltyLogitsProcessor"] = (_, a) => new RepetitionPenalty(a.Number("penalty"), a.IntOr("prompt_ignore_length", 0)),
        ["EncoderRepetitionPenaltyLogitsProcessor"] = (c, a) => new EncoderRepetitionPenalty(a.Number("penalty"), c.Ids("encoder_input_ids")),
        ["TopPLogitsWarper"] = (_, a) => new TopP(a.Number("top_p"), a.IntOr("min_tokens_to_keep", 1)),
        ["TopKLogitsWarper"] = (_, a) => new TopK(a.Int("top_k"), a.IntOr("min_tokens_to_keep", 1)),
        ["MinPLogitsWarper"] = (_, a) => new MinP(a.Number("min_p"), a.IntOr("min_tokens_to_keep", 1)),
        ["TypicalLogitsWarper"] = (_, a) => new TypicalP(a.Number("mass"), a.IntOr("min_tokens_to_keep", 1)),
        ["EpsilonLogitsWarper"] = (_, a) => new EpsilonCutoff(a.Number("epsilon"), a.IntOr("min_tokens_to_keep", 1)),
        ["EtaLogitsWarper"] = (_, a) => new EtaCutoff(a.Number("epsilon"), a.IntOr("min_tokens_to_keep", 1)),
        ["NoRepeatNGramLogitsProcessor"] = (_, a) => new NoRepeatNGram(a.Int("ngram_size")),
        ["EncoderNoRepeatNGramLogitsProcessor"] = (c, a) => new EncoderNoRepeatNGram(a.Int("encoder_ngram_size"), c.Ids("encoder_input_ids")),
        ["SequenceBiasLogitsProcessor"] = (_, a) => new SequenceBias(a.Config("sequence_bias").SequenceBias!.Value),
        ["NoBadWordsLogitsProcessor"] = (_, a) => SequenceBias.Ban(a.Config("bad_words_ids").BadWordsIds!.Value, a.Ids("eos_token_id")),
        ["ForcedBOSTokenLogitsProcessor"] = (_, a) => new ForcedBos(a.Int("bos_token_id")),
        ["ForcedEOSTokenLogitsProcessor"] = (_, a) => new ForcedEos(a.Int("max_length"), a.Ids("eos_token_id")),
        ["InfNanRemoveLogitsProcessor"] = (_, _) => new RemoveInvalid(),
        ["ExponentialDecayLengthPenalty"] = (_, a) => new ExponentialDecayPenalty(a.Config("exponential_decay_length_penalty").ExponentialDecayLengthPenalty!, a.Ids("eos_token_id"), a.Int("input_ids_seq_length")),
        ["LogitNormalization"] = (_, _) => new Renormalize(),
        ["SuppressTokensAtBeginLogitsProcessor"] = (_, a) => new SuppressAtBegin(a.Ids("begin_suppress_tokens"), a.Int("begin_index")),
        ["SuppressTokensLogitsProcessor"] = (_, a) => new Suppress(a.Ids("suppress_tokens")),
        ["WatermarkLogitsProcessor"] = (_, a) => new GreenListProcessor((GreenListWatermark)a.Mark("vocab_size", "device"), a.Int("vocab_size")),
        ["SynthIDTextWatermarkLogitsProcessor"] = (_, a) => new SynthIdProcessor((SynthIdWatermark)a.Mark()),
        ["WhisperTimeStampLogitsProcessor"] = (_, a) => new WhisperTimes(a.Int("begin_index"), a.Int("eos_token_id"), a.Int("no_timestamps_token_id"), a.IntOrNull("max_initial_timestamp_index")),
        ["WhisperNoSpeechDetection"] = (_, a) => new WhisperSilence(a.Int("no_speech_token"), a.Int("begin_index")),
        ["DiaEOSChannelFilterLogitsProcessor"] = (_, a) => new DiaEndChannel(a.Int("num_channels"), a.Int("eos_token_id")),
        ["DiaEOSDelayPatternLogitsProcessor"] = (_, a) => new DiaEndDelays([.. a.Ids("delay_pattern")], a.Int("eos_token_id"), a.Int("max_generation_len")),
        ["HammingDiversityLogitsProcessor"] = (c, a) => Hamming([.. c.Input("current_tokens").Longs().Select(i => (int)i)], a),
        ["ClassifierFreeGuidanceLogitsProcessor"] = (_, a) => new Halves((with, without) => Guidance.Apply(with, without, a.Number("guidance_scale"))),
        ["DiaClassifierFreeGuidanceLogitsProcessor"] = (_, a) => new Halves((with, without) => Guidance.ApplyFromConditional(with, without, a.Number("guidance_scale"), a.IntOrNull("guidance_top_k"))),
    };

    private static IEnumerable<GoldenCase> All() => GenerationFixtures.Cases("processors", "logits-processor");

    [TestCaseSource(nameof(All))]
    public void Agrees(GoldenCase golden)
    {
        var arguments = new Arguments(golden.Arguments());
        var processor = Table[arguments.Text("class")](golden, arguments);
        foreach (var output in golden.Outputs.Where(o => o.StartsWith("scores", StringComparison.Ordinal)))
        {
            var suffix = output["scores".Length..];
            var given = golden.Input($"scores{suffix}");
            var (scores, vocabulary) = (given.Floats(), (int)given.Shape[^1]);
            var ids = golden.Inputs.Contains($"input_ids{suffix}") && scores.Length / vocabulary == golden.Input($"input_ids{suffix}").Shape[0]
                ? golden.Ids($"input_ids{suffix}") : [.. Enumerable.Repeat(Array.Empty<int>(), scores.Length / vocabulary)];
            processor.Process(new ScoreBatch([.. ids.Select(r => r.ToList())], [.. Enumerable.Range(0, ids.Length)], scores, vocabulary));
            Assert.That(GenerationFixtures.Difference(scores.AsSpan(0, golden.Output(output).Count), golden.Output(output)), Is.Null, output);
        }
        if (processor is WhisperSilence silence)
            Assert.That(GenerationFixtures.Difference([.. Enumerable.Range(0, 3).Select(silence.Probability)], golden.Output("no_speech_prob")), Is.Null);
    }

    [TestCaseSource(nameof(SynthIdCases))]
    public void SynthIdValuesAgree(GoldenCase golden)
    {
        var arguments = new Arguments(golden.Arguments());
        var table = new SynthIdTable((SynthIdWatermark)arguments.Mark("eos_token_id"));
        var ids = golden.Ids("input_ids");
        Assert.Multiple(() =>
        {
            Assert.That(ids.SelectMany(r => table.Values(r)).SelectMany(v => v).Select(v => (long)v), Is.EqualTo(golden.Output("g_values").Longs()));
            Assert.That(ids.SelectMany(r => table.FreshContexts(r)).Select(f => f ? 1L : 0), Is.EqualTo(golden.Output("context_repetition_mask").Longs()));
            Assert.That(table.Draws[..64].ToArray().Select(d => (long)d), Is.EqualTo(golden.Output("sampling_table_first_64").Longs()));
        });
    }

    private static IEnumerable<GoldenCase> SynthIdCases() => GenerationFixtures.Cases("processors", "synthid");

    [TestCaseSource(nameof(DetectorCases))]
    public void DetectorAgrees(GoldenCase golden)
    {
        var arguments = golden.Arguments();
        var mark = (GreenListWatermark)new Arguments(arguments.GetProperty("watermarking_config")).Mark();
        var detector = new WatermarkDetector(mark, 100) { BosTokenId = arguments.GetProperty("bos_token_id").GetInt32() };
        var found = detector.Detect(golden.Ids("sequences"), arguments.GetProperty("z_threshold").GetDouble());
        Assert.Multiple(() =>
        {
            Assert.That(found.Select(f => (double)f.Scored), Is.EqualTo(Numbers("num_tokens_scored")));
            Assert.That(found.Select(f => (double)f.Green), Is.EqualTo(Numbers("num_green_tokens")));
            Assert.That(found.Select(f => f.GreenFraction), Is.EqualTo(Numbers("green_fraction")).Within(1e-6));
            Assert.That(found.Select(f => f.ZScore), Is.EqualTo(Numbers("z_score")).Within(1e-5));
            Assert.That(found.Select(f => f.PValue), Is.EqualTo(Numbers("p_value")).Within(1e-6));
            Assert.That(found.Select(f => f.Confidence), Is.EqualTo(Numbers("confidence")).Within(1e-6));
            Assert.That(found.Select(f => f.IsMarked ? 1.0 : 0), Is.EqualTo(Numbers("prediction")));
        });
        double[] Numbers(string name) => [.. Enumerable.Range(0, golden.Output(name).Count).Select(i => golden.Output(name)[i])];
    }

    private static IEnumerable<GoldenCase> DetectorCases() => GenerationFixtures.Cases("gpt2", "watermark-detector");

    [Test]
    public void TooShortASequenceHasNoMark() =>
        Assert.That(() => new WatermarkDetector(new GreenListWatermark(), 100).Detect([[4]]), Throws.TypeOf<InvalidInputException>().With.Message.EqualTo(
            "detecting a watermark: sequence: 1 tokens; supported: more than 1, the width of the context"));

    /// <summary>Nucleus and k-th best are searched for in parts of large vocabularies; a full sort must give the same.</summary>
    [TestCase(0.2, 40_000)]
    [TestCase(0.9, 40_000)]
    [TestCase(0.999, 5_000)]
    public void TopPOfLargeVocabulariesIsThatOfAFullSort(double p, int vocabulary)
    {
        var random = new Random(7);
        var scores = Enumerable.Range(0, vocabulary).Select(_ => (float)(random.NextDouble() * 20)).ToArray();
        var order = Enumerable.Range(0, vocabulary).OrderByDescending(i => scores[i]).ToArray();
        var total = scores.Sum(s => Math.Exp(s));
        var (kept, sum) = (new HashSet<int>(), 0.0);
        foreach (var token in order)
        {
            if (kept.Count > 0 && sum >= p) break;
            kept.Add(token);
            sum += Math.Exp(scores[token]) / total;
        }
        new TopP(p).Process(new ScoreBatch([[1]], [0], scores, vocabulary));
        Assert.That(scores.Select((s, i) => (s, i)).Where(x => float.IsFinite(x.s)).Select(x => x.i), Is.EquivalentTo(kept).Using<int>((a, b) => a == b));
    }

    [Test]
    public void TopTakesTheFirstOfEquals()
    {
        var scores = new float[1000];
        (scores[500], scores[900]) = (3, 3);
        var best = new Scored[4];
        Distribution.Top(scores, best);
        Assert.That(best.Select(b => b.Token), Is.EqualTo(new[] { 500, 900, 0, 1 }));
    }

    private sealed class Halves(Halves.Change change) : ILogitsProcessor
    {
        internal delegate void Change(Span<float> with, ReadOnlySpan<float> without);

        public void Process(ScoreBatch batch)
        {
            for (var row = 0; row < batch.Rows / 2; row++) change(batch.Scores(row), batch.Scores(row + (batch.Rows / 2)));
        }
    }

    /// <summary>The rows of one group of each prompt; earlier groups have chosen.</summary>
    private static HammingDiversity Hamming(int[] current, Arguments a)
    {
        var (beams, group) = (a.Int("num_beams"), a.Int("beam_group_idx"));
        var size = beams / a.Int("num_beam_groups");
        var diversity = new HammingDiversity(a.Number("diversity_penalty"), size);
        for (var prompt = 0; prompt < current.Length / beams; prompt++) diversity.Choose(prompt, current.Skip(prompt * beams).Take(group * size));
        return diversity;
    }

    private sealed class Arguments(JsonElement json)
    {
        internal string Text(string key) => json.GetProperty(key).GetString()!;

        internal int Int(string key) => json.GetProperty(key).GetInt32();

        internal int IntOr(string key, int absent) => json.TryGetProperty(key, out var v) ? v.GetInt32() : absent;

        internal int? IntOrNull(string key) => json.GetProperty(key) is { ValueKind: JsonValueKind.Number } v ? v.GetInt32() : null;

        internal double Number(string key) => json.GetProperty(key).GetDouble();

        internal ImmutableArray<int> Ids(string key) => !json.TryGetProperty(key, out var v) ? [] : v.ValueKind == JsonValueKind.Number ? [v.GetInt32()] : [.. v.EnumerateArray().Select(i => i.GetInt32())];

        internal GenerationConfig Config(string key) => GenerationConfig.FromArguments(JsonSerializer.SerializeToElement(new Dictionary<string, JsonElement> { [key] = json.GetProperty(key) }));

        internal Watermark Mark(params string[] without)
        {
            var fields = json.EnumerateObject().Where(f => f.Name != "class" && !without.Contains(f.Name)).ToDictionary(f => f.Name, f => f.Value);
            return GenerationConfig.FromArguments(JsonSerializer.SerializeToElement(new Dictionary<string, object> { ["watermarking_config"] = fields })).Watermarking!;
        }
    }
}
