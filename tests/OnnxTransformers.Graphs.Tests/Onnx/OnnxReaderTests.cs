using System.Diagnostics;
using Google.Protobuf;
using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Graphs.Onnx;

internal sealed class OnnxReaderTests
{
    private ScratchFolder _folder = null!;

    [SetUp]
    public void SetUp() => _folder = new ScratchFolder();

    [TearDown]
    public void TearDown() => _folder.Dispose();

    [Test]
    public void A_model_tells_what_it_is()
    {
        var model = TestModels.Full();
        model.ProducerVersion = "1.2";
        model.Graph.Input.Add(TestModels.Value("axes", TensorProto.Types.DataType.Int64, 2L));          // as IR 3 lists initializers
        using var reader = Open(model);
        Assert.Multiple(() =>
        {
            Assert.That(reader.Producer, Is.EqualTo("onnx-transformers 1.2"));
            Assert.That(reader.Opsets, Is.EqualTo(new[] { ("ai.onnx", 21L), ("com.microsoft", 1L) }));
            Assert.That(reader.Metadata, Is.EqualTo(new[] { ("task", "fill-\"mask\"") }));
            Assert.That(reader.Inputs.Select(i => (i.Name, i.Type, i.Text)), Is.EqualTo(new[] { ("input_ids", ElementType.Int64, "int64[batch_size, 2, ?]") }));
            Assert.That(reader.Inputs[0].Shape, Is.EqualTo(new[] { "batch_size", "2", "?" }));
            Assert.That(reader.Outputs.Select(i => i.Text), Is.EqualTo(new[] { "float[past + sequence, 32]" }));
            Assert.That(reader.Initializers.Select(i => (i.Tensor.Name, i.Bytes)), Is.EqualTo(new[] { ("axes", 16L), ("scale", 4L), ("names", 10L), ("table", 100L) }));
            Assert.That(reader.Read("axes"), Is.EqualTo(new byte[] { 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255 }));
            Assert.That(() => reader.Read("names"), Throws.TypeOf<UnsupportedCheckpointException>().With.Message.EqualTo(
                "reading model.onnx: names: elements of type string; supported: numbers and booleans of 4 bits and more"));
            Assert.That(() => reader.Read("nothing"), Throws.TypeOf<KeyNotFoundException>());
            Assert.That(OnnxText.Dump(reader.Model), Is.EqualTo(OnnxText.Dump(model)));
        });
    }

    [Test]
    public void Large_data_stays_in_the_file()
    {
        var model = TestModels.Of();
        var random = new byte[400_000];
        new Random(1).NextBytes(random);
        model.Graph.Initializer.Add(new TensorProto { Name = "raw", DataType = (int)ElementType.UInt8, Dims = { 400_000 }, RawData = ByteString.CopyFrom(random) });
        model.Graph.Initializer.Add(new TensorProto { Name = "floats", DataType = (int)ElementType.Float, Dims = { 30_000 }, FloatData = { Enumerable.Range(0, 30_000).Select(i => (float)i) } });
        using var reader = Open(model);
        Assert.Multiple(() =>
        {
            Assert.That(reader.Model.CalculateSize(), Is.LessThan(200));
            Assert.That(reader.Locate("raw")!.Path, Is.EqualTo(_folder["model.onnx"]));
            Assert.That(reader.Read("raw"), Is.EqualTo(random));
            Assert.That(BitConverter.ToSingle(reader.Read("floats"), 4 * 29_999), Is.EqualTo(29_999));
            var part = new byte[10];
            reader.Read("raw", 399_990, part);
            Assert.That(part, Is.EqualTo(random[^10..]));
            Assert.That(() => reader.Read("raw", 399_991, new byte[10]), Throws.TypeOf<ArgumentOutOfRangeException>());
        });
    }

    [TestCase(ElementType.Int32, new[] { -1 }, new byte[] { 255, 255, 255, 255 })]
    [TestCase(ElementType.Int16, new[] { -2 }, new byte[] { 254, 255 })]
    [TestCase(ElementType.Float16, new[] { 0x3C00 }, new byte[] { 0, 0x3C })]
    [TestCase(ElementType.Int8, new[] { -1, 2 }, new byte[] { 255, 2 })]
    [TestCase(ElementType.Bool, new[] { 1, 0 }, new byte[] { 1, 0 })]
    [TestCase(ElementType.UInt4, new[] { 0x21, 0x03 }, new byte[] { 0x21, 0x03 })]
    public void Data_in_the_field_of_its_type_is_read(ElementType type, int[] data, byte[] bytes)
    {
        var model = TestModels.Of();
        model.Graph.Initializer.Add(new TensorProto { Name = "w", DataType = (int)type, Dims = { type == ElementType.UInt4 ? 3 : data.Length }, Int32Data = { data } });
        using var reader = Open(model);
        Assert.That(reader.Read("w"), Is.EqualTo(bytes));
    }

