using NUnit.Framework;
using OnnxTransformers.Generation;
using OnnxTransformers.Graphs;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Converters;

/// <summary>Packages for CUDA. On the processor they run wherever it has the operators, so that their graphs are tested everywhere; on a graphics card where there is one.</summary>
[TestFixture("CPU")]
[TestFixture("CUDA", Category = "Gpu")]
internal sealed class CudaTargetTests(string provider)
{
    private const int New = 12;

    /// <summary>Rows of different lengths, padded on the left.</summary>
    private static readonly int[][] Prompts = [[3, 14, 15, 9, 2, 6], [5, 6, 7], [30, 31, 32, 33, 8]];
    private static readonly string[] Decoders = ["decoder/llama-3", "decoder/gpt2", "decoder/gemma2", "decoder/storage-gpt-oss-mxfp4", "decoder/mixtral", "decoder/qwen3"];
    private static readonly string[] Others = ["text/bert-text-classification", "text/mpnet-base", "vision/timm-vit", "vision/resnet", "multimodal/clip"];

    // The processor has no bfloat16.
    private readonly Precision[] _precisions = provider == "CPU" ? [Precision.Fp16, Precision.Int8, Precision.Int4] : [Precision.Fp32, Precision.Fp16, Precision.Bf16, Precision.Int8, Precision.Int4];
    private readonly Dictionary<string, TokenGenerator> _open = new(StringComparer.Ordinal);

    private RuntimeOptions Options => new() { Providers = provider == "CPU" ? [Provider.Cpu] : [Provider.Cuda(), Provider.Cpu] };

    [OneTimeSetUp]
    public void SkipWithoutTheProvider()
    {
        var diagnosis = Providers.Diagnose().First(d => d.Provider == provider);
        if (!diagnosis.Available) Assert.Ignore($"{provider} is not available here: {(diagnosis.InBuild ? string.Join(", ", diagnosis.Needs.Where(n => !n.Found).Select(n => n.Name)) : "not in this build of ONNX Runtime")}");
    }

    [OneTimeTearDown]
    public void Close()
    {
        foreach (var generator in _open.Values) generator.Dispose();
    }

    /// <summary>Padding on either side, a batch against its rows, prompt and steps against one pass, and all against portable float32: what every export proves.</summary>
    [Test]
    public void Every_precision_is_verified([ValueSource(nameof(Decoders))] string fixture) => Verified(fixture);

    [Test]
    public void Other_networks_are_verified([ValueSource(nameof(Others))] string fixture) => Verified(fixture);

    [Test]
    public void Tokens_are_the_references([ValueSource(nameof(Decoders))] string fixture)
    {
        var golden = Golden.Load(Fixtures.Find(fixture));
        // Rounding to half precision chooses another token where two are nearly even.
        var cases = golden.Of("generate").Where(c => c.Json.GetProperty("smallest_gap").GetDouble() > 0.02).ToList();
        if (cases.Count == 0) Assert.Ignore("the fixture's tokens are too near to each other for half precision");
        foreach (var c in cases) Assert.That(Open(fixture).Generate(RequestOf(c)).Sequences, Is.EqualTo(Rows(c.Output("sequences"))), c.Name);
    }

    [Test]
    public void A_padded_batch_gives_what_its_rows_give([ValueSource(nameof(Decoders))] string fixture, [Values] CacheStrategy strategy)
    {
        var generator = Open(fixture, strategy);
        var batch = generator.Generate(Padded(Greedy));
        for (var row = 0; row < Prompts.Length; row++)
            Assert.That(batch.Sequences[row][^New..], Is.EqualTo(Alone(generator, row, Greedy)), $"row {row}");
    }

    [Test]
    public void Every_search_gives_the_same_with_every_strategy([ValueSource(nameof(Decoders))] string fixture)
    {
        GenerationConfig[] searches = [Greedy with { NumBeams = 3 }, Greedy with { DoSample = true, Seed = 3, NumReturnSequences = 2 }, Greedy with { PenaltyAlpha = 0.4, TopK = 3 }];
        foreach (var search in searches)
            Assert.That(Open(fixture, CacheStrategy.Growing).Generate(Padded(search)).Sequences, Is.EqualTo(Open(fixture, CacheStrategy.Shared).Generate(Padded(search)).Sequences), search.ToString());
    }

    [Test]
    public void Guessed_tokens_change_nothing([ValueSource(nameof(Decoders))] string fixture, [Values] CacheStrategy strategy)
    {
        var generator = Open(fixture, strategy);
        int[] prompt = [3, 4, 5, 3, 4, 5, 3, 4];
        var want = generator.Generate(new() { InputIds = [prompt], Config = Greedy }).Sequences;
        Assert.That(generator.Generate(new() { InputIds = [prompt], Config = Greedy with { PromptLookupNumTokens = 3 } }).Sequences, Is.EqualTo(want));
        Assert.That(generator.Generate(new() { InputIds = [prompt], Config = Greedy, Assistant = Open(fixture, CacheStrategy.Growing).Model }).Sequences, Is.EqualTo(want));
    }

