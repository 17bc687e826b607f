using Google.Protobuf;
using NUnit.Framework;

namespace OnnxTransformers.Graphs.Onnx;

internal sealed class OnnxTextTests
{
    private const string Expected = """
        ir 10
        opset ai.onnx 21
        opset com.microsoft 1
        producer onnx-transformers
        metadata task = "fill-\"mask\""

        graph main
          input input_ids: int64[batch_size, 2, ?]
          output y: float[past + sequence, 32]
          initializer axes: int64[2] = {0, -1}
          initializer scale: float16[2] = {1, -0.5}
          initializer names: string[1] = {"line\u000Abreak"}
          initializer table: float[5, 5]
          initializer sparse: sparse float[3, 3]
          h: float16[4] = Clip(input_ids, "", axes)  # /clip
          s, t = com.microsoft.SkipLayerNormalization<axis=0, epsilon=1E-12, ints=[1, -2], mode="a\u0009b", value=bool[]{true}>(h)
          y: float[past + sequence, 32] = If<then_branch=graph>(t)
            then_branch: graph then
              output b: seq(?)
              b: seq(?) = Identity(s)

        function local.Twice<alpha>(x) -> (z)
          opset ai.onnx 21
          z = Mul<a=@alpha>(x, x)

        """;

    [Test]
    public void Everything_in_a_model_has_its_line() => Assert.That(OnnxText.Dump(TestModels.Full()), Is.EqualTo(Expected));

    [Test]
    public void A_model_reads_the_same_after_a_round_trip() =>
        Assert.That(OnnxText.Dump(ModelProto.Parser.ParseFrom(TestModels.Full().ToByteArray())), Is.EqualTo(Expected));

    [Test]
    public void A_zero_that_was_set_is_on_the_wire()
    {
        var attribute = AttributeProto.Parser.ParseFrom(new AttributeProto { Name = "axis", I = 0 }.ToByteArray());
        Assert.That((attribute.HasI, attribute.HasF), Is.EqualTo((true, false)));
    }

    [TestCase("a name", "\"a name\"")]
    [TestCase("a\nb", "\"a\\u000Ab\"")]
    [TestCase("", "\"\"")]
    [TestCase("/model/layers.0/q_proj", "/model/layers.0/q_proj")]
    public void Names_stay_one_word(string name, string text)
    {
        var model = TestModels.Of();
        model.Graph.Node.Add(new NodeProto { OpType = "Neg", Input = { name }, Output = { "y" } });
        Assert.That(OnnxText.Dump(model), Does.EndWith($"  y = Neg({text})\n"));
    }

    [TestCase(TensorProto.Types.DataType.Double, "double")]
    [TestCase(TensorProto.Types.DataType.Int2, "int2")]
    public void Types_have_the_names_of_the_standard(TensorProto.Types.DataType type, string text) =>
        Assert.That(OnnxText.Element((int)type), Is.EqualTo(text));

    [Test]
    public void Types_of_later_versions_have_their_number() => Assert.That(OnnxText.Element(99), Is.EqualTo("type99"));
}
