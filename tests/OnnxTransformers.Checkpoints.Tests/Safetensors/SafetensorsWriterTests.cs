using System.Text;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Checkpoints;

public sealed class SafetensorsWriterTests
{
    private ScratchFolder _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = new();

    [TearDown]
    public void DeleteFolder() => _folder.Dispose();

    private static readonly TensorInfo[] Two = [new("b", ElementType.UInt8, [3]), new("a", ElementType.Float, [1, 2])];

    [Test]
    public void The_layout_is_the_reference_s()
    {
        using (var writer = SafetensorsWriter.Create(_folder["x"], Two))
        {
            writer.Write("b", [1, 2]);
            writer.WriteElements<float>("a", [1, -2]);
            writer.Write("b", [3]);
            Assert.That(File.Exists(_folder["x"]), Is.False, "not under its name before it is complete");
            writer.Complete();
        }
        const string header = """{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}}""";
        var padded = header.PadRight((header.Length + 7) / 8 * 8);
        var file = File.ReadAllBytes(_folder["x"]);
        Assert.Multiple(() =>
        {
            Assert.That(Encoding.UTF8.GetString(file.AsSpan(8, padded.Length)), Is.EqualTo(padded));
            Assert.That(file.Skip(8 + padded.Length), Is.EqualTo(new byte[] { 0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0, 1, 2, 3 }));
            Assert.That(Directory.GetFiles(_folder.FullName), Has.Length.EqualTo(1));
        });
    }

    [Test]
    public void An_incomplete_file_is_not_left()
    {
        using (var writer = SafetensorsWriter.Create(_folder["x"], Two))
        {
            writer.Write("b", [1, 2]);
            Assert.That(writer.Complete, Throws.InvalidOperationException.With.Message.EqualTo("tensor \"b\" has 3 bytes, 2 were written").Or.Message.EqualTo("tensor \"a\" has 8 bytes, 0 were written"));
        }
        Assert.That(Directory.GetFiles(_folder.FullName), Is.Empty);
    }

    [Test]
    public void What_does_not_fit_is_refused()
    {
        using var writer = SafetensorsWriter.Create(_folder["x"], Two);
        Assert.Multiple(() =>
        {
            Assert.That(() => writer.Write("c", [1]), Throws.ArgumentException.With.Message.StartsWith("tensor \"c\" was not announced"));
            Assert.That(() => writer.Write("b", [1, 2, 3, 4]), Throws.ArgumentException.With.Message.StartsWith("tensor \"b\" has 3 bytes, got 4"));
            Assert.That(() => SafetensorsWriter.Create(_folder["y"], [Two[0], Two[0]]), Throws.ArgumentException.With.Message.StartsWith("tensor \"b\" is there twice"));
            Assert.That(() => SafetensorsWriter.Create(_folder["y"], [new("__metadata__", ElementType.UInt8, [3])]), Throws.ArgumentException.With.Message.StartsWith("no tensor can have the name __metadata__"));
            Assert.That(() => SafetensorsWriter.Create(_folder["y"], [new("\ud800", ElementType.UInt8, [3])]), Throws.ArgumentException.With.Message.StartsWith("tensor \"\\ud800\": half of a surrogate pair is no text"));
            Assert.That(() => SafetensorsWriter.Create(_folder["y"], [new("b", ElementType.String, [3])]), Throws.ArgumentException.With.Message.StartsWith("tensor \"b\": safetensors has no String"));
            Assert.That(() => SafetensorsWriter.Create(_folder["y"], [new("b", ElementType.Float4E2M1, [3])]), Throws.ArgumentException.With.Message.StartsWith("tensor \"b\": 3 elements of Float4E2M1 don't fill whole bytes"));
            Assert.That(File.Exists(_folder["y"]), Is.False);
        });
    }

    /// <summary>Any tensors under any names are read back as they were written.</summary>
    [Test]
    public void What_is_written_is_read_back()
    {
        var types = SafetensorsTypes.Types.ToArray();
        var tensor = from name in ArbMap.Default.GeneratorFor<UnicodeString>()
                     from type in Gen.Elements(types)
                     from shape in Gen.Choose(0, 3).SelectMany(rank => Gen.Choose(0, 3).ListOf(rank))
                     select new TensorInfo(name.Get, type, [.. shape.Select(x => 4L * x)]);
        var path = _folder["x"];
        Prop.ForAll(Gen.Choose(0, 6).SelectMany(n => tensor.ListOf(n)).ToArbitrary(), list =>
        {
            var tensors = list.Where(t => t.Name != "__metadata__" && !t.Name.Any(char.IsSurrogate) && t.Count * t.Type.Bits() % 8 == 0).DistinctBy(t => t.Name).ToArray();
            var random = new Random(7);
            var bytes = tensors.ToDictionary(t => t.Name, t => { var b = new byte[t.Bytes]; random.NextBytes(b); return b; });
            using (var writer = SafetensorsWriter.Create(path, tensors))
            {
                foreach (var (name, value) in bytes.Reverse()) writer.Write(name, value);
                writer.Complete();
            }
            using var file = SafetensorsFile.Open(path);
            return file.Tensors.Count == tensors.Length && tensors.All(t => file.Tensors[t.Name].Type == t.Type && file.Tensors[t.Name].Shape.SequenceEqual(t.Shape)
                && file.All(t.Name).SequenceEqual(bytes[t.Name]) && (t.Bytes == 0 || file.Locate(t.Name)!.Offset % Math.Max(1, t.Type.Bits() / 8) == 0));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(1000).WithReplay(2, 3));
    }
}