    [Test]
    public void Prompts_continue_on_what_was_read([ValueSource(nameof(Decoders))] string fixture, [Values] CacheStrategy strategy)
    {
        var generator = Open(fixture, strategy);
        int[] prompt = [3, 14, 15, 9, 2, 6, 5, 35, 8];
        var want = generator.Generate(new() { InputIds = [prompt], Config = Greedy }).Sequences;
        using var cache = generator.CreateCache();
        cache.Read(prompt[..4]);
        Assert.That(generator.Generate(new() { InputIds = [prompt], Config = Greedy, Cache = cache }).Sequences, Is.EqualTo(want));
        cache.Crop(3);
        Assert.That(generator.Generate(new() { InputIds = [prompt], Config = Greedy, Cache = cache }).Sequences, Is.EqualTo(want), "after forgetting");
    }

    /// <summary>Pieces of a prompt of several rows: several tokens of several rows behind a past.</summary>
    [Test]
    public void A_batch_reads_its_prompts_in_pieces([ValueSource(nameof(Decoders))] string fixture, [Values] CacheStrategy strategy)
    {
        var generator = Open(fixture, strategy);
        Assert.That(generator.Generate(Padded(Greedy with { PrefillChunkSize = 2 })).Sequences, Is.EqualTo(generator.Generate(Padded(Greedy)).Sequences));
    }

    [Test]
    public void A_step_moves_the_scores_and_no_cache([ValueSource(nameof(Decoders))] string fixture)
    {
        var generator = Open(fixture);
        long Bytes(int tokens) => generator.Generate(new() { InputIds = [Prompts[0]], Config = Greedy with { MaxNewTokens = tokens, MinNewTokens = tokens } }).HostBytes;
        Assert.That(Bytes(New) - Bytes(New - 1), Is.InRange(4 * generator.Model.Vocabulary, (4 * generator.Model.Vocabulary) + (8 * 32)), "the scores of one token, its id and position, and the mask");
    }

    private static GenerationConfig Greedy { get; } = new() { MaxNewTokens = New, MinNewTokens = New, EosTokenId = [], PadTokenId = 0, DoSample = false };

    private void Verified(string fixture)
    {
        var golden = Golden.Load(Fixtures.Find(fixture));
        using var scratch = new ScratchFolder();
        var result = Export.RunAsync(golden.Folder, scratch["package"], new ExportOptions { Task = golden.Task, Target = Target.Cuda, Precisions = [.. _precisions] }).GetAwaiter().GetResult();
        Assert.Multiple(() =>
        {
            foreach (var graph in result.Verified)
            {
                foreach (var c in graph.Comparisons) TestContext.Out.WriteLine($"{fixture} {graph.File} on {graph.Provider}: {c.What}: {c.Relative:G3} of {c.RelativeBound:G3}, cosine {c.Cosine:F6} of {c.CosineBound}");
                Assert.That(graph.Comparisons, Is.Not.Empty, graph.File);
                Assert.That(graph.Provider, Is.EqualTo(Providers.Diagnose().Any(d => d.Provider == "CUDA" && d.Available) ? "CUDA" : provider), graph.File);
            }
        });
    }

    private TokenGenerator Open(string fixture, CacheStrategy strategy = CacheStrategy.Shared)
    {
        var key = $"{fixture} {strategy}";
        if (_open.TryGetValue(key, out var open)) return open;
        var package = Packages.Export(Fixtures.Find(fixture), new ExportOptions { Target = Target.Cuda, Precisions = [Precision.Fp16], Verify = VerificationLevel.None });
        var generator = TokenGenerator.Load(package, Options, strategy);
        Assert.That(((CausalModel)generator.Model).Strategy, Is.EqualTo(strategy));
        return _open[key] = generator;
    }

    private static GenerationRequest Padded(GenerationConfig config)
    {
        var longest = Prompts.Max(p => p.Length);
        return new()
        {
            InputIds = [.. Prompts.Select(p => (int[])[.. Enumerable.Repeat(0, longest - p.Length), .. p])],
            AttentionMask = [.. Prompts.Select(p => (int[])[.. Enumerable.Repeat(0, longest - p.Length), .. Enumerable.Repeat(1, p.Length)])],
            Config = config,
        };
    }

    private static int[] Alone(TokenGenerator generator, int row, GenerationConfig config) => generator.Generate(new() { InputIds = [Prompts[row]], Config = config }).Sequences[0][^New..];

    private static GenerationRequest RequestOf(GoldenCase golden) => new()
    {
        InputIds = Rows(golden.Input("input_ids")),
        AttentionMask = golden.Inputs.Contains("attention_mask") ? Rows(golden.Input("attention_mask")) : null,
        Config = GenerationConfig.FromArguments(golden.Json.GetProperty("arguments")),
    };

    private static int[][] Rows(GoldenTensor tensor)
    {
        var all = tensor.Longs().Select(i => (int)i).ToArray();
        var width = (int)tensor.Shape[^1];
        return [.. Enumerable.Range(0, (int)tensor.Shape[0]).Select(r => all[(r * width)..((r + 1) * width)])];
    }
}
