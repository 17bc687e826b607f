using System.IO.Compression;
using System.Text;
using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Checkpoints;

/// <summary>One small invalid file and one message for each refusal.</summary>
public sealed class TorchRefusalTests
{
    private const string Pickle = "reading the pickle in x.bin: ";
    private const string Plain = "reading x.bin: ";
    private static readonly byte[] Eight = new byte[8];

    [TestCase("posix", "system")]
    [TestCase("builtins", "eval")]
    [TestCase("os", "popen")]
    [TestCase("torch.storage", "_load_from_bytes")]
    [TestCase("torch._utils", "_rebuild_qtensor")]
    [TestCase("torch", "no_such")]
    public void Names_outside_the_table_are_refused(string module, string name)
    {
        var message = $"{Pickle}{module}.{name}: the pickle asks for it, and nothing of a pickle is run; supported: tensors, their storages and types, OrderedDict. Next: get the checkpoint as safetensors, or save only its state_dict()";
        Unsupported(PickleWriter.Zip(new PickleWriter().Global(module, name).Text("touch pwned").Op("\u0085R").Done()), message);
        Unsupported(PickleWriter.Zip(new PickleWriter(4).Text(module).Text(name).Raw(0x93).Done()), message);
        Unsupported(PickleWriter.Legacy(new PickleWriter().Global(module, name).Text("touch pwned").Op("\u0085R").Done()), message);
    }

    [Test]
    public void TorchScript_without_tensors_is_refused() =>
        Unsupported(PickleWriter.Zip(new PickleWriter().Global("__torch__.clip.model", "CLIP").Op(")\u0081}b").Done(), [("archive/constants.pkl", Eight)], CompressionLevel.NoCompression),
            $"{Plain}no tensors are stored; supported: a dictionary of tensors. Next: save the model's state_dict()");

    [TestCase("p0\n", "opcode 0x70: it is not known or would run code")]
    [TestCase("i", "opcode 0x69: it is not known or would run code")]
    [TestCase("P0\n", "opcode 0x50: it is not known or would run code")]
    [TestCase("\u0082\u0001", "opcode 0x82: it is not known or would run code")]
    [TestCase("\u0080\u0006", "protocol 6: it is not known; supported: 2 to 5")]
    [TestCase("\u0080\u0001", "protocol 1: it is not known; supported: 2 to 5")]
    public void Other_opcodes_are_refused(string opcodes, string message) => Unsupported(PickleWriter.Zip(new PickleWriter().Op(opcodes).Done()), Pickle + message);

    [TestCase("}", "a dictionary of tensors", "no tensors are stored")]
    [TestCase("]", "a dictionary of tensors", "a list is stored")]
    [TestCase("K\u0001", "a dictionary of tensors", "a whole number is stored")]
    [TestCase("\u008f", "a dictionary of tensors", "another value is stored")]
    public void Other_objects_are_refused(string opcodes, string supported, string found) =>
        Unsupported(PickleWriter.Zip(new PickleWriter().Op(opcodes).Done()), $"{Plain}{found}; supported: {supported}. Next: save the model's state_dict()");

    [TestCase("0", "a value is used that is not there")]
    [TestCase("(0", "a value is used that is not there")]
    [TestCase("(", "it ends with other than one value")]
    [TestCase("}}", "it ends with other than one value")]
    [TestCase("t", "a mark is used that is not there")]
    [TestCase("\u0085", "a value is used that is not there")]
    [TestCase("h\u0000", "memo 0, which is not there")]
    [TestCase("}q\u0001", "memo 1 after -1")]
    [TestCase("}\u0094\u0094", "memo 1 after 0")]
    [TestCase("NNs", "a value is used that is not there")]
    [TestCase("NNNs", "an item of None is set")]
    [TestCase("}(Nu", "a key without its value")]
    [TestCase("}Na", "a dictionary is appended to")]
    [TestCase("}(N\u0090", "a dictionary is added to")]
    [TestCase("NNR", "None is called")]
    [TestCase("ctorch\nfloat32\n)R", "torch.float32 is called")]
    [TestCase("ccollections\nOrderedDict\n]R", "collections.OrderedDict is called with a list")]
    [TestCase("ccollections\nOrderedDict\n]\u0085R", "collections.OrderedDict is called with arguments that don't fit")]
    [TestCase("ctorch._utils\n_rebuild_tensor_v2\n)R", "torch._utils._rebuild_tensor_v2 is called with arguments that don't fit")]
    [TestCase("N}b", "attributes of None are set")]
    [TestCase("NQ", "a reference that is no storage")]
    [TestCase("X\u0002\u0000\u0000\u0000\u00ff\u00ff", "a text that is not UTF-8")]
    [TestCase("X\u00ff\u0000\u0000\u0000a", "a value of 255 bytes where 2 are left")]
    [TestCase("\u008d\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u00ff", "a value of 18374686479671623680 bytes where 1 are left")]
    [TestCase("\u008b\u0000\u0001\u0000\u0000", "a number of 256 bytes")]
    [TestCase("c\u0001", "a name that is none")]
    [TestCase("NN\u0093", "a name that is no text")]
    public void A_damaged_pickle_is_refused(string opcodes, string found)
    {
        var error = Fails<CorruptCheckpointException>(PickleWriter.Zip(new PickleWriter().Op(opcodes).Done()));
        Assert.That(error.Message, Does.StartWith(Pickle + "byte ").And.EndsWith($": {found}. Next: download the file again"));
    }