    [TestCase("../secret", "its location is \"../secret\", which is not a path below the model's folder")]
    [TestCase("/etc/passwd", "its location is \"/etc/passwd\", which is not a path below the model's folder")]
    [TestCase("a/../../b", "its location is \"a/../../b\", which is not a path below the model's folder")]
    [TestCase("..\\secret", "its location is \"..\\secret\", which is not a path below the model's folder")]
    [TestCase("C:secret", "its location is \"C:secret\", which is not a path below the model's folder")]
    [TestCase("", "its location is \"\", which is not a path below the model's folder")]
    public void Locations_outside_the_folder_are_refused(string location, string found)
    {
        var model = External(location, "0", "4");
        Assert.That(() => Open(model), Throws.TypeOf<CorruptCheckpointException>().With.Message.EqualTo($"reading model.onnx: w: {found}"));
    }

    [TestCase("-1", "4", "its offset is \"-1\"")]
    [TestCase("0", "1e3", "its length is \"1e3\"")]
    [TestCase("99999999999999999999", "4", "its offset is \"99999999999999999999\"")]
    [TestCase("0", "5", "5 bytes of external data for Float [1], which takes 4")]
    public void Numbers_that_make_no_sense_are_refused(string offset, string length, string found) =>
        Assert.That(() => Open(External("data", offset, length)), Throws.TypeOf<CorruptCheckpointException>().With.Message.EqualTo($"reading model.onnx: w: {found}"));

    [Test]
    public void External_data_is_read_checked_and_never_through_links_that_lead_out()
    {
        using var outside = new ScratchFolder();
        File.WriteAllBytes(outside["secret"], [1, 2, 3, 4]);
        Directory.CreateDirectory(_folder["sub"]);
        File.WriteAllBytes(_folder["sub", "data"], [0, 0, 0, 0, 0, 0, 128, 63]);
        File.CreateSymbolicLink(_folder["link"], outside["secret"]);
        File.CreateSymbolicLink(_folder["folder"], outside.FullName);
        File.CreateSymbolicLink(_folder["inside"], _folder["sub", "data"]);
        Assert.Multiple(() =>
        {
            Assert.That(Read("sub/data", "4"), Is.EqualTo(new byte[] { 0, 0, 128, 63 }));
            Assert.That(Read("inside", "4"), Is.EqualTo(new byte[] { 0, 0, 128, 63 }));
            Assert.That(() => Read("link", "0"), Throws.TypeOf<CorruptCheckpointException>().With.Message.EqualTo("reading model.onnx: w: link is a link that leads out of the model's folder"));
            Assert.That(() => Read("folder/secret", "0"), Throws.TypeOf<CorruptCheckpointException>().With.Message.EqualTo("reading model.onnx: w: folder/secret is a link that leads out of the model's folder"));
            Assert.That(() => Read("absent", "0"), Throws.TypeOf<CorruptCheckpointException>().With.Message.EqualTo("reading model.onnx: w: absent is not there"));
            Assert.That(() => Read("sub/data", "5"), Throws.TypeOf<CorruptCheckpointException>().With.Message.EqualTo("reading model.onnx: w: sub/data has 8 bytes, 4 from byte 5 on are wanted"));
            Assert.That(() => Read("sub/data", "9223372036854775807"), Throws.TypeOf<CorruptCheckpointException>());
        });

        byte[] Read(string location, string offset)
        {
            using var reader = Open(External(location, offset, null));
            return reader.Read("w");
        }
    }

    [Test]
    public void All_missing_data_is_named_at_once()
    {
        var model = External("absent", "0", "4");
        var other = model.Graph.Initializer[0].Clone();
        other.Name = "v";
        model.Graph.Initializer.Add(other);
        using var reader = Open(model);
        Assert.That(reader.CheckExternalData, Throws.TypeOf<CorruptCheckpointException>().With.Message.EqualTo("reading model.onnx: 2 problems\n  w: absent is not there\n  v: absent is not there"));
    }

    [Test]
    public void A_size_that_no_file_has_is_not_allocated()
    {
        File.WriteAllBytes(_folder["data"], new byte[8]);
        var model = External("data", "0", null);
        model.Graph.Initializer[0].Dims.Clear();
        model.Graph.Initializer[0].Dims.Add(1L << 45);
        using var reader = Open(model);
        Assert.That(() => reader.Read("w"), Throws.TypeOf<CorruptCheckpointException>().With.Message.EqualTo("reading model.onnx: w: data has 8 bytes, 140737488355328 from byte 0 on are wanted"));
    }

    [Test]
    public void Initializers_that_contradict_themselves_are_refused_together()
    {
        var model = TestModels.Of();
        model.Graph.Initializer.Add(new TensorProto { Name = "short", DataType = (int)ElementType.Float, Dims = { 3 }, RawData = ByteString.CopyFrom(new byte[8]) });
        model.Graph.Initializer.Add(new TensorProto { Name = "negative", DataType = (int)ElementType.Float, Dims = { -3 } });
        model.Graph.Initializer.Add(new TensorProto { Name = "huge", DataType = (int)ElementType.Float, Dims = { long.MaxValue, long.MaxValue } });
        model.Graph.Initializer.Add(new TensorProto { Name = "short", DataType = (int)ElementType.Float });
        Assert.That(() => Open(model), Throws.TypeOf<CorruptCheckpointException>().With.Message.EqualTo(
            "reading model.onnx: 4 problems\n  short: 8 bytes of data for Float [3], which takes 12\n  negative: dimensions [-3]\n  huge: dimensions [9223372036854775807, 9223372036854775807]\n  short: an initializer of this name twice"));
    }

