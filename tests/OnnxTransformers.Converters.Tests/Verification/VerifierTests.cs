using System.Collections.Immutable;
using Google.Protobuf;
using NUnit.Framework;
using OnnxTransformers.Converters.Packaging;
using OnnxTransformers.Converters.Sources;
using OnnxTransformers.Graphs;
using OnnxTransformers.Graphs.Models;
using OnnxTransformers.Graphs.Onnx;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Converters.Verification;

/// <summary>Verification must be able to fail.</summary>
internal sealed class VerifierTests
{
    private ScratchFolder _scratch = null!;
    private ExportSource _source = null!;
    private ModelPlan _plan = null!;

    [SetUp]
    public void Open()
    {
        _scratch = new ScratchFolder();
        _source = ExportSource.Open(Fixtures.Model("sentiment"));
        _plan = ModelCatalog.Plan(_source.Network.ReadConfig(), _source.Tensors, new PlanRequest());
    }

    [TearDown]
    public void Close()
    {
        _source.Dispose();
        _scratch.Dispose();
    }

    [Test]
    public void Wrong_weights_are_found()
    {
        var variant = GraphVariant.Build(_plan, new BuildOptions { Target = Target.Cpu });
        var written = variant.Write(_plan, _source, _scratch.FullName, LinkedWeights.None, null, CancellationToken.None).Single().Written;
        Spoil(written.Files[^1]);
        var e = Assert.Throws<VerificationFailedException>(() => _ = Verifier().Verify(variant, _scratch.FullName, VerificationLevel.Run).ToList())!;
        Assert.That(e.Message, Does.StartWith("verifying onnx/model.onnx: \"rows of one length: equals portable fp32\" does not hold: largest difference"));
    }

    [Test]
    public void A_mask_that_is_not_looked_at_is_found()
    {
        var variant = GraphVariant.Build(_plan, new BuildOptions());
        _ = variant.Write(_plan, _source, _scratch.FullName, LinkedWeights.None, null, CancellationToken.None).ToList();
        ModelProto model;
        using (var reader = OnnxReader.Open(_scratch["model.onnx"])) model = reader.Model.Clone();
        foreach (var node in model.Graph.Node)
            for (var i = 0; i < node.Input.Count; i++)
                if (node.Input[i] == "attention_mask") node.Input[i] = "input_ids";
        using (var file = File.Create(_scratch["model.onnx"])) model.WriteTo(file);
        var e = Assert.Throws<VerificationFailedException>(() => _ = Verifier().Verify(variant, _scratch.FullName, VerificationLevel.Run).ToList())!;
        Assert.That(e.Message, Does.Match("^verifying onnx/model.onnx: \"(a batch|padding|ids under)[^\"]*\" does not hold"));
    }

    [Test]
    public void A_graph_that_does_not_open_is_named()
    {
        var variant = GraphVariant.Build(_plan, new BuildOptions());
        _ = variant.Write(_plan, _source, _scratch.FullName, LinkedWeights.None, null, CancellationToken.None).ToList();
        File.WriteAllBytes(_scratch["model.onnx"], [1, 2, 3]);
        var e = Assert.Throws<VerificationFailedException>(() => _ = Verifier().Verify(variant, _scratch.FullName, VerificationLevel.Load).ToList())!;
        Assert.That(e.Message, Does.StartWith("opening onnx/model.onnx: model.onnx: ONNX Runtime refuses it"));
    }

    [Test]
    public void The_first_module_that_differs_is_named()
    {
        var divergence = new Divergence(_plan, _source, _scratch.FullName, CancellationToken.None);
        var options = new BuildOptions();
        Assert.Multiple(() =>
        {
            Assert.That(divergence.Find(options, options with { Target = Target.Cpu }, "model", Bounds.Of(Precision.Fp32), Same), Is.Null);
            Assert.That(divergence.Find(options, options with { Target = Target.Cpu }, "model", Bounds.Of(Precision.Fp32), OffFrom("bert.encoder.layer.1")), Is.EqualTo("bert.encoder.layer.1"));
        });
    }

    [Test]
    public void All_targets_and_precisions_of_a_plan_hold()
    {
        foreach (var target in Enum.GetValues<Target>())
        {
            foreach (var precision in Enum.GetValues<Precision>())
            {
                var variant = GraphVariant.Build(_plan, new BuildOptions { Target = target, Precision = precision });
                var folder = Directory.CreateDirectory(_scratch[$"{target}-{precision}"]).FullName;
                _ = variant.Write(_plan, _source, folder, LinkedWeights.None, null, CancellationToken.None).ToList();
                var verified = Verifier().Verify(variant, folder, VerificationLevel.Run).Single();
                Assert.That(verified.Provider is null ? verified.Note : "", verified.Provider is null ? Does.Contain("not verified") : Is.Empty);
                foreach (var c in verified.Comparisons) TestContext.Out.WriteLine($"{target} {precision} {c.What}: {c.Relative:G2} of {c.RelativeBound:G2}, cosine {c.Cosine:F6}");
            }
        }
    }

    private Verifier Verifier() => new(_plan, _source, _scratch.FullName, _plan.Traits, null, CancellationToken.None);

    private static IEnumerable<(ImmutableArray<Tensor> Wanted, ImmutableArray<Tensor> Got, ImmutableArray<Range> Real)> Same((GraphRunner A, GraphRunner B) open)
    {
        var input = new InputGenerator(open.A.Inputs, new NetworkLimits(20, 2, 8, 0, (64, 64))).Make("a batch", Padding.Right);
        yield return (open.A.Run(input, CancellationToken.None), open.B.Run(input, CancellationToken.None), input.Real);
    }

    private static Func<(GraphRunner A, GraphRunner B), IEnumerable<(ImmutableArray<Tensor> Wanted, ImmutableArray<Tensor> Got, ImmutableArray<Range> Real)>> OffFrom(string module) => open =>
    {
        var off = false;
        return Same(open).Select(r => (r.Wanted, r.Got.Select(t => (off |= t.Spec.Name == $"module:{module}") ? t with { Values = [.. t.Values.Select(v => v + 1)] } : t).ToImmutableArray(), r.Real)).ToList();
    };

    // Exponents in half of the file, so that weights are among it whatever their order.
    private static void Spoil(string path)
    {
        var bytes = File.ReadAllBytes(path);
        for (var i = bytes.Length / 2; i < bytes.Length; i += 64) bytes[i | 3] ^= 0x08;
        File.WriteAllBytes(path, bytes);
    }
}