    [Test]
    public void A_pickle_without_its_end_is_refused() => Assert.That(Fails<CorruptCheckpointException>(PickleWriter.Zip([0x80, 2, (byte)'}'])).Message,
        Does.EndWith(": it ends in the middle. Next: download the file again"));

    [TestCase(9, 0L, new long[] { 2 }, new long[] { 1 }, "storage 0: 8 bytes; supported: 9 elements of 1 byte")]
    [TestCase(8, 0L, new long[] { 9 }, new long[] { 1 }, "tensor \"w\": it reaches beyond its storage of 8 bytes")]
    [TestCase(8, 7L, new long[] { 2 }, new long[] { 1 }, "tensor \"w\": it reaches beyond its storage of 8 bytes")]
    [TestCase(8, 9L, new long[] { 0 }, new long[] { 1 }, "tensor \"w\": it reaches beyond its storage of 8 bytes")]
    [TestCase(8, 0L, new long[] { 2 }, new long[] { long.MaxValue }, "tensor \"w\": more elements than a file can hold")]
    [TestCase(8, 0L, new long[] { 1L << 40, 1L << 40 }, new long[] { 0, 0 }, "tensor \"w\": more elements than a file can hold")]
    [TestCase(8, -1L, new long[] { 2 }, new long[] { 1 }, "tensor \"w\": a negative offset, dimension or stride")]
    [TestCase(8, 0L, new long[] { -2 }, new long[] { 1 }, "tensor \"w\": a negative offset, dimension or stride")]
    [TestCase(8, 7L, new long[] { 2 }, new long[] { -1 }, "tensor \"w\": a negative offset, dimension or stride")]
    [TestCase(8, 0L, new long[] { 2, 2 }, new long[] { 1 }, "tensor \"w\": 2 dimensions and 1 strides")]
    public void A_tensor_outside_its_storage_is_refused(long count, long offset, long[] shape, long[] strides, string message)
    {
        var pickle = new PickleWriter().Op("}").Text("w").Tensor("ByteStorage", "0", count, offset, shape, strides).Op("s").Done();
        Assert.That(Fails<CorruptCheckpointException>(PickleWriter.Zip(pickle, ("0", Eight))).Message, Is.EqualTo(Plain + message));
    }

    [Test]
    public void A_view_that_multiplies_its_storage_is_refused()
    {
        var pickle = new PickleWriter().Op("}").Text("w").Tensor("ByteStorage", "0", 8, 0, [1L << 40], [0]).Op("s").Done();
        var file = PickleWriter.Zip(pickle, ("0", Eight));
        Assert.That(Fails<CorruptCheckpointException>(file).Message, Is.EqualTo($"{Plain}tensor \"w\": 1,099,511,627,776 bytes from a file of {file.Length} bytes"));
    }

    [Test]
    public void Storages_that_contradict_each_other_are_refused()
    {
        var pickle = new PickleWriter().Op("}(").Text("a").Tensor("ByteStorage", "0", 8, 0, [2], [1]).Text("b").Tensor("FloatStorage", "0", 2, 0, [2], [1]).Op("u").Done();
        Assert.That(Fails<CorruptCheckpointException>(PickleWriter.Zip(pickle, ("0", Eight))).Message, Does.Contain("storage 0 with two types or sizes"));
    }

    [Test]
    public void A_tensor_twice_is_refused()
    {
        var pickle = new PickleWriter().Op("}(").Text("a").Tensor("ByteStorage", "0", 8, 0, [2], [1]).Text("a").Tensor("ByteStorage", "0", 8, 0, [2], [1]).Op("u").Done();
        Assert.That(Fails<CorruptCheckpointException>(PickleWriter.Zip(pickle, ("0", Eight))).Message, Is.EqualTo($"{Plain}tensor \"a\": it is there twice"));
    }

    private static readonly byte[] Sound = new PickleWriter().Op("}").Text("w").Tensor("ByteStorage", "0", 8, 0, [2], [1]).Op("s").Done();

