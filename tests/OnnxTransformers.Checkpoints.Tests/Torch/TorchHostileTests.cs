using System.Diagnostics;
using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Checkpoints;

public sealed class TorchHostileTests
{
    [TestCase("zip")]
    [TestCase("zip64")]
    [TestCase("legacy")]
    public void Ten_thousand_mutated_files(string form)
    {
        var pickle = new PickleWriter().Op("}(").Text("embeddings.weight").Tensor("FloatStorage", "0", 15, 0, [5, 3], [3, 1]).Text("t").Tensor("FloatStorage", "0", 15, 0, [3, 5], [1, 3])
            .Text("step").Int(3).Text("mask").Tensor("BoolStorage", "1", 4, 1, [2], [1]).Text("more").Op("]}\u0086ccollections\nOrderedDict\n)R0u").Done();
        var good = form == "legacy" ? PickleWriter.Legacy(pickle, ("0", 15, new byte[60]), ("1", 4, new byte[4])) : PickleWriter.Zip(pickle, ("0", new byte[60]), ("1", new byte[4]));
        if (form == "zip64") good = PickleWriter.Zip64(good);
        Run(good, good.Length, 10_000, 6_000);
    }

    [TestCase("text/distilbert-pickled/pytorch_model.bin")]
    [TestCase("decoder/storage-legacy-bin/pytorch_model.bin")]
    public void Thousands_of_mutated_fixtures(string fixture) => Run(File.ReadAllBytes(Fixtures.Find(fixture)), 4000, 1_500, 1_000);

    private static void Run(byte[] good, int focus, int count, int refusals)
    {
        var refused = Hostile.Mutate(good, count, focus, (path, _) =>
        {
            using var file = TorchFile.Open(path, "x.bin");
            foreach (var name in file.Tensors.Keys) file.All(name);
        });
        Assert.That(refused, Is.GreaterThan(refusals));
    }

    // What a few bytes could grow into: each is refused or read soon, and with memory in proportion to the file.
    [TestCase("]", 3_000_000, "lists that nothing holds")]
    [TestCase("]\u0094", 2_000_000, "a memo of lists")]
    [TestCase("(", 3_000_000, "marks")]
    [TestCase("2", 3_000_000, "copies of one value")]
    [TestCase("\u0086", 3_000_000, "pairs of nothing")]
    [TestCase("2\u0086", 2_000_000, "pairs of pairs, two to the power of a million")]
    [TestCase("]0", 3_000_000, "garbage")]
    [TestCase("}q\u00000", 1_000_000, "one place of the memo, over and over")]
    [TestCase("]\u0085", 1_000_000, "lists in tuples")]
    [TestCase("(]t", 1_000_000, "tuples of one")]
    public void Growth_is_bounded(string opcodes, int times, string what)
    {
        var pickle = new PickleWriter().Op("}").Op(string.Concat(Enumerable.Repeat(opcodes, times))).Done();
        using var folder = new ScratchFolder();
        File.WriteAllBytes(folder["x.bin"], PickleWriter.Zip(pickle));
        var (allocated, clock) = (GC.GetAllocatedBytesForCurrentThread(), Stopwatch.StartNew());
        Assert.That(() => TorchFile.Open(folder["x.bin"], "x.bin").Dispose(), Throws.InstanceOf<OnnxTransformersException>(), what);
        Assert.Multiple(() =>
        {
            Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(5)), what);
            Assert.That(GC.GetAllocatedBytesForCurrentThread() - allocated, Is.LessThan((8L << 20) + 16L * pickle.Length), what);
        });
    }

    [Test]
    public void A_dictionary_inside_itself_is_refused()
    {
        using var folder = new ScratchFolder();
        File.WriteAllBytes(folder["x.bin"], PickleWriter.Zip(new PickleWriter().Op("}q\0").Text("model").Op("h\0s").Done()));
        Assert.That(() => TorchFile.Open(folder["x.bin"], "x.bin").Dispose(), Throws.TypeOf<UnsupportedCheckpointException>().With.Message.Contains("no tensors are stored"));
    }
}
