using NUnit.Framework;
using OnnxTransformers.Graphs.Weights;

namespace OnnxTransformers.Graphs;

public sealed class GraphTests
{
    private static Graph NewGraph(BuildOptions options, params (string, long[])[] tensors) => new("model", GraphRunner.Index(tensors), options);

    [Test]
    public void Missing_and_wrongly_shaped_tensors_are_reported_all_at_once()
    {
        var g = NewGraph(new(), ("pooler.dense.weight", [3, 4]));
        var m = new Module(g, "pooler.dense");
        _ = (Value)m.Weight("weight", 4, 4);
        _ = (Value)m.Weight("bias", 4);
        Assert.That(Assert.Throws<CorruptCheckpointException>(() => g.ToModel())!.Message, Is.EqualTo(
            """
            building model.onnx: 2 problems
              pooler.dense.weight: found [3, 4]; supported: [4, 4], which config.json leads to
              pooler.dense.bias: missing; supported: a tensor [4]
            """));
    }

    [Test]
    public void Names_that_other_programs_know_are_given_once()
    {
        var g = NewGraph(new());
        var x = g.Input("input_ids", ElementType.Int64, new Shape("n"));
        g.Output("logits", x);
        Assert.Multiple(() =>
        {
            Assert.That(Assert.Throws<GraphException>(() => g.Input("input_ids", ElementType.Int64, new Shape("n")))!.Message, Is.EqualTo("the name input_ids is taken"));
            Assert.That(Assert.Throws<GraphException>(() => g.Output("logits", x))!.Message, Is.EqualTo("the name logits is taken"));
            Assert.That(Assert.Throws<GraphException>(() => g.Output("input_ids", x))!.Message, Is.EqualTo("the name input_ids is taken"));
        });
    }

    [Test]
    public void A_scan_hands_states_from_entry_to_entry()
    {
        var g = NewGraph(new());
        Value start = g.Input("start", ElementType.Float, new Shape("b", 1)), x = g.Input("x", ElementType.Float, new Shape("b", "s", 1));
        var (states, results) = g.Scan([start], [x], 1, (before, now) => ([before[0] * 2 + now[0]], [before[0] + 1]));
        Assert.That((states[0].Shape, results[0].Shape), Is.EqualTo((start.Shape, x.Shape)));
        g.Output("last", states[0]);
        g.Output("seen", results[0]);
        var feeds = new Dictionary<string, (Array, long[])> { ["start"] = (new float[] { 1, 10 }, [2, 1]), ["x"] = (new float[] { 1, 2, 3, 4, 5, 6 }, [2, 3, 1]) };
        Assert.That(GraphRunner.Run(g, feeds, output: "last"), Is.EqualTo(new float[] { 19, 112 }));
        Assert.That(GraphRunner.Run(g, feeds, output: "seen"), Is.EqualTo(new float[] { 2, 4, 9, 11, 25, 54 }));
    }

    [Test]
    public void A_weight_is_found_under_the_names_of_older_checkpoints()
    {
        var g = NewGraph(new(), ("LayerNorm.gamma", [4]));
        Value value = new Module(g, "LayerNorm").Weight(["weight", "gamma"], 4);
        Assert.That(value.Name, Is.EqualTo("LayerNorm.gamma"));
        Assert.That(g.UsedTensors, Is.EquivalentTo(new[] { "LayerNorm.gamma" }));
    }

    [Test]
    public void A_weight_taken_twice_in_the_same_way_is_one_initializer()
    {
        var g = NewGraph(new(), ("w", [3, 4]));
        var m = new Module(g, "");
        Value a = m.Weight("w", 3, 4).Transpose(), b = m.Weight("w", 3, 4).Transpose(), c = m.Weight("w", 3, 4);
        Assert.That(b, Is.SameAs(a));
        Assert.That(c.Name, Is.EqualTo("w_1"));
        Assert.That(a.Shape, Is.EqualTo(new Shape(4, 3)));
    }

    [Test]
    public void Linked_graphs_take_tensors_as_they_are_stored_and_do_the_rest_as_operators()
    {
        var g = NewGraph(new() { Link = true, Precision = Precision.Fp16 }, ("w", [3, 4]));
        Value w = new Module(g, "").Weight("w", 3, 4).Transpose();
        g.Output("w_t", w);
        var model = g.ToModel();
        Assert.That(w.Type, Is.EqualTo(ElementType.Float16));
        Assert.That(model.Weights.Single().Recipe, Is.TypeOf<Recipe.Stored>());
        Assert.That(model.Proto.Graph.Node.Select(n => n.OpType), Is.EqualTo(new[] { "Transpose", "Cast", "Cast", "Identity" }));
    }

    [TestCase(Precision.Fp16, Target.Portable, ElementType.Float16, ElementType.Float16)]
    [TestCase(Precision.Bf16, Target.Portable, ElementType.BFloat16, ElementType.Float)]
    [TestCase(Precision.Bf16, Target.Cuda, ElementType.BFloat16, ElementType.BFloat16)]
    [TestCase(Precision.Int4, Target.Cuda, ElementType.Float16, ElementType.Float16)]
    [TestCase(Precision.Int4, Target.Cpu, ElementType.Float, ElementType.Float)]
    public void Precision_decides_storage_and_target_what_is_computed_in(Precision precision, Target target, ElementType stored, ElementType computed)
    {
        var g = NewGraph(new() { Precision = precision, Target = target }, ("w", [3, 4]));
        var w = new Module(g, "").Weight("w", 3, 4);
        Assert.That((w.Stored.Type, ((Value)w).Type), Is.EqualTo((stored, computed)));
    }

    [Test]
    public void Outputs_leave_the_graph_as_float32()
    {
        var g = NewGraph(new() { Precision = Precision.Fp16 });
        g.Output("y", g.Input("x", ElementType.Float16, new Shape(2)));
        Assert.That(g.ToModel().Proto.Graph.Output.Single().Type.TensorType.ElemType, Is.EqualTo((int)ElementType.Float));
    }

    [Test]
    public void Modules_can_be_exposed_as_outputs_in_the_order_of_computation()
    {
        var g = NewGraph(new() { ExposeModules = true });
        var x = g.Input("x", ElementType.Float, new Shape(2));
        var h = new Module(g, "layer").Fold(2, x, (_, v) => v + 1);
        g.Output("y", h);
        Assert.That(g.ToModel().Proto.Graph.Output.Select(o => o.Name), Is.EqualTo(new[] { "y", "module:layer.0", "module:layer.1" }));
    }
}
