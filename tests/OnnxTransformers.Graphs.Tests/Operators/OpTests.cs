using NUnit.Framework;

namespace OnnxTransformers.Graphs.Operators;

public sealed class OpTests
{
    private static Graph NewGraph(Target target = Target.Portable) => new("model", new Dictionary<string, TensorInfo>(), new BuildOptions { Target = target });

    private static string Refusal(Action action) => Assert.Throws<GraphException>(() => action())!.Message;

    [Test]
    public void Operands_that_do_not_fit_are_refused_with_both_shapes_and_the_module()
    {
        var g = NewGraph();
        var a = g.Input("a", ElementType.Float, new Shape("batch_size", 4));
        var b = g.Input("b", ElementType.Float, new Shape("batch_size", 5));
        var c = g.Input("c", ElementType.Int64, new Shape(4));
        using var scope = g.Enter("encoder.layer.0");
        Assert.Multiple(() =>
        {
            Assert.That(Refusal(() => Op.Add(a, b)), Is.EqualTo("encoder.layer.0: Add(a Float[batch_size, 4], b Float[batch_size, 5]): the shapes don't fit"));
            Assert.That(Refusal(() => Op.Add(a, c)), Is.EqualTo("encoder.layer.0: Add(a Float[batch_size, 4], c Int64[4]): the types differ"));
            Assert.That(Refusal(() => Op.MatMul(a, b)), Is.EqualTo("encoder.layer.0: MatMul(a Float[batch_size, 4], b Float[batch_size, 5]): types or inner dimensions differ"));
            Assert.That(Refusal(() => Op.Gather(a, b)), Is.EqualTo("encoder.layer.0: Gather(a Float[batch_size, 4], b Float[batch_size, 5]): indices are int32 or int64"));
            Assert.That(Refusal(() => Op.Concat(0, a, b)), Is.EqualTo("encoder.layer.0: Concat(a Float[batch_size, 4], b Float[batch_size, 5]): types or shapes differ"));
            Assert.That(Refusal(() => Op.Reshape(c, [3])), Is.EqualTo("encoder.layer.0: Reshape(c Int64[4], [3]): 4 elements don't fill 3"));
            Assert.That(Refusal(() => Op.Squeeze(a, 1)), Is.EqualTo("encoder.layer.0: Squeeze(a Float[batch_size, 4], 1): the dimension is not 1"));
            Assert.That(Refusal(() => Op.Where(a, a, a)), Does.Contain("a boolean and two values of one type are needed"));
        });
    }

    [Test]
    public void A_fused_operator_is_refused_on_the_portable_target()
    {
        var g = NewGraph();
        var a = g.Input("a", ElementType.Float, new Shape("batch_size", 4));
        Assert.That(Refusal(() => Contrib.QuickGelu(a, 1.702f)), Is.EqualTo("QuickGelu is an operator of ONNX Runtime, which the target Portable does not take"));
        var fused = NewGraph(Target.Cpu);
        Assert.That(Contrib.QuickGelu(fused.Input("a", ElementType.Float, new Shape(4)), 1.702f).Shape, Is.EqualTo(new Shape(4)));
    }

    [Test]
    public void Values_of_another_graph_are_refused()
    {
        Value a = NewGraph().Input("a", ElementType.Float, new Shape(4)), b = NewGraph().Input("b", ElementType.Float, new Shape(4));
        Assert.That(Refusal(() => Op.Add(a, b)), Is.EqualTo("Add: b belongs to another graph"));
    }

    private static readonly TestCaseData[] Reshapes =
    [
        new(new Shape("B", "S", 12), new long[] { 0, 0, 3, 4 }, new Shape("B", "S", 3, 4)),
        new(new Shape("B", "S", 12), new long[] { 0, 0, -1, 4 }, new Shape("B", "S", 3, 4)),
        new(new Shape("B", "S", 12), new long[] { -1, 12 }, new Shape("(B) * (S)", 12)),
        new(new Shape(2, 3, 4), new long[] { -1 }, new Shape(24)),
    ];

    [TestCaseSource(nameof(Reshapes))]
    public void Reshape_infers_what_remains(Shape from, long[] to, Shape expected)
    {
        var g = NewGraph();
        Assert.That(Op.Reshape(g.Input("a", ElementType.Float, from), to).Shape, Is.EqualTo(expected));
    }

    [Test]
    public void Shapes_are_inferred_as_operators_are_called()
    {
        var g = NewGraph();
        var a = g.Input("a", ElementType.Float, new Shape("B", "S", 6));
        Assert.Multiple(() =>
        {
            Assert.That(Op.Transpose(a, [0, 2, 1]).Shape, Is.EqualTo(new Shape("B", 6, "S")));
            Assert.That(Op.Unsqueeze(a, 1, 2).Shape, Is.EqualTo(new Shape("B", 1, 1, "S", 6)));
            Assert.That(Op.Unsqueeze(a, -1).Shape, Is.EqualTo(new Shape("B", "S", 6, 1)));
            Assert.That(Op.ReduceSum(a, 1, keep: false).Shape, Is.EqualTo(new Shape("B", 6)));
            Assert.That(Op.ReduceMax(a, -1, keep: true).Shape, Is.EqualTo(new Shape("B", "S", 1)));
            Assert.That(Op.Select(a, 1, 0).Shape, Is.EqualTo(new Shape("B", 6)));
            Assert.That(Op.Slice(a, 2, 1, 4).Shape, Is.EqualTo(new Shape("B", "S", 3)));
            Assert.That(Op.Slice(a, 2, -2, int.MaxValue).Shape, Is.EqualTo(new Shape("B", "S", 2)));
            Assert.That(Op.Concat(2, a, a).Shape, Is.EqualTo(new Shape("B", "S", 12)));
            Assert.That(Op.Greater(a, a).Type, Is.EqualTo(ElementType.Bool));
            Assert.That(Op.Cast(a, ElementType.Float), Is.SameAs(a));
        });
    }

    [Test]
    public void Equal_constants_are_one_initializer_and_nodes_are_named_after_their_module()
    {
        var g = NewGraph();
        var a = g.Input("a", ElementType.Float, new Shape(4));
        using (g.Enter("encoder.layer.0.output")) a = a + 1 + 1 + 2;
        g.Output("sum", a);
        var graph = g.ToModel().Proto.Graph;
        Assert.That(graph.Initializer.Select(i => i.Name), Is.EqualTo(new[] { "constants.0", "constants.1" }));
        Assert.That(graph.Node.Select(n => n.Name), Is.EqualTo(new[] { "encoder.layer.0.output/Add", "encoder.layer.0.output/Add_1", "encoder.layer.0.output/Add_2", "sum/Identity" }));
    }
}
