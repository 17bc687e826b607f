using NUnit.Framework;
using OnnxTransformers.Converters;
using OnnxTransformers.Graphs;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Generation;

/// <summary>onnxruntime-genai loads our packages by their genai_config.json, and gives the reference's tokens.</summary>
public sealed class GenAiGeneratorTests
{
    private static readonly string[] Types = ["bloom", "cohere2", "falcon-7b", "gemma2", "gpt2", "gpt_neox", "gpt_oss", "llama-3", "mixtral", "opt", "phi3", "qwen2", "qwen3"];

    [Test]
    public void Greedy_tokens_are_the_references([ValueSource(nameof(Types))] string fixture, [Values(Target.Portable, Target.Cpu)] Target target)
    {
        var golden = Golden.Load(Fixtures.Find($"decoder/{fixture}")).Of("generate").First();
        using var generator = Load(fixture, target);
        var (ids, mask, want) = (Rows(golden.Input("input_ids")), Rows(golden.Input("attention_mask")), Rows(golden.Output("sequences")));
        // The library tells padding by its token, which may also be a word here: each row goes without its padding.
        for (var row = 0; row < ids.Length; row++)
        {
            var prompt = ids[row].Where((_, i) => mask[row][i] == 1).ToArray();
            Assert.That(generator.Generate(Greedy([prompt], 12)).Sequences[0][prompt.Length..], Is.EqualTo(want[row][ids[row].Length..]), $"row {row}");
        }
    }

    [Test]
    public async Task Batches_and_streams_give_what_rows_give()
    {
        using var generator = Load("llama-3", Target.Cpu);
        int[][] prompts = [[5, 9, 11, 40], [7, 3, 8, 101]];
        var alone = prompts.Select(p => generator.Generate(Greedy([p], 6)).Sequences[0]).ToArray();
        var together = generator.Generate(Greedy(prompts, 6));
        Assert.That(together.Sequences, Is.EqualTo(alone));
        Assert.That(together.NewTokens, Is.EqualTo(new[] { 6, 6 }));
        var streamed = new List<int>(prompts[0]);
        await foreach (var step in generator.StreamAsync(Greedy([prompts[0]], 6))) streamed.Add(step.Token);
        Assert.That(streamed, Is.EqualTo(alone[0]));
    }

    [Test]
    public void The_same_seed_draws_the_same_tokens()
    {
        using var generator = Load("llama-3", Target.Cpu);
        var request = new GenerationRequest { InputIds = [[5, 9, 11]], Config = new GenerationConfig { DoSample = true, Seed = 4, MaxNewTokens = 8, NumReturnSequences = 2 } };
        var first = generator.Generate(request);
        Assert.That(first.Sequences, Has.Count.EqualTo(2));
        Assert.That(generator.Generate(request).Sequences, Is.EqualTo(first.Sequences));
    }

    [TestCase(null, false)]
    [TestCase(0, false)]
    [TestCase(50, true)]
    public void Without_a_best_few_all_tokens_may_be_drawn(int? best, bool few)
    {
        using var generator = Load("llama-3", Target.Cpu);
        var drawn = Enumerable.Range(1, 8).SelectMany(seed => generator.Generate(new() { InputIds = [[5, 9, 11]], Config = new GenerationConfig { DoSample = true, Seed = seed, Temperature = 50, TopK = best, MaxNewTokens = 1, NumReturnSequences = 30 } }).Sequences);
        Assert.That(drawn.Select(s => s[^1]).Distinct().Count() <= 50, Is.EqualTo(few));
    }

    [Test]
    public void What_the_library_refuses_is_refused()
    {
        using var generator = Load("llama-3", Target.Cpu);
        Assert.That(() => generator.Generate(Greedy([.. Enumerable.Repeat((int[])[5, 9], 33)], 2)), Throws.TypeOf<InvalidInputException>().With.Message.EqualTo("generating with onnxruntime-genai: request: batch_size (33) must be in [1, 32]"));
    }

    [Test]
    public void What_the_library_does_not_have_is_refused()
    {
        using var generator = Load("llama-3", Target.Cpu);
        var request = new GenerationRequest { InputIds = [[5, 9]], Config = new GenerationConfig { DoSample = false, MaxNewTokens = 2, SuppressTokens = [3], EosTokenId = [9] } };
        Assert.That(Assert.Throws<InvalidInputException>(() => generator.Generate(request))!.Message, Is.EqualTo(
            "generating with onnxruntime-genai: 2 problems"
            + "\n  suppress_tokens: a field that onnxruntime-genai does not have; supported: bos_token_id, do_sample, early_stopping, eos_token_id, length_penalty, max_length, max_new_tokens, min_length, min_new_tokens, no_repeat_ngram_size, num_beams, num_return_sequences, pad_token_id, repetition_penalty, seed, temperature, top_k, top_p. Next: use TokenGenerator"
            + "\n  eos_token_id: 9; supported: none, as genai_config.json has it. Next: change genai_config.json, or use TokenGenerator"));
    }

    [Test]
    public void Beams_that_never_stop_early_are_refused()
    {
        using var generator = Load("llama-3", Target.Cpu);
        var request = new GenerationRequest { InputIds = [[5, 9]], Config = new GenerationConfig { NumBeams = 2, MaxNewTokens = 2, EarlyStopping = EarlyStopping.Never } };
        Assert.That(() => generator.Generate(request), Throws.TypeOf<InvalidInputException>().With.Message.EqualTo("generating with onnxruntime-genai: early_stopping: never; supported: true, false. Next: use TokenGenerator"));
    }

    [Test]
    public void A_folder_without_its_file_is_refused()
    {
        using var folder = new ScratchFolder();
        Directory.CreateDirectory(folder["empty"]);
        Assert.That(Assert.Throws<CorruptCheckpointException>(() => GenAiGenerator.Load(folder["empty"]).Dispose())!.Message,
            Does.EndWith("genai_config.json: not there; supported: a file that says how the graph is fed. Next: export the model with --task text-generation"));
    }

    private static GenAiGenerator Load(string fixture, Target target) =>
        GenAiGenerator.Load(Packages.Export(Fixtures.Find($"decoder/{fixture}"), new ExportOptions { Target = target, Verify = VerificationLevel.None }));

    private static GenerationRequest Greedy(int[][] prompts, int count) =>
        new() { InputIds = prompts, AttentionMask = [.. prompts.Select(p => (int[])[.. p.Select(_ => 1)])], Config = new GenerationConfig { DoSample = false, MaxNewTokens = count, MinNewTokens = count } };

    private static int[][] Rows(GoldenTensor tensor) => [.. tensor.Longs().Select(i => (int)i).Chunk((int)tensor.Shape[^1])];
}
