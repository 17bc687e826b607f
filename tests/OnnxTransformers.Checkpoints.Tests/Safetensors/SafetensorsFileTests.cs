using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Checkpoints;

public sealed class SafetensorsFileTests
{
    private ScratchFolder _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = new();

    [TearDown]
    public void DeleteFolder() => _folder.Dispose();

    // Names and bits of the format's own list, apart from the product's table.
    private static readonly (string Name, ElementType Type, int Bits)[] Types =
    [
        ("BOOL", ElementType.Bool, 8), ("U8", ElementType.UInt8, 8), ("I8", ElementType.Int8, 8), ("F8_E5M2", ElementType.Float8E5M2, 8), ("F8_E4M3", ElementType.Float8E4M3FN, 8),
        ("F8_E8M0", ElementType.Float8E8M0, 8), ("F4", ElementType.Float4E2M1, 4), ("F6_E2M3", ElementType.Float6E2M3, 6), ("F6_E3M2", ElementType.Float6E3M2, 6),
        ("I16", ElementType.Int16, 16), ("U16", ElementType.UInt16, 16), ("F16", ElementType.Float16, 16), ("BF16", ElementType.BFloat16, 16), ("I32", ElementType.Int32, 32),
        ("U32", ElementType.UInt32, 32), ("F32", ElementType.Float, 32), ("F64", ElementType.Double, 64), ("I64", ElementType.Int64, 64), ("U64", ElementType.UInt64, 64), ("C64", ElementType.Complex64, 64),
    ];

    [TestCaseSource(nameof(Types))]
    public void Every_dtype_is_read((string Name, ElementType Type, int Bits) type)
    {
        var length = 4 * 6 * type.Bits / 8;
        using var file = Open(Bytes.Safetensors($$$"""{"x":{"dtype":"{{{type.Name}}}","shape":[4,6],"data_offsets":[0,{{{length}}}]}}""", length));
        Assert.Multiple(() =>
        {
            Assert.That(file.Tensors["x"].Type, Is.EqualTo(type.Type));
            Assert.That(file.Tensors["x"].Shape, Is.EqualTo(new long[] { 4, 6 }));
            Assert.That(file.Tensors["x"].Bytes, Is.EqualTo(length));
            Assert.That(file.All("x"), Is.EqualTo(Enumerable.Range(0, length)));
        });
    }

    [Test]
    public void The_list_of_dtypes_is_complete() => Assert.That(SafetensorsTypes.Types, Is.EquivalentTo(Types.Select(type => type.Type)));

    [Test]
    public void Scalars_empty_tensors_spaces_and_any_order_are_read()
    {
        using var file = Open(Bytes.Safetensors("""
            { "b" : {"data_offsets":[4,12],"shape":[2],"dtype":"F32"}, "empty":{"dtype":"I64","shape":[0,5],"data_offsets":[4,4]},
              "__metadata__":{"format":"pt","a\u00e4":"\ud83d\ude00"}, "a\n":{"dtype":"F32","shape":[],"data_offsets":[0,4]} }   
            """, 12));
        Assert.Multiple(() =>
        {
            Assert.That(file.Tensors.Keys, Is.EquivalentTo(new[] { "a\n", "b", "empty" }));
            Assert.That(file.Tensors["a\n"].ShapeText, Is.EqualTo("[]"));
            Assert.That(file.All("a\n"), Is.EqualTo(new byte[] { 0, 1, 2, 3 }));
            Assert.That(file.All("b"), Is.EqualTo(new byte[] { 4, 5, 6, 7, 8, 9, 10, 11 }));
            Assert.That(file.All("empty"), Is.Empty);
            Assert.That(file.Metadata, Is.EqualTo(new Dictionary<string, string> { ["format"] = "pt", ["aä"] = "😀" }));
        });
    }

    [Test]
    public void A_file_without_tensors_is_read()
    {
        using var file = Open(Bytes.Safetensors("{}", 0));
        Assert.That(file.Tensors, Is.Empty);
    }

