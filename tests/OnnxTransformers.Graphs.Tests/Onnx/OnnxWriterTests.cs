using System.Globalization;
using System.Security.Cryptography;
using Google.Protobuf;
using NUnit.Framework;
using OnnxTransformers.Graphs.Weights;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Graphs.Onnx;

internal sealed class OnnxWriterTests
{
    private ScratchFolder _folder = null!;

    [SetUp]
    public void SetUp() => _folder = new ScratchFolder();

    [TearDown]
    public void TearDown() => _folder.Dispose();

    [Test]
    public void Weights_of_a_small_model_are_inside_it()
    {
        var source = new MemorySource();
        WeightInitializer[] weights = [new("a", new Recipe.Transposed(source.Add("a", [2, 3], 1, 2, 3, 4, 5, 6), [1, 0])), new("empty", source.Add("empty", [0]))];
        var model = TestModels.Of(weights);
        var written = OnnxWriter.Write(model, weights, source, _folder["model.onnx"]);
        var read = ModelProto.Parser.ParseFrom(File.ReadAllBytes(_folder["model.onnx"])).Graph.Initializer;
        Assert.Multiple(() =>
        {
            Assert.That(written.Files, Is.EqualTo(new[] { _folder["model.onnx"] }));
            Assert.That((written.ModelBytes, written.DataBytes), Is.EqualTo((new FileInfo(_folder["model.onnx"]).Length, 0L)));
            Assert.That(read[0].RawData.ToByteArray(), Is.EqualTo(NaiveRecipe.Bytes(weights[0].Recipe, source)));
            Assert.That((read[1].HasRawData, read[1].RawData.Length), Is.EqualTo((true, 0)));
            Assert.That(model.Graph.Initializer[0].HasRawData, Is.False, "the caller's model is not changed");
        });
    }

    [TestCase(1)]
    [TestCase(3)]
    public void Weights_of_a_large_model_are_beside_it_and_aligned(int threads)
    {
        var (weights, source) = Large();
        var path = source.SaveTo(_folder, "weights.safetensors");
        var written = OnnxWriter.Write(TestModels.Of(weights), weights, source, _folder["model.onnx"], new() { Threads = threads, BufferBytes = threads * (256L << 10) });
        using var reader = OnnxReader.Open(_folder["model.onnx"]);
        Assert.Multiple(() =>
        {
            Assert.That(written.Files, Is.EqualTo(new[] { _folder["model.onnx"], _folder["model.onnx_data"] }));
            Assert.That(written.DataBytes, Is.EqualTo(new FileInfo(_folder["model.onnx_data"]).Length));
            Assert.That(reader.Initializers.Select(i => i.Tensor.Name), Is.EqualTo(weights.Select(w => w.Name)));
            foreach (var (name, recipe) in weights) Assert.That(reader.Read(name).AsSpan().SequenceEqual(NaiveRecipe.Bytes(recipe, source)), Is.True, name);
            Assert.That(reader.Initializers.Single(i => i.External is null).Tensor.Name, Is.EqualTo("small"));
            foreach (var initializer in reader.Initializers.Where(i => i.External is not null))
                Assert.That(initializer.External!.Offset % (initializer.Bytes > 1 << 20 ? 4096 : 64), Is.Zero, initializer.Tensor.Name);
            // Stored as odd, big, half; written in that order, whatever the order of the graph.
            Assert.That(reader.Initializers.Where(i => i.External is not null).OrderBy(i => i.External!.Offset).Select(i => i.Tensor.Name), Is.EqualTo(new[] { "odd", "big", "half", "part" }));
            var entries = reader.Model.Graph.Initializer.First(t => t.Name == "big").ExternalData;
            Assert.That(entries.Select(e => e.Key), Is.EqualTo(new[] { "location", "offset", "length" }));
            Assert.That(entries.Select(e => e.Value), Is.EqualTo(new[] { "model.onnx_data", "20480", "1440000" }));
        });
    }