    [TestCase(new byte[0], "byte 0: no graph")]
    [TestCase(new byte[] { 0x3A, 0x05, 0x01 }, "byte 0: field 7 is 5 bytes long, 1 are left")]
    [TestCase(new byte[] { 0x80 }, "byte 0: the file or message ends inside a number")]
    [TestCase(new byte[] { 0x07, 0x00 }, "byte 0: a field that protobuf doesn't have (tag 7)")]
    [TestCase(new byte[] { 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF }, "byte 0: a number of more than 64 bits")]
    public void What_is_no_model_is_refused(byte[] bytes, string found)
    {
        File.WriteAllBytes(_folder["model.onnx"], bytes);
        Assert.That(() => OnnxReader.Open(_folder["model.onnx"]), Throws.TypeOf<CorruptCheckpointException>().With.Message.EqualTo(
            $"reading model.onnx: {found}. Next: fetch the file again, or check that it is an ONNX model"));
    }

    [Test]
    public void Graphs_nested_too_deeply_are_refused()
    {
        var graph = new GraphProto();
        for (var i = 0; i < 200; i++) graph = new GraphProto { Node = { new NodeProto { Attribute = { new AttributeProto { G = graph } } } } };
        Assert.That(() => Open(new ModelProto { Graph = graph }), Throws.TypeOf<CorruptCheckpointException>());
    }

    [Test]
    public void Damaged_files_are_read_or_refused_and_nothing_else()
    {
        var small = TestModels.Full();
        small.Graph.Initializer.Add(External("data", "0", "4").Graph.Initializer[0]);
        var large = small.Clone();
        large.Graph.Initializer.Add(new TensorProto { Name = "large", DataType = (int)ElementType.UInt8, Dims = { 70_000 }, RawData = ByteString.CopyFrom(new byte[70_000]) });
        var models = new[] { small.ToByteArray(), large.ToByteArray() };
        var random = new Random(7);
        var (read, refused) = (0, 0);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var clock = Stopwatch.StartNew();
        for (var i = 0; i < 10_000; i++)
        {
            var bytes = models[i % 10 == 0 ? 1 : 0];
            var structure = bytes.Length - (bytes.Length > 70_000 ? 70_000 : 0);
            int Place() => random.Next(structure) is var at && at < 500 ? at : bytes.Length - structure + at;
            var damaged = (byte[])bytes.Clone();
            if (i % 5 == 0) damaged = damaged[..Place()];
            for (var n = random.Next(i % 5 == 0 ? 0 : 1, 4); n > 0 && damaged.Length > 0; n--)
            {
                var at = Place();
                if (at < damaged.Length) damaged[at] = random.Next(3) switch { 0 => (byte)random.Next(256), 1 => 0xFF, _ => (byte)(damaged[at] ^ (1 << random.Next(8))) };
            }
            File.Delete(_folder["model.onnx"]);                     // some file systems flush a file that is overwritten
            File.WriteAllBytes(_folder["model.onnx"], damaged);
            try
            {
                using var reader = OnnxReader.Open(_folder["model.onnx"]);
                OnnxText.Dump(reader.Model);
                foreach (var tensor in reader.Tensors.Values.Where(t => t.Type.Bits() > 0)) reader.Read(tensor.Name);
                read++;
            }
            catch (CorruptCheckpointException)
            {
                refused++;
            }
        }
        Assert.Multiple(() =>
        {
            Assert.That(read + refused, Is.EqualTo(10_000));
            Assert.That(refused, Is.GreaterThan(3000));
            Assert.That((GC.GetAllocatedBytesForCurrentThread() - before) / 10_000, Is.LessThan(500_000), "bytes allocated for files of 1 KB and 71 KB");
            Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromMinutes(2)));
        });
    }

    private OnnxReader Open(ModelProto model)
    {
        File.WriteAllBytes(_folder["model.onnx"], model.ToByteArray());
        return OnnxReader.Open(_folder["model.onnx"]);
    }

    private static ModelProto External(string location, string offset, string? length)
    {
        var model = TestModels.Of();
        var tensor = new TensorProto { Name = "w", DataType = (int)ElementType.Float, Dims = { 1 }, DataLocation = TensorProto.Types.DataLocation.External };
        tensor.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = location });
        tensor.ExternalData.Add(new StringStringEntryProto { Key = "offset", Value = offset });
        if (length is not null) tensor.ExternalData.Add(new StringStringEntryProto { Key = "length", Value = length });
        model.Graph.Initializer.Add(tensor);
        return model;
    }
}
