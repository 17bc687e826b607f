using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using NUnit.Framework;
using OnnxTransformers.Graphs.Operators;
using OnnxTransformers.Graphs.Weights;

namespace OnnxTransformers.Graphs.Layers;

/// <summary>Experts as one operator give what those one by one do.</summary>
internal sealed class FusedExpertsTests
{
    private const int Many = 32;
    private const int Size = 64;
    private const int Width = 128;

    // Weights don't sum to one, and most experts get no token.
    private static readonly long[] To = [0, 1, 31, 0, 0, 31];
    private static readonly float[] Shares = [0.5f, 0.25f, 2, 0.125f, 0.75f, 1];

    private static IEnumerable<TestCaseData> Ways() =>
        from precision in new[] { Precision.Int8, Precision.Int4 }
        from zeroPoints in new[] { false, true }
        from stacked in new[] { false, true }
        select new TestCaseData(precision, zeroPoints, stacked);

    [TestCaseSource(nameof(Ways))]
    public void One_operator_gives_what_the_plain_experts_give(Precision precision, bool zeroPoints, bool stacked)
    {
        var (plain, _, names) = Mixed(Target.Portable, precision, zeroPoints, stacked, Many, Size, Width, "silu");
        var (one, nodes, same) = Mixed(Target.Cpu, precision, zeroPoints, stacked, Many, Size, Width, "silu");
        Assert.That(nodes.Count(n => n == "QMoE"), Is.EqualTo(1));
        Assert.That(nodes, Does.Not.Contain("MatMulNBits"));
        Assert.That(same, Is.EqualTo(names), "the receipt names the checkpoint's matrices");
        // The processor's operator rounds its input to 8 bits.
        Assert.That(one, Is.EqualTo(plain).Within(0.02 * plain.Max(Math.Abs)));
    }

    [TestCase(Target.Portable, 32, 64, 128, "silu", false)]
    [TestCase(Target.Cpu, 32, 64, 128, "gelu", false)]
    [TestCase(Target.Cpu, 32, 64, 48, "silu", false)]
    [TestCase(Target.Cpu, 32, 64, 32, "silu", true)]
    [TestCase(Target.Cpu, 31, 64, 128, "silu", false)]
    [TestCase(Target.Cuda, 32, 64, 128, "silu", false)]
    public void What_the_operator_does_not_take_stays_plain(Target target, int count, int size, int width, string activation, bool zeroPoints) =>
        Assert.That(Mixed(target, Precision.Int4, zeroPoints, false, count, size, width, activation).Nodes, Does.Not.Contain("QMoE"));

    private static (float[] Results, List<string> Nodes, IReadOnlyList<string> Quantized) Mixed(Target target, Precision precision, bool zeroPoints, bool stacked, int count, int size, int width, string activation)
    {
        var source = new MemorySource();
        float[] Matrix(int seed) => GraphRunner.Numbers(size * width, seed);
        if (stacked)
        {
            source.Add("gate_up_proj", [count, 2 * width, size], [.. Enumerable.Range(0, 2 * count).SelectMany(i => Matrix(i + 1))]);
            source.Add("down_proj", [count, size, width], [.. Enumerable.Range(0, count).SelectMany(i => Matrix(i + 1001))]);
        }
        else
        {
            for (var e = 0; e < count; e++)
            {
                source.Add($"{e}.gate_proj.weight", [width, size], Matrix(2 * e + 1));
                source.Add($"{e}.up_proj.weight", [width, size], Matrix(2 * e + 2));
                source.Add($"{e}.down_proj.weight", [size, width], Matrix(e + 1001));
            }
        }
        var g = new Graph("model", source.Tensors, new BuildOptions { Target = target, Precision = precision, Quantization = new() { ZeroPoints = zeroPoints } });
        Value rows = g.Input("rows", ElementType.Float, new Shape("n", size)), experts = g.Input("experts", ElementType.Int64, new Shape("n", 2)), weights = g.Input("weights", ElementType.Float, new Shape("n", 2));
        var type = g.Options.ComputeType;
        g.Output("mixed", Op.Cast(Layer.GatedExperts(new Module(g, ""), Op.Cast(rows, type), new(experts, Op.Cast(weights, type)), count, width, Activation.Named(activation)), ElementType.Float));

        var model = g.ToModel();
        using var reader = new RecipeReader(source);
        foreach (var weight in model.Weights) model.Proto.Graph.Initializer.Single(i => i.Name == weight.Name).RawData = ByteString.CopyFrom(reader.Read(weight));
        using var session = new InferenceSession(model.Proto.ToByteArray());
        using var run = new RunOptions();
        using OrtValue x = OrtValue.CreateTensorValueFromMemory(GraphRunner.Numbers(3 * size, 5000), [3, size]), to = OrtValue.CreateTensorValueFromMemory([.. To.Select(e => Math.Min(e, count - 1))], [3, 2]),
            shares = OrtValue.CreateTensorValueFromMemory(Shares, [3, 2]);
        using var results = session.Run(run, new Dictionary<string, OrtValue> { ["rows"] = x, ["experts"] = to, ["weights"] = shares }, ["mixed"]);
        return (results[0].GetTensorDataAsSpan<float>().ToArray(), [.. model.Proto.Graph.Node.Select(n => n.OpType)], g.Quantization.Quantized);
    }
}