    [Test]
    public void A_zip_that_torch_did_not_write_is_refused()
    {
        var whole = PickleWriter.Zip(Sound, ("0", Eight));
        Assert.Multiple(() =>
        {
            Assert.That(Fails<CorruptCheckpointException>(PickleWriter.Zip(Sound)).Message, Is.EqualTo($"{Plain}storage 0: it is not in the file"));
            Assert.That(Fails<CorruptCheckpointException>(whole[..^30]).Message, Is.EqualTo($"{Plain}no directory at its end: the file is cut short. Next: download the file again"));
            Assert.That(Fails<CorruptCheckpointException>(PickleWriter.Zip(Sound, [], CompressionLevel.Optimal, ("0", Eight))).Message,
                Is.EqualTo($"{Plain}archive/data.pkl: it is compressed; supported: entries stored as they are, as torch.save writes them"));
            Assert.That(Fails<CorruptCheckpointException>(PickleWriter.Zip(Sound, [("other/data.pkl", Eight)], CompressionLevel.NoCompression, ("0", Eight))).Message,
                Is.EqualTo($"{Plain}more than one data.pkl in it; supported: a file of torch.save"));
            Assert.That(Fails<CorruptCheckpointException>(PickleWriter.Zip(Sound, [], CompressionLevel.NoCompression, ("0", Eight), ("0", Eight))).Message, Is.EqualTo($"{Plain}archive/data/0: it is there twice"));
            Assert.That(Fails<UnsupportedCheckpointException>(PickleWriter.Zip(Sound, [("archive/byteorder", Encoding.ASCII.GetBytes("big"))], CompressionLevel.NoCompression, ("0", Eight))).Message,
                Is.EqualTo($"{Plain}numbers with the highest byte first; supported: the lowest byte first. Next: save it again on another machine"));
        });
    }

    [Test]
    public void A_legacy_file_that_is_cut_or_lies_is_refused()
    {
        var whole = PickleWriter.Legacy(Sound, ("0", 8, Eight));
        Assert.Multiple(() =>
        {
            Assert.That(Fails<CorruptCheckpointException>(whole[..^3]).Message, Is.EqualTo($"{Plain}storage 0: 8 elements where 5 bytes are left. Next: download the file again"));
            Assert.That(Fails<CorruptCheckpointException>(whole[..^9]).Message, Is.EqualTo($"{Plain}storage 0: the file ends before it. Next: download the file again"));
            Assert.That(Fails<CorruptCheckpointException>(PickleWriter.Legacy(Sound, ("0", 7, Eight))).Message, Is.EqualTo($"{Plain}storage 0: 7 bytes; supported: 8 elements of 1 byte"));
            Assert.That(Fails<CorruptCheckpointException>(PickleWriter.Legacy(Sound, ("0", -1, Eight))).Message, Is.EqualTo($"{Plain}storage 0: -1 elements where 8 bytes are left. Next: download the file again"));
            Assert.That(Fails<CorruptCheckpointException>(PickleWriter.Legacy(Sound)).Message, Is.EqualTo($"{Plain}storage 0: it is not in the file"));
            Assert.That(Fails<CorruptCheckpointException>(PickleWriter.Legacy(Sound, ("1", 8, Eight))).Message, Is.EqualTo($"{Plain}a storage that no tensor names"));
            Assert.That(Fails<UnsupportedCheckpointException>(Sound).Message,
                Is.EqualTo($"{Plain}a pickle that torch.save didn't write; supported: the zip format and the one before it. Next: save it with torch.save, or as safetensors"));
        });
    }

    [Test]
    public void Other_files_are_refused()
    {
        var tar = new byte[1024];
        "ustar"u8.CopyTo(tar.AsSpan(257));
        Assert.Multiple(() =>
        {
            Assert.That(Fails<UnsupportedCheckpointException>(tar).Message, Is.EqualTo($"{Plain}the tar format of torch before 0.1.10; supported: the zip format and the one before it. Next: save it again with torch.save, or as safetensors"));
            Assert.That(Fails<UnsupportedCheckpointException>([1, 2]).Message, Is.EqualTo($"{Plain}no file of torch.save; supported: the zip format and the one before it. Next: save it again with torch.save, or as safetensors"));
        });
    }

    [TestCase("decoder-broken/pickle-system")]
    [TestCase("decoder-broken/pickle-system-legacy")]
    public void Fixtures_that_would_run_a_program_are_refused(string fixture)
    {
        using var checkpoint = Checkpoint.Open(Fixtures.Find(fixture));
        Assert.That(() => checkpoint.Tensors.Count, Throws.TypeOf<UnsupportedCheckpointException>().With.Message.StartsWith(
            "reading the pickle in pytorch_model.bin: posix.system: the pickle asks for it, and nothing of a pickle is run"));
    }

    private static void Unsupported(byte[] bytes, string message) => Assert.That(Fails<UnsupportedCheckpointException>(bytes).Message, Is.EqualTo(message));

    private static T Fails<T>(byte[] bytes) where T : Exception
    {
        using var folder = new ScratchFolder();
        File.WriteAllBytes(folder["x.bin"], bytes);
        return Assert.Throws<T>(() => TorchFile.Open(folder["x.bin"], "x.bin").Dispose())!;
    }
}