    [Test]
    public void The_same_input_gives_the_same_bytes_on_any_number_of_threads()
    {
        var (weights, source) = Large();
        source.SaveTo(_folder, "weights.safetensors");
        var hashes = new HashSet<string>();
        foreach (var threads in new[] { 1, 2, 4 })
        {
            OnnxWriter.Write(TestModels.Of(weights), weights, source, _folder["model.onnx"], new() { Threads = threads, BufferBytes = threads * 100_000 });
            hashes.Add(string.Join(' ', Directory.GetFiles(_folder.FullName, "model.*").Order(StringComparer.Ordinal).Select(f => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(f))))));
        }
        Assert.That(hashes, Has.Count.EqualTo(1));
    }

    [Test]
    public void The_order_of_the_data_does_not_depend_on_where_the_checkpoint_is()
    {
        var placed = new List<string>();
        foreach (var name in new[] { "z", "a" })
        {
            var (weights, source) = Large();
            Directory.CreateDirectory(_folder[name]);
            File.Move(source.SaveTo(_folder, "w.safetensors"), _folder[name, "w.safetensors"]);
            File.Copy(_folder[name, "w.safetensors"], _folder["w.safetensors"], overwrite: true);
            OnnxWriter.Write(TestModels.Of(weights), weights, source, _folder["model.onnx"]);
            placed.Add(Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(_folder["model.onnx"]))));
        }
        Assert.That(placed[0], Is.EqualTo(placed[1]));
    }

    [Test]
    public void Data_can_be_split()
    {
        var source = new MemorySource();
        WeightInitializer[] weights = [.. new[] { 400_000, 400_000, 1_000_000, 200_000 }.Select((n, i) => new WeightInitializer($"w{i}", source.AddRandom($"w{i}", ElementType.UInt8, n)))];
        var written = OnnxWriter.Write(TestModels.Of(weights), weights, source, _folder["m.onnx"], new() { MaxDataFileBytes = 900_000 });
        using var reader = OnnxReader.Open(_folder["m.onnx"]);
        Assert.Multiple(() =>
        {
            Assert.That(written.Files.Select(Path.GetFileName), Is.EqualTo(new[] { "m.onnx", "m.onnx_data", "m.onnx_data_1", "m.onnx_data_2" }));
            Assert.That(reader.Initializers.Select(i => (i.External!.Location, i.External.Offset)), Is.EqualTo(new[] { ("m.onnx_data", 0L), ("m.onnx_data", 400_000L), ("m.onnx_data_1", 0L), ("m.onnx_data_2", 0L) }));
            foreach (var (name, recipe) in weights) Assert.That(reader.Read(name).AsSpan().SequenceEqual(NaiveRecipe.Bytes(recipe, source)), Is.True, name);
        });
    }

    [Test]
    public void Weights_that_are_stored_as_they_are_can_be_linked()
    {
        var (weights, source) = Large();
        var checkpoint = source.SaveTo(_folder, "weights.safetensors", headerBytes: 40);
        Directory.CreateDirectory(_folder["onnx"]);
        File.Copy(checkpoint, _folder["onnx", "linked.safetensors"]);
        var written = OnnxWriter.Write(TestModels.Of(weights), weights, source, _folder["onnx", "model.onnx"], new() { LinkedFiles = new Dictionary<string, string> { [checkpoint] = "linked.safetensors" } });
        using var reader = OnnxReader.Open(_folder["onnx", "model.onnx"]);
        var places = reader.Initializers.ToDictionary(i => i.Tensor.Name, i => i.External);
        Assert.Multiple(() =>
        {
            // The transposed one has to be made: 1.4 MB, in a file of its own.
            Assert.That(written.Files.Select(Path.GetFileName), Is.EqualTo(new[] { "model.onnx", "model.onnx_data" }));
            Assert.That((written.LinkedWeights, written.LinkedBytes), Is.EqualTo((3, 20_004L + 30_000 + 40)));
            Assert.That(places["odd"], Is.EqualTo(new ExternalData("linked.safetensors", 40, 20_004)));
            Assert.That(places["part"], Is.EqualTo(new ExternalData("linked.safetensors", 40 + 1_440_000 + 20_004 + 100, 30_000)));
            Assert.That(places["big"]!.Location, Is.EqualTo("model.onnx_data"));
            foreach (var (name, recipe) in weights) Assert.That(reader.Read(name).AsSpan().SequenceEqual(NaiveRecipe.Bytes(recipe, source)), Is.True, name);
        });
    }

    [Test]
    public void Large_checkpoints_are_laid_out_without_reading_them()
    {
        // 6 GB of which nothing exists: offsets beyond 32 bits, one file by default.
        var source = new EmptySource();
        WeightInitializer[] weights = [.. Enumerable.Range(0, 3).Select(i => new WeightInitializer($"w{i}", new Recipe.Stored(new TensorInfo($"w{i}", ElementType.Float, [500_000, 1001]))))];
        using var stored = new StoredBytes(source);
        var one = WeightLayout.Of(weights, stored, new());
        var many = WeightLayout.Of(weights, stored, new() { MaxDataFileBytes = 2L << 30 });
        Assert.Multiple(() =>
        {
            Assert.That(one.Weights.Select(w => (w.File, w.Offset)), Is.EqualTo(new (int?, long)[] { (0, 0), (0, 2_002_001_920), (0, 4_004_003_840) }));
            Assert.That(one.FileBytes, Is.EqualTo(new[] { 6_006_003_840L }));
            Assert.That(many.FileBytes, Is.EqualTo(new[] { 2_002_000_000L, 2_002_000_000L, 2_002_000_000L }));
        });
    }

    [Test]
    public void A_model_that_protobuf_cannot_hold_is_refused_before_anything_is_written()
    {
        var model = TestModels.Of();
        model.Graph.Initializer.Add(new TensorProto { Name = "table", DataType = (int)ElementType.UInt8, Dims = { 5000 }, RawData = ByteString.CopyFrom(new byte[5000]) });
        var bytes = model.CalculateSize();
        Assert.That(() => OnnxWriter.Write(model, [], new MemorySource(), _folder["model.onnx"], new() { MaxModelBytes = 5000 }), Throws.TypeOf<UnsupportedCheckpointException>().With.Message.EqualTo(
            $"writing model.onnx: the graph takes {bytes} bytes without its external weights; supported: at most 5000, the limit of a protobuf. Next: make large constants of the graph weights"));
        Assert.That(Directory.GetFiles(_folder.FullName), Is.Empty);
    }

    [Test]
    public void Sizes_beyond_32_bits_are_added_up()
    {
        var model = TestModels.Of();
        var table = ByteString.CopyFrom(new byte[64 << 20]);
        for (var i = 0; i < 40; i++) model.Graph.Node.Add(new NodeProto { OpType = "Constant", Attribute = { new AttributeProto { Name = "value", T = new TensorProto { RawData = table } } } });
        Assert.That(ModelSize.Of(model), Is.EqualTo(40L * (64 << 20)));
    }

    [Test]
    public void Nothing_is_left_behind_by_a_value_that_overflows()
    {
        var source = new MemorySource();
        var values = new float[600_000];
        values[123_456] = -7e4f;
        WeightInitializer[] weights = [new("ok", source.AddRandom("ok", ElementType.Float, 300_000)), new("bad", new Recipe.Converted(source.Add("bad", [600, 1000], values), ElementType.Float16))];
        Assert.That(() => OnnxWriter.Write(TestModels.Of(weights), weights, source, _folder["model.onnx"]), Throws.TypeOf<UnsupportedCheckpointException>().With.Message.EqualTo(
            "converting weights to Float16: bad: the value -70000; supported: magnitudes up to 65504 in float16. Next: use bf16 or fp32"));
        Assert.That(Directory.GetFiles(_folder.FullName), Is.Empty);
    }

    [Test]
    public void Nothing_is_left_behind_by_a_cancelled_write()
    {
        var (weights, source) = Large();
        using var cancel = new CancellationTokenSource();
        var progress = new Cancelling(cancel);
        Assert.That(() => OnnxWriter.Write(TestModels.Of(weights), weights, source, _folder["model.onnx"], new() { Progress = progress, Threads = 1 }, cancel.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(Directory.GetFiles(_folder.FullName), Is.Empty);
    }

    [Test]
    public void Progress_ends_with_all_that_is_written()
    {
        var (weights, source) = Large();
        var progress = new Largest();
        OnnxWriter.Write(TestModels.Of(weights), weights, source, _folder["model.onnx"], new() { Progress = progress });
        Assert.That(progress.Value, Is.EqualTo(1_440_000 + 20_004 + 15_000 + 30_000));
    }

    [Test]
    public void A_file_that_has_other_names_is_replaced_not_overwritten()
    {
        var (weights, source) = Large();
        File.WriteAllText(_folder["other"], "stays");
        File.CreateSymbolicLink(_folder["model.onnx_data"], _folder["other"]);
        OnnxWriter.Write(TestModels.Of(weights), weights, source, _folder["model.onnx"]);
        Assert.That(File.ReadAllText(_folder["other"]), Is.EqualTo("stays"));
        Assert.That(new FileInfo(_folder["model.onnx_data"]).LinkTarget, Is.Null);
    }

    [Test]
    public void Weights_and_initializers_that_differ_are_refused_together()
    {
        var source = new MemorySource();
        var a = source.Add("a", [2], 1, 2);
        var model = TestModels.Of(new WeightInitializer("a", source.Add("b", [3], 1, 2, 3)), new WeightInitializer("c", a), new WeightInitializer("e", a));
        model.Graph.Initializer[1].RawData = ByteString.Empty;
        Assert.That(() => OnnxWriter.Write(model, [new("a", a), new("d", a), new("c", a), new("d", a)], source, _folder["model.onnx"]), Throws.ArgumentException.With.Message.StartsWith(
            "weights and initializers don't agree: a: Float [3] in the graph, Float [2] as a weight; d: not an initializer of the graph; c: has data already; d: a weight of this name twice; e: neither data nor a weight"));
    }

    [Test]
    public void A_model_can_be_read_and_written_again_with_other_options()
    {
        var (weights, source) = Large();
        OnnxWriter.Write(TestModels.Of(weights), weights, source, _folder["one.onnx"]);
        using var reader = OnnxReader.Open(_folder["one.onnx"]);
        WeightInitializer[] again = [.. reader.Tensors.Values.OrderBy(t => t.Name, StringComparer.Ordinal).Select(t => new WeightInitializer(t.Name, new Recipe.Stored(t)))];
        OnnxWriter.Write(TestModels.Of(again), again, reader, _folder["two.onnx"], new() { InlineModelBytes = 10 << 20 });
        using var second = OnnxReader.Open(_folder["two.onnx"]);
        Assert.That(second.Initializers.All(i => i.External is null), Is.True);
        foreach (var (name, recipe) in weights) Assert.That(second.Read(name).AsSpan().SequenceEqual(NaiveRecipe.Bytes(recipe, source)), Is.True, name);
    }

    private static (WeightInitializer[] Weights, MemorySource Source) Large()
    {
        var source = new MemorySource();
        var odd = source.AddRandom("odd", ElementType.Float, 5001);
        var big = source.AddRandom("big", ElementType.Float, 600, 600);
        var half = source.AddRandom("half", ElementType.UInt16, 100, 200);
        var small = source.AddRandom("small", ElementType.Float, 10);
        return (
        [
            new("part", new Recipe.Sliced(new Recipe.Reshaped(half, [20_000]), 0, 50, 15_000)),
            new("small", small),
            new("half", new Recipe.Sliced(half, 1, 3, 75)),
            new("odd", odd),
            new("big", new Recipe.Transposed(big, [1, 0])),
        ], source);
    }

    /// <summary>Tensors that have no bytes at all.</summary>
    private sealed class EmptySource : ITensorSource
    {
        public IReadOnlyDictionary<string, TensorInfo> Tensors => new Dictionary<string, TensorInfo>();

        public void Read(string name, long offset, Span<byte> destination) => throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"{name} {offset}"));

        public TensorLocation? Locate(string name) => null;
    }

    private sealed class Cancelling(CancellationTokenSource source) : IProgress<long>
    {
        public void Report(long value) => source.Cancel();
    }

    private sealed class Largest : IProgress<long>
    {
        private long _value;

        internal long Value => _value;

        public void Report(long value)
        {
            lock (this) _value = Math.Max(_value, value);
        }
    }
}
