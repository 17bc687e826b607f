using System.Buffers.Binary;
using System.Collections.Immutable;
using NUnit.Framework;

namespace OnnxTransformers.Checkpoints;

/// <summary>Names of other programs become the reference's; cut and turned tensors keep their numbers.</summary>
internal sealed class OriginalNamesTests
{
    [TestCase("blocks.{}.norm1", "encoder.{}.before", "blocks.3.norm1.weight", "encoder.3.before.weight")]
    [TestCase("a.{}.b.{}", "x.{}.y.{}", "a.1.b.2", "x.1.y.2")]
    [TestCase("norm", "layernorm", "norm.bias", "layernorm.bias")]
    [TestCase("norm", "layernorm", "norm1.bias", null)]
    [TestCase("a.b", "x", "a", null)]
    public void A_rule_takes_whole_parts_of_names(string from, string to, string name, string? expected) =>
        Assert.That(new NameRule(from, to).Apply(name)?.Single(), Is.EqualTo(expected));

    [Test]
    public void A_rule_may_leave_a_tensor_out_or_cut_it()
    {
        Assert.That(new NameRule("mask").Apply("mask"), Is.Empty);
        Assert.That(new NameRule("{}.qkv.weight", "{}.q.weight", "{}.k.weight").Apply("7.qkv.weight"), Is.EqualTo(new[] { "7.q.weight", "7.k.weight" }));
    }

    [Test]
    public void Pieces_and_turned_matrices_are_read_from_any_place()
    {
        var source = new Numbers(("qkv", [4, 2], [0, 1, 2, 3, 4, 5, 6, 7]), ("proj", [2, 3], [0, 1, 2, 3, 4, 5]), ("other", [1], [9]), ("buffer", [1], [0]));
        var renamed = new RenamedTensors(new("a program", ["any"], "qkv", [new("qkv", "q", "k"), new("proj", "turned") { Transposed = true }, new("buffer")]), source.Tensors);
        Assert.That(renamed.Tensors.Keys, Is.EquivalentTo(new[] { "q", "k", "turned", "other" }));
        Assert.That(renamed.Tensors["turned"].Shape, Is.EqualTo(new long[] { 3, 2 }));
        Assert.That(Read(renamed, source, "k", 0, 4), Is.EqualTo(new float[] { 4, 5, 6, 7 }));
        Assert.That(Read(renamed, source, "q", 1, 3), Is.EqualTo(new float[] { 1, 2, 3 }));
        Assert.That(Read(renamed, source, "turned", 0, 6), Is.EqualTo(new float[] { 0, 3, 1, 4, 2, 5 }));
        Assert.That(Read(renamed, source, "turned", 2, 3), Is.EqualTo(new float[] { 1, 4, 2 }));
        Assert.That((renamed.WholeOf("other"), renamed.WholeOf("q"), renamed.WholeOf("turned")), Is.EqualTo(("other", (string?)null, (string?)null)));
        Assert.That(renamed.Skipped.Single(), Is.EqualTo(new SkippedEntry("", "buffer", "a buffer of a program")));
    }

    [Test]
    public void What_does_not_divide_or_meets_another_name_is_refused()
    {
        var source = new Numbers(("qkv", [5], [0, 1, 2, 3, 4]), ("a", [1], [0]), ("b", [1], [0]));
        Assert.That(() => new RenamedTensors(new("a program", ["any"], "qkv", [new("qkv", "q", "k"), new("a", "b")]), source.Tensors), Throws.TypeOf<CorruptCheckpointException>().With.Message.EqualTo(
            "reading tensors under the names of a program: 2 problems\n  qkv: found [5]; supported: a first dimension that divides into 2\n  b: it becomes b, which is there already"));
    }

    [Test]
    public void A_layout_is_known_by_the_model_type_and_its_marker()
    {
        var tensors = new Numbers(("blocks.0.attn.qkv.weight", [1], [0])).Tensors;
        Assert.That((OriginalLayout.Of("vit", tensors)?.Program, OriginalLayout.Of("bert", tensors), OriginalLayout.Of(null, tensors)), Is.EqualTo(("timm, vision_transformer.py", (OriginalLayout?)null, (OriginalLayout?)null)));
    }

    [TestCase("vit", "blocks.0.attn.qkv.weight", "blocks.0.ls1.gamma", "vit.blocks.0.ls1.gamma")]
    [TestCase("vit", "blocks.0.attn.qkv.weight", "pre_logits.fc.weight", "vit.pre_logits.fc.weight")]
    [TestCase("swin", "layers.0.blocks.0.attn.qkv.weight", "absolute_pos_embed", "swin.absolute_pos_embed")]
    [TestCase("detr", "transformer.encoder.layers.0.self_attn.in_proj_weight", "transformer.level_embed", "model.transformer.level_embed")]
    public void What_the_reference_has_no_place_for_stays_a_part_of_the_network(string type, string marker, string name, string expected)
    {
        var tensors = new Numbers((marker, [3], [0, 0, 0]), (name, [1], [0])).Tensors;
        Assert.That(new RenamedTensors(OriginalLayout.Of(type, tensors)!, tensors).Tensors.Keys, Does.Contain(expected));
    }

    private static float[] Read(RenamedTensors renamed, ITensorSource source, string name, int first, int count)
    {
        var bytes = new byte[count * 4];
        renamed.Read(name, first * 4, bytes, source);
        return [.. Enumerable.Range(0, count).Select(i => BinaryPrimitives.ReadSingleLittleEndian(bytes.AsSpan(i * 4)))];
    }

    private sealed class Numbers(params (string Name, ImmutableArray<long> Shape, float[] Values)[] rows) : ITensorSource
    {
        public IReadOnlyDictionary<string, TensorInfo> Tensors { get; } = rows.ToDictionary(r => r.Name, r => new TensorInfo(r.Name, ElementType.Float, r.Shape));

        public void Read(string name, long offset, Span<byte> destination)
        {
            var values = rows.Single(r => r.Name == name).Values;
            var bytes = new byte[values.Length * 4];
            for (var i = 0; i < values.Length; i++) BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(i * 4), values[i]);
            bytes.AsSpan((int)offset, destination.Length).CopyTo(destination);
        }

        public TensorLocation? Locate(string name) => null;
    }
}
