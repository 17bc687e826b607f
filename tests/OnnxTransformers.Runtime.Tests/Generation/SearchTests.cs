using System.Collections.Immutable;
using NUnit.Framework;

namespace OnnxTransformers.Generation;

/// <summary>What must hold for every model: rows do not influence each other, caches change nothing, what ends costs nothing more.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class SearchTests
{
    private static readonly int[] Prompt = [3, 14, 15, 9, 26];

    private static IEnumerable<TestCaseData> Searches()
    {
        yield return new TestCaseData(new GenerationConfig()).SetArgDisplayNames("greedy");
        yield return new TestCaseData(new GenerationConfig { RepetitionPenalty = 1.5, NoRepeatNgramSize = 2 }).SetArgDisplayNames("processed");
        yield return new TestCaseData(new GenerationConfig { NumBeams = 3 }).SetArgDisplayNames("beams");
        yield return new TestCaseData(new GenerationConfig { NumBeams = 4, NumBeamGroups = 2, DiversityPenalty = 0.5 }).SetArgDisplayNames("groups");
        yield return new TestCaseData(new GenerationConfig { NumBeams = 3, ForceWordsIds = [new ForcedWords([[7, 8]])] }).SetArgDisplayNames("words");
        yield return new TestCaseData(new GenerationConfig { PenaltyAlpha = 0.4, TopK = 3 }).SetArgDisplayNames("contrastive");
    }

    [TestCaseSource(nameof(Searches))]
    public void ABatchIsItsRows(GenerationConfig config)
    {
        config = config with { MaxNewTokens = 9, EosTokenId = [2], PadTokenId = 1 };
        int[][] prompts = [[3, 14, 15, 9, 26], [1, 1, 8, 4, 6], [1, 1, 1, 1, 33]];
        int[][] masks = [[1, 1, 1, 1, 1], [0, 0, 1, 1, 1], [0, 0, 0, 0, 1]];
        var model = new FakeModel(end: 2);
        using var generator = new TokenGenerator(model);
        var together = generator.Generate(new() { InputIds = prompts, AttentionMask = masks, Config = config });
        for (var i = 0; i < prompts.Length; i++)
        {
            int[] alone = [.. prompts[i].Where((_, t) => masks[i][t] == 1)];
            var single = generator.Generate(new() { InputIds = [alone], Config = config });
            int[] New(GenerationResult r, int row) => r.Sequences[row][r.PromptLength..(r.PromptLength + r.NewTokens[row])];
            // A penalty sees the padding, as in the reference.
            if (config.RepetitionPenalty == 1) Assert.That(New(together, i), Is.EqualTo(New(single, 0)), $"row {i}");
        }
        Assert.That(model.OpenCaches, Is.Zero);
    }

    [Test]
    public void RowsThatEndAreDropped()
    {
        var model = new FakeModel(end: 2);
        using var generator = new TokenGenerator(model);
        var result = generator.Generate(new() { InputIds = [[3], [4], [5], [6], [7], [8]], Config = new() { MaxNewTokens = 30, EosTokenId = [2], PadTokenId = 0 } });
        Assert.Multiple(() =>
        {
            Assert.That(model.TokensRead, Is.EqualTo(result.NewTokens.Sum()), "each row is read until it ends, and not longer");
            Assert.That(result.NewTokens.Distinct().Count(), Is.GreaterThan(1), "rows end at different times");
            Assert.That(result.Sequences.Zip(result.NewTokens).All(s => s.First[(1 + s.Second)..].All(t => t == 0)), "filled with padding");
            Assert.That(result.Reasons.Zip(result.Sequences.Zip(result.NewTokens)).All(r => (r.First == StopReason.EndToken) == (r.Second.First[r.Second.Second] == 2)));
        });
    }

    [Test]
    public void SeveralSequencesReadTheirPromptOnce()
    {
        var model = new FakeModel();
        using var generator = new TokenGenerator(model);
        var result = generator.Generate(new() { InputIds = [Prompt], Config = new() { DoSample = true, NumReturnSequences = 4, MaxNewTokens = 3, Seed = 5 } });
        Assert.That((result.Sequences.Count, model.RowsOfRuns[0], model.TokensRead), Is.EqualTo((4, 1, Prompt.Length + (4 * 2))));
    }

    [Test]
    public void BeamsReadTheirPromptOnce()
    {
        var model = new FakeModel();
        using var generator = new TokenGenerator(model);
        generator.Generate(new() { InputIds = [Prompt], Config = new() { NumBeams = 4, MaxNewTokens = 3 } });
        Assert.That((model.RowsOfRuns[0], model.TokensRead), Is.EqualTo((1, Prompt.Length + (4 * 2))));
    }

    [Test]
    public void ASeedRepeatsTheDraws()
    {
        using var generator = new TokenGenerator(new FakeModel());
        int[] Draw(int seed) => generator.Generate(new() { InputIds = [Prompt], Config = new() { DoSample = true, MaxNewTokens = 12, Seed = seed, Temperature = 3 } }).Sequences[0];
        Assert.Multiple(() =>
        {
            int[][] draws = [Draw(1), Draw(1), Draw(2)];
            Assert.That(draws[1], Is.EqualTo(draws[0]));
            Assert.That(draws[2], Is.Not.EqualTo(draws[0]));
        });
    }

    [TestCase(1, null)]
    [TestCase(2, null)]
    [TestCase(2, 2)]
    public void TheDrawsOfAPromptAreItsOwn(int returned, int? beams)
    {
        using var generator = new TokenGenerator(new FakeModel(end: 2));
        var config = new GenerationConfig { DoSample = true, NumReturnSequences = returned, NumBeams = beams, MaxNewTokens = 9, Seed = 4, Temperature = 3, EosTokenId = [2] };
        int[][] Draw(params int[][] prompts)
        {
            var result = generator.Generate(new() { InputIds = prompts, Config = config });
            return [.. result.Sequences.Select((s, i) => s[..(result.PromptLength + result.NewTokens[i])])];
        }
        int[] other = [8, 4, 6, 1, 3];
        Assert.That(Draw(Prompt, other), Is.EqualTo((int[][])[.. Draw(Prompt), .. Draw(other)]));
        Assert.That(Draw(other, Prompt), Is.EqualTo((int[][])[.. Draw(other), .. Draw(Prompt)]));
        Assert.That(Draw(Prompt).Distinct(new SameIds()).Count(), Is.EqualTo(returned), "sequences of a prompt differ");
    }

    [Test]
    public void DrawsFollowTheProbabilities()
    {
        var sampler = new DrawnToken(3);
        float[] scores = [MathF.Log(0.5f), float.NegativeInfinity, MathF.Log(0.3f), MathF.Log(0.2f)];
        var counts = new int[4];
        for (var i = 0; i < 20_000; i++) counts[sampler.Choose(scores, 0)]++;
        Assert.That(counts.Select(c => c / 20_000.0), Is.EqualTo(new[] { 0.5, 0, 0.3, 0.2 }).Within(0.015));
    }

    [Test]
    public void NothingToDrawIsRefused() =>
        Assert.That(() => new DrawnToken(3).Choose([float.NaN, float.NaN], 0), Throws.TypeOf<InvalidInputException>().With.Message.EqualTo(
            "drawing a token: scores: none that a token could be drawn by; supported: finite scores. Next: loosen what takes tokens out, or set remove_invalid_values"));

    [TestCase(1)]
    [TestCase(3)]
    public void AnAssistantChangesNothing(int tokens)
    {
        var config = new GenerationConfig { MaxNewTokens = 20, NumAssistantTokens = tokens, NumAssistantTokensSchedule = "heuristic", AssistantConfidenceThreshold = 0 };
        var (model, draft, other) = (new FakeModel(), new FakeModel(), new FakeModel(end: 4));
        using var generator = new TokenGenerator(model);
        var alone = generator.Generate(new() { InputIds = [Prompt], Config = config });
        var perfect = generator.Generate(new() { InputIds = [Prompt], Config = config, Assistant = draft });
        var wrong = generator.Generate(new() { InputIds = [Prompt], Config = config, Assistant = other });
        Assert.Multiple(() =>
        {
            Assert.That(perfect.Sequences, Is.EqualTo(alone.Sequences));
            Assert.That(wrong.Sequences, Is.EqualTo(alone.Sequences));
            Assert.That(perfect.Steps, Is.LessThan(alone.Steps));
            Assert.That((model.OpenCaches, draft.OpenCaches, other.OpenCaches), Is.EqualTo((0, 0, 0)));
        });
    }

    [Test]
    public void AnAssistantSamplesTheSameDistribution()
    {
        var config = new GenerationConfig { MaxNewTokens = 8, DoSample = true, Seed = 11, NumAssistantTokens = 3, AssistantConfidenceThreshold = 0 };
        using var generator = new TokenGenerator(new FakeModel());
        // With the same draws the same tokens come, whatever is guessed.
        Assert.That(generator.Generate(new() { InputIds = [Prompt], Config = config, Assistant = new FakeModel() }).Sequences, Is.EqualTo(generator.Generate(new() { InputIds = [Prompt], Config = config }).Sequences));
    }

    [Test]
    public void LookingUpThePromptChangesNothing()
    {
        var config = new GenerationConfig { MaxNewTokens = 12, PromptLookupNumTokens = 4 };
        int[] prompt = [3, 4, 5, 6, 3, 4, 5, 6, 3, 4];
        using var generator = new TokenGenerator(new FakeModel());
        Assert.That(generator.Generate(new() { InputIds = [prompt], Config = config }).Sequences, Is.EqualTo(generator.Generate(new() { InputIds = [prompt], Config = new() { MaxNewTokens = 12 } }).Sequences));
    }

    [Test]
    public void LookupFindsWhatFollowed()
    {
        var plan = GenerationPlan.Resolve(new() { PromptLookupNumTokens = 3 }, GenerationConfig.Default, new(4, null));
        Assert.Multiple(() =>
        {
            Assert.That(new PromptLookup(plan).Guess([1, 2, 3, 4, 5, 9, 2, 3], 8, default), Is.EqualTo(new[] { 4, 5, 9 }));
            Assert.That(new PromptLookup(plan).Guess([1, 2, 3, 4, 5, 9, 8, 3], 1, default), Is.EqualTo(new[] { 4 }));
            Assert.That(new PromptLookup(plan).Guess([1, 2, 3], 8, default), Is.Empty);
        });
    }

    [TestCase(1)]
    [TestCase(2)]
    [TestCase(5)]
    public void ReadingAPromptInPartsChangesNothing(int chunk)
    {
        using var generator = new TokenGenerator(new FakeModel());
        int[][] prompts = [[3, 14, 15, 9, 26], [1, 1, 8, 4, 6]];
        int[][] masks = [[1, 1, 1, 1, 1], [0, 0, 1, 1, 1]];
        GenerationResult Generate(int? size) => generator.Generate(new() { InputIds = prompts, AttentionMask = masks, Config = new() { MaxNewTokens = 5, PrefillChunkSize = size } });
        Assert.That(Generate(chunk).Sequences, Is.EqualTo(Generate(null).Sequences));
    }

    [Test]
    public void ACacheContinuesAndCrops()
    {
        var model = new FakeModel();
        using var generator = new TokenGenerator(model);
        using (var cache = generator.CreateCache())
        {
            int[] Continue(int[] prompt, PromptCache? with) => generator.Generate(new() { InputIds = [prompt], Config = new() { MaxNewTokens = 4 }, Cache = with }).Sequences[0];
            cache.Read(Prompt);
            var before = model.TokensRead;
            int[] longer = [.. Prompt, 30, 31];
            var first = Continue(longer, cache);
            Assert.That((model.TokensRead - before, cache.Length), Is.EqualTo((2 + 3, longer.Length + 3)), "only what is new is read");
            before = model.TokensRead;
            int[] other = [.. Prompt[..3], 40, 41];
            var second = Continue(other, cache);
            Assert.That(model.TokensRead - before, Is.EqualTo(2 + 3), "the common beginning is kept");
            before = model.TokensRead;
            var again = Continue(other, cache);
            Assert.That(model.TokensRead - before, Is.EqualTo(1 + 3), "of a known prompt the last token is read again");
            Assert.That((first, second, again), Is.EqualTo((Continue(longer, null), Continue(other, null), Continue(other, null))));
            cache.Crop(2);
            Assert.That(cache.Tokens, Is.EqualTo(other[..2]));
        }
        Assert.That(model.OpenCaches, Is.Zero);
    }

    [Test]
    public void AConversationThatOutgrowsItsCacheIsSeldomReadAgain()
    {
        var model = new FakeModel();
        using var generator = new TokenGenerator(model);
        using var cache = new PromptCache(model, room: 16);
        var ids = new List<int> { 3 };
        while (ids.Count < 200)
        {
            ids.AddRange([7, 8]);
            ids = [.. generator.Generate(new() { InputIds = [ids], Config = new() { MaxNewTokens = 3, EosTokenId = [] }, Cache = cache }).Sequences[0]];
        }
        Assert.That(model.TokensRead, Is.LessThan(3 * ids.Count));
    }

    /// <summary>A model that reads long texts differently: whatever is kept, each token is that of the text read from its start.</summary>
    [TestCase(null)]
    [TestCase(2)]
    public void ATextThatGrowsPastTheSwitchIsReadAgain(int? chunk)
    {
        var model = new FakeModel { SwitchesAt = 8 };
        using var generator = new TokenGenerator(model);
        var config = new GenerationConfig { MaxNewTokens = 7, PrefillChunkSize = chunk };
        List<int> want = [.. Prompt];
        for (var i = 0; i < 7; i++) want.Add(Distribution.BestIndex(model.Scores(want.Select(id => (id + (want.Count > 8 ? 1000 : 0), 1)))));
        int[] Continue(GenerationRequest request) => generator.Generate(request).Sequences[0];
        Assert.That(Continue(new() { InputIds = [Prompt], Config = config }), Is.EqualTo(want));
        Assert.That(Continue(new() { InputIds = [Prompt], Config = config, Assistant = new FakeModel { SwitchesAt = 8 } }), Is.EqualTo(want), "guessed");
        using var cache = generator.CreateCache();
        for (var length = 1; length < want.Count; length++)
        {
            int[] prompt = [.. want[..length]];
            Assert.That(Continue(new() { InputIds = [prompt], Config = config with { MaxNewTokens = want.Count - length }, Cache = cache }), Is.EqualTo(Continue(new() { InputIds = [prompt], Config = config with { MaxNewTokens = want.Count - length } })), $"a cache, {length} tokens");
            cache.Crop(length % 4 * 3);
        }
    }

    [Test]
    public void ACacheThatCantCropReadsAgain()
    {
        var model = new FakeModel(canCrop: false);
        using var generator = new TokenGenerator(model);
        using var cache = generator.CreateCache();
        int[] Continue(int[] prompt, PromptCache? with) => generator.Generate(new() { InputIds = [prompt], Config = new() { MaxNewTokens = 4 }, Cache = with }).Sequences[0];
        Assert.That(Continue(Prompt, cache), Is.EqualTo(Continue(Prompt, null)));
        Assert.That(Continue([3, 14, 7], cache), Is.EqualTo(Continue([3, 14, 7], null)));
    }

    [Test]
    public void ACacheServesOnePrompt()
    {
        using var generator = new TokenGenerator(new FakeModel());
        using var cache = generator.CreateCache();
        using var elsewhere = new PromptCache(new FakeModel());
        Assert.Multiple(() =>
        {
            Assert.That(() => generator.Generate(new() { InputIds = [[1], [2]], Cache = cache }), Refuses("continuing on a cache: cache: several prompts, or a padded one; supported: one prompt without padding"));
            Assert.That(() => generator.Generate(new() { InputIds = [[1]], Config = new() { NumBeams = 2 }, Cache = cache }), Refuses("continuing on a cache: cache: a search that follows several sequences or guesses (Beam); supported: the best token, or one drawn sequence"));
            Assert.That(() => generator.Generate(new() { InputIds = [[1]], Cache = elsewhere }), Refuses("continuing on a cache: cache: another model's; supported: a cache of the model that continues"));
        });
    }

    [Test]
    public void PromptsAreChecked()
    {
        using var generator = new TokenGenerator(new FakeModel());
        Assert.Multiple(() =>
        {
            Assert.That(() => generator.Generate(new() { InputIds = [] }), Refuses("reading the prompts: input_ids: no prompt; supported: one or more"));
            Assert.That(() => generator.Generate(new() { InputIds = [[]] }), Refuses("reading the prompts: input_ids: an empty prompt; supported: one token or more. Next: begin with the tokenizer's first special token"));
            Assert.That(() => generator.Generate(new() { InputIds = [[1, 2], [3]] }), Refuses("reading the prompts: input_ids: rows of 2, 1 tokens; supported: rows of one length. Next: fill the shorter ones on the left, and give a mask"));
            Assert.That(() => generator.Generate(new() { InputIds = [[1, 50]] }), Refuses("reading the prompts: input_ids: id 50; supported: ids from 0 to 49"));
            Assert.That(() => generator.Generate(new() { InputIds = [[1, 2]], AttentionMask = [[1]] }), Refuses("reading the prompts: attention_mask: another shape than the prompts'; supported: [1, 2]"));
            Assert.That(() => generator.Generate(new() { InputIds = [[1, 2]], AttentionMask = [[1, 2]] }), Refuses("reading the prompts: attention_mask: values other than 0 and 1; supported: 0 and 1"));
            Assert.That(() => generator.Generate(new() { InputIds = [[1], [2]], Config = new() { PromptLookupNumTokens = 2 } }), Refuses("guessing tokens: input_ids: 2 prompts; supported: one prompt"));
            Assert.That(() => generator.Generate(new() { InputIds = [[1]], Assistant = new FakeModel(40) }), Refuses("guessing with an assistant: assistant_model: a vocabulary of 40 tokens; supported: 50, as the model that checks"));
            Assert.That(() => generator.Generate(new() { InputIds = [[1]], Assistant = new FakeModel(canCrop: false) }), Refuses(
                "guessing with an assistant: assistant_model: a state that sums up all tokens or keeps the last ones only; supported: models whose tokens can be taken back"));
            using var sums = new TokenGenerator(new FakeModel(canCrop: false));
            Assert.That(() => sums.Generate(new() { InputIds = [[1]], Config = new() { PromptLookupNumTokens = 2 } }), Refuses(
                "guessing tokens: model: a state that sums up all tokens or keeps the last ones only; supported: models whose tokens can be taken back"));
            Assert.That(() => generator.Generate(new() { InputIds = [[1]], Config = new() { ForcedEosTokenId = [50], EosTokenId = [51], ExponentialDecayLengthPenalty = new(1, 2) } }), Refuses(
                "resolving the generation configuration: 2 problems\n  forced_eos_token_id: id 50; supported: ids from 0 to 49\n  eos_token_id: id 51; supported: ids from 0 to 49"));
            Assert.That(() => generator.Generate(new() { InputIds = [[1]], Config = new() { ForcedBosTokenId = -1 } }), Refuses(
                "resolving the generation configuration: forced_bos_token_id: id -1; supported: ids from 0 to 49"));
            Assert.That(() => generator.Generate(new() { InputIds = [[1]], Config = new() { AssistantModel = "small" } }), Refuses(
                "guessing with an assistant: assistant_model: small, and the model is of no package; supported: a package's name from the model's package on. Next: give GenerationRequest.Assistant"));
            Assert.That(() => generator.Generate(new() { InputIds = [[1]], Config = new() { StopStrings = ["a"] } }), Refuses("looking for stop strings: stop_strings: the package has no tokenizer; supported: packages with one"));
        });
    }

    [Test]
    public void PaddingIsToldByItsIdUnlessItEnds()
    {
        var model = new FakeModel();
        using var generator = new TokenGenerator(model);
        int[] New(int[] prompt, GenerationConfig config) => generator.Generate(new() { InputIds = [prompt], Config = config with { MaxNewTokens = 4 } }).Sequences[0][prompt.Length..];
        Assert.Multiple(() =>
        {
            Assert.That(New([0, 0, 8, 4], new() { PadTokenId = 0, EosTokenId = [2] }), Is.EqualTo(New([8, 4], new() { EosTokenId = [2] })));
            Assert.That(New([0, 0, 8, 4], new() { PadTokenId = 0, EosTokenId = [0] }), Is.Not.EqualTo(New([8, 4], new() { EosTokenId = [0] })));
        });
    }

    [Test]
    public async Task TokensAreStreamedAsTheyCome()
    {
        var model = new FakeModel(end: 2);
        using var generator = new TokenGenerator(model);
        var request = new GenerationRequest { InputIds = [[3], [4], [5]], Config = new() { MaxNewTokens = 10, EosTokenId = [2] } };
        var streamed = new List<TokenStep>();
        await foreach (var step in generator.StreamAsync(request)) streamed.Add(step);
        var whole = generator.Generate(request);
        Assert.Multiple(() =>
        {
            for (var i = 0; i < 3; i++) Assert.That(streamed.Where(s => s.Sequence == i).Select(s => s.Token), Is.EqualTo(whole.Sequences[i].Skip(1).Take(whole.NewTokens[i])));
            Assert.That(streamed.Where(s => s.Ended is not null).Select(s => s.Sequence), Is.EquivalentTo(new[] { 0, 1, 2 }));
            Assert.That(model.OpenCaches, Is.Zero);
        });
    }

    [Test]
    public async Task AStreamThatIsLeftFreesItsCache()
    {
        var model = new FakeModel();
        using var generator = new TokenGenerator(model);
        await foreach (var step in generator.StreamAsync(new() { InputIds = [Prompt], Config = new() { MaxNewTokens = 100 } }))
            if (step.Token >= 0) break;
        Assert.That(model.OpenCaches, Is.Zero);
    }

    [Test]
    public void AStreamIsCancelled()
    {
        var model = new FakeModel();
        using var generator = new TokenGenerator(model);
        using var cancellation = new CancellationTokenSource();
        Assert.That(async () =>
        {
            await foreach (var step in generator.StreamAsync(new() { InputIds = [Prompt], Config = new() { MaxNewTokens = 100 } }, cancellation.Token)) await cancellation.CancelAsync();
        }, Throws.InstanceOf<OperationCanceledException>());
        Assert.That(model.OpenCaches, Is.Zero);
    }

    [Test]
    public void BeamsAreNotStreamed()
    {
        using var generator = new TokenGenerator(new FakeModel());
        Assert.That(async () =>
        {
            await foreach (var step in generator.StreamAsync(new() { InputIds = [Prompt], Config = new() { NumBeams = 2 } })) Assert.Fail($"{step}");
        }, Refuses("streaming tokens: num_beams: 2: no token is certain before the end; supported: 1. Next: call Generate, or leave beams out"));
    }

    [Test]
    public void OwnProcessorsAndCriteriaCount()
    {
        using var generator = new TokenGenerator(new FakeModel());
        var result = generator.Generate(new() { InputIds = [Prompt], Config = new() { MaxNewTokens = 10 }, Processors = [new Only(7)], StoppingCriteria = [new After(3)] });
        Assert.That((result.Sequences[0][Prompt.Length..], result.Reasons[0]), Is.EqualTo((new[] { 7, 7, 7 }, StopReason.Criterion)));
    }

    [Test]
    public void TimeEndsAllRows()
    {
        using var generator = new TokenGenerator(new FakeModel());
        var result = generator.Generate(new() { InputIds = [[3], [4]], Config = new() { MaxNewTokens = 400, MaxTime = 0 } });
        Assert.That((result.NewTokens[0], result.NewTokens[1], result.Reasons[0]), Is.EqualTo((1, 1, StopReason.Time)));
    }

    [Test]
    public void WordsAreBroughtIn()
    {
        using var generator = new TokenGenerator(new FakeModel());
        ImmutableArray<ForcedWords> words = [new([[31, 47]]), new([[12], [13, 14]])];
        var ids = generator.Generate(new() { InputIds = [Prompt], Config = new() { NumBeams = 4, MaxNewTokens = 8, ForceWordsIds = words } }).Sequences[0];
        Assert.That(WordProgress.Of(words, ids).IsComplete);
    }

    private static NUnit.Framework.Constraints.EqualStringConstraint Refuses(string message) => Throws.TypeOf<InvalidInputException>().With.Message.EqualTo(message);

    private sealed class SameIds : IEqualityComparer<int[]>
    {
        public bool Equals(int[]? x, int[]? y) => x!.AsSpan().SequenceEqual(y);

        public int GetHashCode(int[] ids) => ids.Length;
    }

    private sealed class Only(int token) : ILogitsProcessor
    {
        public void Process(ScoreBatch batch)
        {
            for (var row = 0; row < batch.Rows; row++)
            {
                batch.Scores(row).Fill(float.NegativeInfinity);
                batch.Scores(row)[token] = 0;
            }
        }
    }

    private sealed class After(int tokens) : IStoppingCriterion
    {
        public bool IsDone(ReadOnlySpan<int> ids, int number) => ids.Length >= Prompt.Length + tokens;
    }
}
