using System.Runtime.InteropServices;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using NUnit.Framework;
using OnnxTransformers.Graphs.Operators;
using OnnxTransformers.Graphs.Weights;

namespace OnnxTransformers.Graphs.Layers;

/// <summary>ONNX Runtime computes with the packed parts what their numbers say.</summary>
internal sealed class QuantizedLayerTests
{
    private const int Rows = 40;
    private const int Columns = 96;                                     // three blocks: the last zero point of a row has a byte alone

    private static IEnumerable<TestCaseData> Ways() =>
        from target in new[] { Target.Portable, Target.Cpu, Target.Cuda }
        from precision in new[] { Precision.Int8, Precision.Int4 }
        from zeroPoints in new[] { false, true }
        select new TestCaseData(target, precision, zeroPoints);

    [TestCaseSource(nameof(Ways))]
    public void A_linear_layer_multiplies_with_what_the_blocks_stand_for(Target target, Precision precision, bool zeroPoints)
    {
        var source = Source();
        var graph = Begin(source, target, precision, new() { ZeroPoints = zeroPoints });
        var x = graph.Input("x", ElementType.Float, new Shape("batch_size", "sequence_length", Columns));
        graph.Output("y", Layer.Linear(new Module(graph, "fc"), Op.Cast(x, graph.Options.ComputeType), Rows));
        var numbers = GraphRunner.Numbers(2 * 3 * Columns, 5);
        var wanted = Product(numbers, Meaning(source, "fc.weight", precision, zeroPoints), Floats(source, "fc.bias"));
        // The processor's operator rounds its input to 8 bits, and graphs for CUDA compute in 16.
        Assert.That(Run(graph, source, "x", numbers, [2, 3, Columns]), Is.EqualTo(wanted).Within(target == Target.Portable ? 1e-4 : 0.05));
        Assert.That(graph.Quantization.Quantized, Is.EqualTo(new[] { "fc.weight" }));
    }

    [TestCaseSource(nameof(Ways))]
    public void A_matrix_that_is_stored_the_other_way_round_gives_the_same(Target target, Precision precision, bool zeroPoints)
    {
        var source = Source();
        var graph = Begin(source, target, precision, new() { ZeroPoints = zeroPoints });
        var x = graph.Input("x", ElementType.Float, new Shape("rows", Columns));
        graph.Output("y", Layer.Conv1D(new Module(graph, "conv"), Op.Cast(x, graph.Options.ComputeType), Rows));
        var numbers = GraphRunner.Numbers(3 * Columns, 6);
        var wanted = Product(numbers, Meaning(source, "conv.weight", precision, zeroPoints, transposed: true), Floats(source, "conv.bias"));
        Assert.That(Run(graph, source, "x", numbers, [3, Columns]), Is.EqualTo(wanted).Within(target == Target.Portable ? 1e-4 : 0.05));
    }

    [TestCaseSource(nameof(Ways))]
    public void Rows_of_an_embedding_table_are_what_the_blocks_stand_for(Target target, Precision precision, bool zeroPoints)
    {
        var source = Source();
        var graph = Begin(source, target, precision, new() { ZeroPoints = zeroPoints, Embeddings = true });
        var ids = graph.Input("ids", ElementType.Int64, new Shape("batch_size", "sequence_length"));
        graph.Output("y", Layer.WordEmbedding(new Module(graph, "fc"), ids, Rows, Columns));
        var table = Meaning(source, "fc.weight", precision, zeroPoints);
        long[] chosen = [3, 39, 0, 17];
        Assert.That(Run(graph, source, "ids", chosen, [2, 2]), Is.EqualTo(chosen.SelectMany(i => table[(int)i])).Within(target == Target.Cuda ? 1e-3 : 1e-6));
    }

    [Test]
    public void Embeddings_and_head_of_one_table_are_stored_once()
    {
        var graph = Tied(Target.Cpu, new() { Head = true, Embeddings = true });
        Assert.That(graph.ToModel().Weights.Select(w => w.Name), Is.EqualTo(new[] { "fc.weight.int4", "fc.weight.scales" }));
        Assert.That(graph.Quantization.Kept, Is.Empty);
    }

    [Test]
    public void Embeddings_and_head_are_left_alone_unless_asked_for()
    {
        var graph = Tied(Target.Cpu, new());
        Assert.That(graph.ToModel().Weights.Select(w => w.Name), Is.EqualTo(new[] { "fc.weight" }));
        Assert.That(graph.Quantization.Quantized, Is.Empty);
        Assert.That(graph.Quantization.Kept, Is.EqualTo(new[] { new KeptWeight("fc.weight", "it is the table of embeddings, which was not asked for; it is in front of the outputs, and the head was not asked for") }));
    }