    [Test]
    public void Parts_are_read_and_located()
    {
        using var file = Open(Bytes.Safetensors("""{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[5],"data_offsets":[3,8]}}""", 8));
        var part = new byte[2];
        file.Read("b", 2, part);
        var at = file.Locate("b")!;
        Assert.Multiple(() =>
        {
            Assert.That(part, Is.EqualTo(new byte[] { 5, 6 }));
            Assert.That(File.ReadAllBytes(at.Path).AsSpan((int)at.Offset, (int)at.Length).ToArray(), Is.EqualTo(new byte[] { 3, 4, 5, 6, 7 }));
            Assert.That(() => file.Read("b", 4, part), Throws.InstanceOf<ArgumentOutOfRangeException>());
            Assert.That(() => file.Read("b", -1, part), Throws.InstanceOf<ArgumentOutOfRangeException>());
            Assert.That(() => file.Read("c", 0, part), Throws.TypeOf<KeyNotFoundException>().With.Message.EqualTo("x.safetensors has no tensor \"c\""));
        });
    }

    [Test]
    public void A_view_outlives_the_file()
    {
        TensorView? view;
        using (var file = Open(Bytes.Safetensors("""{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[5],"data_offsets":[3,8]},"e":{"dtype":"U8","shape":[0],"data_offsets":[8,8]}}""", 8)))
        {
            Assert.That(file.TryView("b", out view));
            Assert.That(file.TryView("e", out var empty));
            Assert.That(empty!.Bytes.Length, Is.Zero);
        }
        Assert.Multiple(() =>
        {
            Assert.That(view!.Bytes.ToArray(), Is.EqualTo(new byte[] { 3, 4, 5, 6, 7 }));
            Assert.That(view.Slice(1, 2).ToArray(), Is.EqualTo(new byte[] { 4, 5 }));
            Assert.That(() => view.Slice(4, 2).Length, Throws.InstanceOf<ArgumentOutOfRangeException>());
        });
        view!.Dispose();
        view.Dispose();
        Assert.That(() => view.Bytes.Length, Throws.TypeOf<ObjectDisposedException>());
    }

    [Test]
    public void A_file_cut_short_while_open_is_an_error_not_a_crash()
    {
        using var file = Open(Bytes.Safetensors("""{"a":{"dtype":"U8","shape":[9000],"data_offsets":[0,9000]}}""", 9000));
        using (var writer = new FileStream(_folder["x.safetensors"], FileMode.Open, FileAccess.Write, FileShare.ReadWrite)) writer.SetLength(100);
        Assert.That(() => file.All("a"), Throws.TypeOf<CorruptCheckpointException>().With.Message.EqualTo(
            "reading x.safetensors: it ends at byte 100; it was 9,067 bytes long when it was opened. Next: don't change a checkpoint while it is read"));
    }

    [Test]
    public void Many_threads_read_at_once()
    {
        using var file = Open(Bytes.Safetensors("""{"a":{"dtype":"U8","shape":[200],"data_offsets":[0,200]},"b":{"dtype":"U8","shape":[50],"data_offsets":[200,250]}}""", 250));
        Parallel.For(0, 2000, i =>
        {
            Assert.That(file.All("b", 7), Is.EqualTo(Enumerable.Range(200, 50)));
            Assert.That(file.TryView("a", out var view));
            using (view) Assert.That(view!.Bytes[i % 200], Is.EqualTo(i % 200));
        });
    }

    [Test]
    public void Fixtures_are_read_as_an_independent_reader_reads_them()
    {
        var path = Path.Combine(Fixtures.Find("text/bert-base"), "golden.safetensors");
        var expected = GoldenTensor.ReadAll(path);
        using var file = SafetensorsFile.Open(path);
        Assert.That(file.Tensors.Keys, Is.EquivalentTo(expected.Keys));
        foreach (var (name, tensor) in expected)
        {
            Assert.Multiple(() =>
            {
                Assert.That(file.Tensors[name].Type, Is.EqualTo(tensor.Type), name);
                Assert.That(file.Tensors[name].Shape, Is.EqualTo(tensor.Shape), name);
                Assert.That(file.All(name), Is.EqualTo(tensor.Bytes.ToArray()), name);
            });
        }
    }

    private SafetensorsFile Open(byte[] bytes)
    {
        File.WriteAllBytes(_folder["x.safetensors"], bytes);
        return SafetensorsFile.Open(_folder["x.safetensors"]);
    }
}
