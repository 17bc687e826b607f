using System.Security.Cryptography;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Checkpoints;

public sealed class TorchFileTests
{
    private ScratchFolder _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = new();

    [TearDown]
    public void DeleteFolder() => _folder.Dispose();

    private static readonly byte[] Sixteen = [.. Enumerable.Range(0, 16).Select(i => (byte)i)];

    // The hashes are of Python's pickle module and a stand-in for torch: names, shapes and bytes of all tensors by name.
    [TestCase("text/distilbert-pickled/pytorch_model.bin", 42, "0eaf8d811d37ebff")]
    [TestCase("decoder/storage-bin/pytorch_model.bin", 21, "a5dc4a00b53635d7")]
    [TestCase("decoder/storage-legacy-bin/pytorch_model.bin", 21, "a5dc4a00b53635d7")]
    [TestCase("decoder/storage-old-buffers/pytorch_model.bin", 23, "f8837783d6ee9e2f")]
    [TestCase("decoder/storage-sharded-bin/pytorch_model-00002-of-00003.bin", 9, "591d636d0fd23148")]
    [TestCase("formats/partial-bert-gamma-beta/pytorch_model.bin", 45, "b2ce30f97a3b7c87")]
    [TestCase("formats/partial-t5-all-names/pytorch_model.bin", 51, "0092771d89a48a7d")]
    [TestCase("multimodal/original-clip-resnet/model.pt", 159, "1336cbf8640afc3f")]
    [TestCase("multimodal/original-clip-vit/model.pt", 50, "a9dfb4b6272ed263")]
    [TestCase("multimodal/original-clip-vit-jit/model.pt", 41, "4b9f66ba431c1027")]
    [TestCase("dense/original-convnext/convnext.pth", 65, "b1c646f99ba957b9")]
    [TestCase("dense/original-segformer/segformer.pth", 138, "67547acaa4404580")]
    [TestCase("dense/original-swin/swin.pth", 71, "208722bf4fc7ceef")]
    public void Fixtures_are_read_as_python_reads_them(string fixture, int count, string hash)
    {
        using var file = TorchFile.Open(Fixtures.Find(fixture), "x");
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var name in file.Tensors.Keys.Order(StringComparer.Ordinal))
        {
            sha.AppendData(Encoding.UTF8.GetBytes(name + file.Tensors[name].ShapeText));
            sha.AppendData(file.All(name, 1000));
        }
        Assert.Multiple(() =>
        {
            Assert.That(file.Tensors, Has.Count.EqualTo(count));
            Assert.That(Convert.ToHexStringLower(sha.GetHashAndReset())[..16], Is.EqualTo(hash));
        });
    }

    [Test]
    public void Modules_of_TorchScript_are_read_as_the_names_of_their_tensors()
    {
        // A module with a tensor, a flag, and a module with one more that is there under a second name.
        var inner = new PickleWriter().Global("__torch__.m", "Root").Op(")\u0081}(").Text("w").Tensor("ByteStorage", "0", 16, 0, [2], [1]).Text("training").Raw(0x88)
            .Text("a").Global("__torch__.m", "Part").Op(")\u0081q\u0000}(").Text("v").Tensor("ByteStorage", "0", 16, 4, [3], [1]).Op("ub").Text("b").Op("h\u0000").Op("ub").Done();
        File.WriteAllBytes(_folder["x.pt"], PickleWriter.Zip(inner, ("0", Sixteen)));
        using var file = TorchFile.Open(_folder["x.pt"], "x.pt");
        Assert.Multiple(() =>
        {
            Assert.That(file.Tensors.Keys, Is.EquivalentTo(new[] { "w", "a.v" }));
            Assert.That(file.All("a.v", 100), Is.EqualTo(new byte[] { 4, 5, 6 }));
        });
    }

    [TestCase("FloatStorage", "torch", ElementType.Float, 4)]
    [TestCase("DoubleStorage", "torch", ElementType.Double, 8)]
    [TestCase("HalfStorage", "torch", ElementType.Float16, 2)]
    [TestCase("BFloat16Storage", "torch", ElementType.BFloat16, 2)]
    [TestCase("LongStorage", "torch", ElementType.Int64, 8)]
    [TestCase("IntStorage", "torch", ElementType.Int32, 4)]
    [TestCase("ShortStorage", "torch", ElementType.Int16, 2)]
    [TestCase("CharStorage", "torch", ElementType.Int8, 1)]
    [TestCase("ByteStorage", "torch", ElementType.UInt8, 1)]
    [TestCase("BoolStorage", "torch", ElementType.Bool, 1)]
    [TestCase("ComplexFloatStorage", "torch", ElementType.Complex64, 8)]
    [TestCase("ComplexDoubleStorage", "torch", ElementType.Complex128, 16)]
    [TestCase("FloatStorage", "torch.cuda", ElementType.Float, 4)]
    public void Every_storage_is_read(string storage, string module, ElementType type, int size)
    {
        var pickle = new PickleWriter().Op("}").Text("w").Global("torch._utils", "_rebuild_tensor_v2").Op("(").Storage(storage, "0", 16 / size, module)
            .Int(0).Tuple(16 / size).Tuple(1).Raw(0x89).Global("collections", "OrderedDict").Op(")RtRs").Done();
        using var file = Open(PickleWriter.Zip(pickle, ("0", Sixteen)));
        Assert.Multiple(() =>
        {
            Assert.That(file.Tensors["w"], Is.EqualTo(new TensorInfo("w", type, file.Tensors["w"].Shape)));
            Assert.That(file.All("w"), Is.EqualTo(Sixteen));
        });
    }

    [TestCase("float8_e4m3fn", ElementType.Float8E4M3FN, 16)]
    [TestCase("uint16", ElementType.UInt16, 8)]
    [TestCase("float32", ElementType.Float, 4)]
    public void Untyped_storages_have_the_tensor_s_type(string dtype, ElementType type, int count)
    {
        var pickle = new PickleWriter().Op("}").Text("w").Global("torch._utils", "_rebuild_tensor_v3").Op("(").Storage("UntypedStorage", "0", 16, "torch.storage")
            .Int(0).Tuple(count).Tuple(1).Raw(0x89).Global("collections", "OrderedDict").Op(")R").Global("torch", dtype).Op("tRs").Done();
        using var file = Open(PickleWriter.Zip(pickle, ("0", Sixteen)));
        Assert.That((file.Tensors["w"].Type, file.Tensors["w"].Count), Is.EqualTo((type, (long)count)));
        Assert.That(file.All("w", 3), Is.EqualTo(Sixteen));
    }

    [Test]
    public void Views_share_their_storage_and_honour_strides()
    {
        // 16 bytes as [[0..3] [4..7] [8..11] [12..15]] of bytes: transposed, a column, an expanded row, a scalar.
        var pickle = new PickleWriter().Op("}(")
            .Text("t").Tensor("ByteStorage", "0", 16, 0, [4, 4], [1, 4])
            .Text("column").Tensor("ByteStorage", "0", 16, 2, [4], [4])
            .Text("expanded").Tensor("ByteStorage", "0", 16, 4, [3, 2], [0, 1])
            .Text("scalar").Tensor("ByteStorage", "0", 16, 15, [], [])
            .Text("empty").Tensor("ByteStorage", "0", 16, 0, [0, 7], [7, 1])
            .Op("u").Done();
        using var file = Open(PickleWriter.Zip(pickle, ("0", Sixteen)));
        Assert.Multiple(() =>
        {
            Assert.That(file.All("t"), Is.EqualTo(new byte[] { 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15 }));
            Assert.That(file.All("column"), Is.EqualTo(new byte[] { 2, 6, 10, 14 }));
            Assert.That(file.All("expanded"), Is.EqualTo(new byte[] { 4, 5, 4, 5, 4, 5 }));
            Assert.That(file.All("scalar"), Is.EqualTo(new byte[] { 15 }));
            Assert.That(file.All("empty"), Is.Empty);
            Assert.That(file.Locate("scalar"), Is.Null);
            Assert.That(file.TryView("t", out _), Is.False);
            Assert.That(file.TryView("scalar", out var view));
            using (view) Assert.That(view!.Bytes.ToArray(), Is.EqualTo(new byte[] { 15 }));
        });
    }

    [Test]
    public void Parameters_and_subclasses_of_tensor_are_tensors()
    {
        var pickle = new PickleWriter().Op("}(")
            .Text("p").Global("torch._utils", "_rebuild_parameter").Op("(").Tensor("ByteStorage", "0", 16, 0, [2], [1]).Raw(0x88).Global("collections", "OrderedDict").Op(")RtR")
            .Text("q").Global("torch._tensor", "_rebuild_from_type_v2").Op("(").Global("torch._utils", "_rebuild_tensor_v2").Global("torch.nn.parameter", "Parameter")
                .Op("(").Storage("ByteStorage", "0", 16).Int(2).Tuple(2).Tuple(1).Raw(0x89).Global("collections", "OrderedDict").Op(")Rt").Op("}tR")
            .Op("u").Done();
        using var file = Open(PickleWriter.Zip(pickle, ("0", Sixteen)));
        Assert.That(file.All("p").Concat(file.All("q")), Is.EqualTo(new byte[] { 0, 1, 2, 3 }));
    }

    [Test]
    public void Protocol_4_with_frames_and_short_texts_is_read()
    {
        var pickle = new PickleWriter(4).Raw(0x95, 0, 0, 0, 0, 0, 0, 0, 0).Op("}\u0094(").Raw(0x8c, 1, (byte)'w').Op("\u0094").Raw(0x8c, 12).Op("torch._utils").Raw(0x8c, 18).Op("_rebuild_tensor_v2").Raw(0x93)
            .Op("(").Storage("ByteStorage", "0", 16).Op("K\u0001").Raw(0x4b, 3, 0x85, 0x4b, 1, 0x85, 0x89).Global("collections", "OrderedDict").Op(")RtRu").Done();
        using var file = Open(PickleWriter.Zip(pickle, ("0", Sixteen)));
        Assert.That(file.All("w"), Is.EqualTo(new byte[] { 1, 2, 3 }));
    }

    [TestCase("state_dict")]
    [TestCase("model")]
    public void A_state_dict_inside_a_training_checkpoint_is_found(string key)
    {
        var pickle = new PickleWriter().Op("}(").Text("epoch").Int(3).Text(key).Op("}(").Text("w").Tensor("ByteStorage", "0", 16, 0, [2], [1]).Text("step").Int(7).Op("u").Text("args").Op("Nu").Done();
        using var file = Open(PickleWriter.Zip(pickle, ("0", Sixteen)));
        Assert.Multiple(() =>
        {
            Assert.That(file.Tensors.Keys, Is.EqualTo(new[] { "w" }));
            Assert.That(file.Skipped, Is.EqualTo(new SkippedEntry[] { new("x.bin", "epoch", $"beside {key}"), new("x.bin", "args", $"beside {key}"), new("x.bin", "step", "a whole number") }));
        });
    }

    [Test]
    public void A_directory_of_zip64_is_read()
    {
        var pickle = new PickleWriter().Op("}").Text("w").Tensor("ByteStorage", "0", 16, 3, [2], [1]).Op("s").Done();
        using var file = Open(PickleWriter.Zip64(PickleWriter.Zip(pickle, ("0", Sixteen))));
        Assert.That(file.All("w"), Is.EqualTo(new byte[] { 3, 4 }));
    }

    [Test]
    public void Old_files_hold_views_of_storages()
    {
        var pickle = new PickleWriter().Op("}").Text("w").Global("torch._utils", "_rebuild_tensor").Op("((").Text("storage").Global("torch", "ShortStorage").Text("17").Text("cpu").Int(8)
            .Op("(").Text("18").Int(2).Int(4).Op("t").Op("tQ").Int(1).Tuple(3).Tuple(1).Op("tRs").Done();
        using var file = Open(PickleWriter.Legacy(pickle, ("17", 8, Sixteen)));
        Assert.That(file.All("w"), Is.EqualTo(new byte[] { 6, 7, 8, 9, 10, 11 }));
    }

    /// <summary>Any strided view, read in pieces of any length, gives what walking the storage element by element gives.</summary>
    [Test]
    public void Any_view_is_read_in_any_pieces()
    {
        var storage = new byte[1 << 20];
        new Random(1).NextBytes(storage);
        File.WriteAllBytes(_folder["storage"], storage);
        using var input = InputFile.Open(_folder["storage"], "storage");
        (ElementType Type, int Size)[] types = [(ElementType.UInt8, 1), (ElementType.Float16, 2), (ElementType.Float, 4), (ElementType.Int64, 8), (ElementType.Complex128, 16)];
        var views = from type in Gen.Elements(types)
                    from rank in Gen.Choose(0, 5)
                    from shape in Gen.Frequency((1, Gen.Constant(1)), (5, Gen.Choose(0, 9)), (1, Gen.Choose(10, 90))).ListOf(rank)
                    from strides in Gen.Frequency((1, Gen.Constant(0)), (3, Gen.Constant(1)), (5, Gen.Choose(1, 60)), (2, Gen.Choose(60, 4000))).ListOf(rank)
                    from offset in Gen.Choose(0, 300)
                    from piece in Gen.Frequency((1, Gen.Choose(1, 40)), (1, Gen.Constant(1 << 20)))
                    select (type, shape: shape.Select(x => (long)x).ToArray(), strides: strides.Select(x => (long)x).ToArray(), offset, piece);
        var read = 0;
        Prop.ForAll(views.ToArbitrary(), v =>
        {
            var tensor = new TorchTensor(new TorchStorage("0", v.type.Type, storage.Length / v.type.Size, 0, storage.Length / v.type.Size), v.type.Type, v.offset, v.shape, v.strides);
            if (v.shape.Aggregate(1L, (a, b) => a * b) * v.type.Size > 100_000) return true;
            if (TorchLayout.Of("w", tensor, 0, storage.Length, storage.Length, out _) is not { } layout) return true;
            var got = new byte[layout.Info.Bytes];
            for (var at = 0; at < got.Length; at += v.piece) StridedReader.Read(input, layout, at, got.AsSpan(at, Math.Min(v.piece, got.Length - at)));
            read++;
            return got.AsSpan().SequenceEqual(Walk(storage, v.type.Size, v.offset, v.shape, v.strides));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000).WithReplay(6, 7));
        Assert.That(read, Is.GreaterThan(1000));
    }

    [Test]
    public void A_large_transposed_tensor_is_read_by_runs()
    {
        const int rows = 3000, columns = 700;
        var storage = new float[rows * columns];
        for (var i = 0; i < storage.Length; i++) storage[i] = i;
        var bytes = System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(storage).ToArray();
        var pickle = new PickleWriter().Op("}").Text("w").Tensor("FloatStorage", "0", storage.Length, 0, [columns, rows], [1, columns]).Op("s").Done();
        using var file = Open(PickleWriter.Zip(pickle, ("0", bytes)));
        var got = file.All("w", 1_000_003);
        var floats = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(got);
        for (var c = 0; c < columns; c += 13)
            for (var r = 0; r < rows; r += 7) Assert.That(floats[c * rows + r], Is.EqualTo(r * columns + c));
    }

    private static byte[] Walk(byte[] storage, int size, long origin, ReadOnlySpan<long> shape, ReadOnlySpan<long> strides)
    {
        if (shape.IsEmpty) return storage.AsSpan((int)origin * size, size).ToArray();
        var all = new List<byte>();
        for (var i = 0; i < shape[0]; i++) all.AddRange(Walk(storage, size, origin + i * strides[0], shape[1..], strides[1..]));
        return [.. all];
    }

    private TorchFile Open(byte[] bytes)
    {
        File.WriteAllBytes(_folder["x.bin"], bytes);
        return TorchFile.Open(_folder["x.bin"], "x.bin");
    }
}