    [Test]
    public void Matrices_of_broken_blocks_and_routers_are_kept_with_the_reason()
    {
        var source = new MemorySource();
        source.AddRandom("a.weight", ElementType.Float, 8, 48);
        source.AddRandom("b.weight", ElementType.Float, 8, 64);
        var graph = Begin(source, Target.Cpu, Precision.Int4, new());
        _ = Layer.Linear(new Module(graph, "a"), graph.Input("x", ElementType.Float, new Shape("rows", 48)), 8, bias: false);
        _ = Layer.Linear(new Module(graph, "b"), graph.Input("y", ElementType.Float, new Shape("rows", 64)), 8, bias: false, MatrixRole.Router);
        Assert.That(graph.Quantization.Kept, Is.EqualTo(new[] { new KeptWeight("a.weight", "its rows of 48 are no whole blocks of 32"), new KeptWeight("b.weight", "it chooses experts") }));
        Assert.That(graph.ToModel().Weights.Select(w => w.Name), Is.EqualTo(new[] { "a.weight", "b.weight" }));
    }

    [Test]
    public void Linked_graphs_link_what_stays_as_it_is()
    {
        var source = Source();
        var graph = new Graph("model", source.Tensors, new BuildOptions { Precision = Precision.Int4, Link = true });
        graph.Output("y", Layer.Linear(new Module(graph, "fc"), graph.Input("x", ElementType.Float, new Shape("rows", Columns)), Rows));
        Assert.That(graph.ToModel().Weights.Select(w => (w.Name, w.Recipe is Recipe.Stored)), Is.EquivalentTo(new[] { ("fc.weight.int4", false), ("fc.weight.scales", false), ("fc.bias", true) }));
    }

    private static Graph Tied(Target target, Quantization quantization)
    {
        var source = Source();
        var graph = Begin(source, target, Precision.Int4, quantization);
        var m = new Module(graph, "fc");
        var h = Layer.WordEmbedding(m, graph.Input("ids", ElementType.Int64, new Shape("batch_size", "sequence_length")), Rows, Columns);
        graph.Output("y", Heads.Head.OutputTable(new Module(graph, "lm_head"), m, h, Rows, tied: true));
        return graph;
    }

    private static MemorySource Source()
    {
        var source = new MemorySource();
        source.Add("fc.weight", [Rows, Columns], GraphRunner.Numbers(Rows * Columns, 1));
        source.Add("fc.bias", [Rows], GraphRunner.Numbers(Rows, 2));
        source.Add("conv.weight", [Columns, Rows], GraphRunner.Numbers(Rows * Columns, 3));
        source.Add("conv.bias", [Rows], GraphRunner.Numbers(Rows, 4));
        return source;
    }

    private static Graph Begin(MemorySource source, Target target, Precision precision, Quantization quantization) =>
        new("model", source.Tensors, new BuildOptions { Target = target, Precision = precision, Quantization = quantization });

    /// <summary>The rows of a matrix after it went through blocks.</summary>
    private static float[][] Meaning(MemorySource source, string name, Precision precision, bool zeroPoints, bool transposed = false)
    {
        var format = new BlockFormat(precision == Precision.Int8 ? 8 : 4, zeroPoints);
        Recipe stored = new Recipe.Stored(source.Tensors[name]);
        if (transposed) stored = new Recipe.Transposed(stored, [1, 0]);
        using var reader = new RecipeReader(source);
        byte[] Part(QuantizedPart part) => reader.Read(new(name, new Recipe.Quantized(stored, format, BlockLayout.Packed, part)));
        var numbers = NaiveBlocks.Packed(Rows, Columns, format.Bits, Part(QuantizedPart.Values), [.. MemoryMarshal.Cast<byte, float>(Part(QuantizedPart.Scales))], zeroPoints ? Part(QuantizedPart.ZeroPoints) : null);
        return [.. numbers.Chunk(Columns)];
    }

    private static float[] Product(float[] x, float[][] matrix, float[] bias) =>
        [.. x.Chunk(Columns).SelectMany(row => matrix.Select((w, i) => (float)(row.Zip(w, (a, b) => (double)a * b).Sum() + bias[i])))];

    private static float[] Floats(MemorySource source, string name) => [.. MemoryMarshal.Cast<byte, float>(source.Bytes(name))];

    private static float[] Run<T>(Graph graph, MemorySource source, string input, T[] data, long[] shape) where T : unmanaged
    {
        var model = graph.ToModel();
        using var reader = new RecipeReader(source);
        foreach (var weight in model.Weights) model.Proto.Graph.Initializer.Single(i => i.Name == weight.Name).RawData = ByteString.CopyFrom(reader.Read(weight));
        using var session = new InferenceSession(model.Proto.ToByteArray());
        using var run = new RunOptions();
        using var value = OrtValue.CreateTensorValueFromMemory(data, shape);
        using var results = session.Run(run, new Dictionary<string, OrtValue> { [input] = value }, ["y"]);
        return results[0].GetTensorDataAsSpan<float>().ToArray();
    }
}
