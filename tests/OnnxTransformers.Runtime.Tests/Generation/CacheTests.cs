using Microsoft.ML.OnnxRuntime;
using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Generation;

/// <summary>Caches over ONNX Runtime: both strategies give the same, and copying is right wherever it happens.</summary>
public sealed class CacheTests
{
    private static readonly int[][] Prompts = [[3, 14, 15, 9], [5, 6, 7, 8], [30, 31, 32, 33]];
    private ScratchFolder _folder = null!;

    [SetUp]
    public void SetUp() => _folder = new ScratchFolder();

    [TearDown]
    public void TearDown() => _folder.Dispose();

    private static IEnumerable<GenerationConfig> Configs()
    {
        yield return new() { MaxNewTokens = 20 };
        yield return new() { MaxNewTokens = 12, NumBeams = 3 };
        yield return new() { MaxNewTokens = 12, DoSample = true, Seed = 3, NumReturnSequences = 2 };
    }

    [TestCaseSource(nameof(Configs))]
    public void ASharedBufferGivesTheSame(GenerationConfig config)
    {
        var package = TinyDecoder.Write(_folder.FullName, says: true);
        using var growing = TokenGenerator.Load(package, strategy: CacheStrategy.Growing);
        using var shared = TokenGenerator.Load(package);
        Assert.That(((CausalModel)shared.Model).Strategy, Is.EqualTo(CacheStrategy.Shared), "chosen by what the graph says");
        var request = new GenerationRequest { InputIds = Prompts, Config = config };
        Assert.That(shared.Generate(request).Sequences, Is.EqualTo(growing.Generate(request).Sequences));
    }

    [Test]
    public void AssistantsAndPromptCachesWorkOnSharedBuffers()
    {
        var package = TinyDecoder.Write(_folder.FullName, says: true);
        using var growing = TokenGenerator.Load(package, strategy: CacheStrategy.Growing);
        using var shared = TokenGenerator.Load(package);
        int[] prompt = [3, 4, 5, 3, 4, 5, 3, 4];
        var config = new GenerationConfig { MaxNewTokens = 20 };
        var want = growing.Generate(new() { InputIds = [prompt], Config = config }).Sequences;
        Assert.That(shared.Generate(new() { InputIds = [prompt], Config = config with { PromptLookupNumTokens = 3 } }).Sequences, Is.EqualTo(want));
        Assert.That(shared.Generate(new() { InputIds = [prompt], Config = config, Assistant = growing.Model }).Sequences, Is.EqualTo(want));
        using var cache = new PromptCache(shared.Model, room: 10);
        cache.Read(prompt[..5]);
        Assert.That(shared.Generate(new() { InputIds = [prompt], Config = config, Cache = cache }).Sequences, Is.EqualTo(want), "a buffer that is too short is replaced");
        cache.Crop(3);
        Assert.That(shared.Generate(new() { InputIds = [prompt], Config = config, Cache = cache }).Sequences, Is.EqualTo(want));
    }

    [Test]
    public void ASharedBufferMustBeSaid()
    {
        var package = TinyDecoder.Write(_folder.FullName, says: false);
        Assert.That(() => TokenGenerator.Load(package, strategy: CacheStrategy.Shared), Throws.TypeOf<UnsupportedCheckpointException>().With.Message.EqualTo(
            $"opening {package} for text-generation: cache: the graph does not say that its attention writes into the past's buffer; supported: Growing. Next: export the model with --target cpu or cuda"));
    }

    [Test]
    public void AnUnknownInputIsRefused()
    {
        var package = TinyDecoder.Write(_folder.FullName, says: false, extraInput: "image_features");
        Assert.That(() => TokenGenerator.Load(package), Throws.TypeOf<UnsupportedCheckpointException>().With.Message.EqualTo(
            $"opening {package} for text-generation: image_features float [batch_size]: an input that text generation can't fill; supported: input_ids, attention_mask, position_ids, use_cache_branch, num_logits_to_keep"));
    }

    /// <summary>What is done on a graphics card is done by graphs; they run on the processor as well.</summary>
    [Test]
    public void CopyingByGraphsIsCopyingByBlocks()
    {
        var package = TinyDecoder.Write(_folder.FullName, says: false);
        using var session = ModelSession.Open(Path.Combine(package, "onnx", "model.onnx"));
        using var graphs = session.Use(native => new ProviderDevice(native, RuntimeOptions.Default, "Cpu", 0));
        using var value = OrtValue.CreateTensorValueFromMemory([.. Enumerable.Range(0, 3 * 2 * 5 * 2).Select(i => (float)i)], [3, 2, 5, 2]);
        Assert.Multiple(() =>
        {
            foreach (var device in new CacheDevice[] { HostDevice.Instance, graphs })
            {
                using var rows = device.SelectRows(value, [2, 0, 2, 1]);
                Assert.That(rows.GetTensorTypeAndShape().Shape, Is.EqualTo(new long[] { 4, 2, 5, 2 }));
                Assert.That(rows.GetTensorDataAsSpan<float>()[..40].ToArray(), Is.EqualTo(Enumerable.Range(40, 20).Concat(Enumerable.Range(0, 20))));
                using var cropped = device.Crop(value, 2, 3);
                Assert.That(cropped.GetTensorTypeAndShape().Shape, Is.EqualTo(new long[] { 3, 2, 3, 2 }));
                Assert.That(cropped.GetTensorDataAsSpan<float>()[..12].ToArray(), Is.EqualTo(Enumerable.Range(0, 6).Concat(Enumerable.Range(10, 6))));
                using var empty = device.Crop(value, 2, 0);
                Assert.That(empty.GetTensorTypeAndShape().Shape, Is.EqualTo(new long[] { 3, 2, 0, 2 }));
            }
        });
    }

    /// <summary>A device's allocator must be there for as long as what it allocated.</summary>
    [Test]
    public void ACacheMayOutliveItsDevice()
    {
        var package = TinyDecoder.Write(_folder.FullName, says: false);
        using var session = ModelSession.Open(Path.Combine(package, "onnx", "model.onnx"));
        using var graphs = session.Use(native => new ProviderDevice(native, RuntimeOptions.Default, "Cpu", 0));
        var slots = CacheSlot.Of(session);
        using (var cache = new KeyValueCache(slots, graphs, CacheStrategy.Shared, 8))
        {
            cache.Begin(2, 1);
            graphs.Dispose();
            cache.Select([1, 0, 1]);
            Assert.That(cache.Value(0).GetTensorTypeAndShape().Shape[0], Is.EqualTo(3));
            Assert.That(cache.Value(0).GetTensorDataAsSpan<float>().ToArray(), Is.All.Zero);
            using var late = new KeyValueCache(slots, graphs, CacheStrategy.Shared, 8);
            Assert.That(() => late.Begin(1, 1), Throws.TypeOf<ObjectDisposedException>());
        }
    }

    /// <summary>A card may have no room for a long text and have it for a shorter one.</summary>
    [Test]
    public void ACacheThatFoundNoMemoryStaysEmpty()
    {
        var package = TinyDecoder.Write(_folder.FullName, says: false);
        using var session = ModelSession.Open(Path.Combine(package, "onnx", "model.onnx"));
        var device = new SmallDevice(values: 1);
        using var cache = new KeyValueCache(CacheSlot.Of(session), device, CacheStrategy.Shared, 8);
        Assert.That(() => cache.Begin(3, 1), Throws.TypeOf<InsufficientMemoryException>());
        Assert.That(cache.Rows, Is.Zero);
        device.Room = 2;
        cache.Begin(2, 1);
        Assert.That((cache.Rows, cache.Value(0).GetTensorTypeAndShape().Shape[0], cache.Value(1).GetTensorTypeAndShape().Shape[0]), Is.EqualTo((2, 2L, 2L)));
        cache.Dispose();
        Assert.That(device.Holders, Is.Zero);
    }

    [Test]
    public void ADisposedGeneratorRefuses()
    {
        var generator = TokenGenerator.Load(TinyDecoder.Write(_folder.FullName, says: false));
        generator.Dispose();
        generator.Dispose();
        Assert.That(() => generator.Generate(new() { InputIds = [[3]] }), Throws.TypeOf<ObjectDisposedException>());
    }

    [Test]
    public void AGeneratorThatIsDisposedBetweenTwoStepsRefusesTheNext()
    {
        var generator = TokenGenerator.Load(TinyDecoder.Write(_folder.FullName, says: false));
        using var search = generator.Begin(new() { InputIds = [[3]] });
        search.Step(CancellationToken.None);
        generator.Dispose();
        Assert.That(() => search.Step(CancellationToken.None), Throws.TypeOf<ObjectDisposedException>());
    }

    /// <summary>Native memory must not grow: caches, bindings and outputs are freed also where a stream is left or cancelled.</summary>
    [Test]
    public async Task ManyGenerationsLeaveNothingBehind()
    {
        using var generator = TokenGenerator.Load(TinyDecoder.Write(_folder.FullName, says: false), new RuntimeOptions { Threads = 1 });
        var random = new Random(5);
        for (var i = 0; i < 200; i++) await One(i);
        GC.Collect();
        var before = Environment.WorkingSet;
        for (var i = 0; i < 600; i++) await One(i);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.That((Environment.WorkingSet - before) >> 20, Is.LessThan(24), "MiB more than after the first");

        async Task One(int i)
        {
            using var cancellation = new CancellationTokenSource();
            var request = new GenerationRequest { InputIds = [[.. Enumerable.Range(0, 1 + random.Next(20)).Select(_ => random.Next(TinyDecoder.Vocabulary))]], Config = new() { MaxNewTokens = 1 + random.Next(20), NumBeams = i % 7 == 0 ? 2 : 1, EosTokenId = [] } };
            if (i % 7 == 0)
            {
                generator.Generate(request, cancellation.Token);
                return;
            }
            try
            {
                var steps = 0;
                await foreach (var step in generator.StreamAsync(request, cancellation.Token))
                {
                    if (++steps > 8 && i % 3 == 0) break;
                    if (steps > 5 && i % 3 == 1) await cancellation.CancelAsync();
                }
            }
            catch (OperationCanceledException)
            {
                // That is what every third wants.
            }
        }
    }
    /// <summary>The processor, with room for some values only.</summary>
    private sealed class SmallDevice(int values) : CacheDevice
    {
        internal int Room { get; set; } = values;

        internal int Holders { get; private set; }

        internal override OrtMemoryInfo Memory => HostDevice.Instance.Memory;

        internal override bool IsHost => true;

        internal override OrtValue Allocate(ElementType type, long[] shape, bool zeroed) => --Room >= 0 ? HostDevice.Instance.Allocate(type, shape, zeroed) : throw new InsufficientMemoryException();

        internal override OrtValue SelectRows(OrtValue value, ReadOnlySpan<int> rows) => HostDevice.Instance.SelectRows(value, rows);

        internal override OrtValue Crop(OrtValue value, int axis, int length) => HostDevice.Instance.Crop(value, axis, length);

        internal override void Enter() => Holders++;

        internal override void Leave() => Holders--;

        public override void Dispose()
        {
            // The processor stays.
        }
    }
}
