using System.Text.Json;
using Google.Protobuf;
using NUnit.Framework;
using OnnxTransformers.Checkpoints;
using OnnxTransformers.Converters.Packaging;
using OnnxTransformers.Converters.Sources;
using OnnxTransformers.Converters.Verification;
using OnnxTransformers.Graphs;
using OnnxTransformers.Graphs.Models;
using OnnxTransformers.Graphs.Onnx;
using OnnxTransformers.Graphs.Weights;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Converters;

/// <summary>Packages in int8 and int4.</summary>
internal sealed class QuantizationTests
{
    private static readonly Quantization[] Ways = [new(), new() { ZeroPoints = true }, new() { Head = true, Embeddings = true }, new() { ZeroPoints = true, Head = true, Embeddings = true }];

    private ScratchFolder _scratch = null!;

    [SetUp]
    public void Create() => _scratch = new ScratchFolder();

    [TearDown]
    public void Delete() => _scratch.Dispose();

    [Test, Combinatorial]
    public async Task Every_way_is_within_the_bounds_that_the_receipt_states(
        [Values("models/sentiment", "models/prose-lm", "text/bert-fill-mask", "decoder/llama-3", "decoder/gpt2", "decoder/mixtral", "decoder/storage-gpt-oss-mxfp4")] string checkpoint,
        [Values(Target.Portable, Target.Cpu)] Target target, [Range(0, 3)] int way)
    {
        var folder = checkpoint.StartsWith("models/", StringComparison.Ordinal) ? Fixtures.Model(checkpoint["models/".Length..]) : Fixtures.Find(checkpoint);
        var result = await Export.RunAsync(folder, _scratch["package"], new ExportOptions { Precisions = [Precision.Int8, Precision.Int4], Target = target, Quantization = Ways[way] });
        Assert.Multiple(() =>
        {
            Assert.That(result.Graphs.Select(g => g.File), Is.EqualTo(new[] { "onnx/model_int8.onnx", "onnx/model_q4.onnx" }));
            foreach (var (graph, bits) in result.Graphs.Zip([8, 4]))
            {
                Assert.That(graph.Quantization!.Format, Is.EqualTo(new BlockFormat(bits, Ways[way].ZeroPoints)));
                Assert.That(graph.Quantization.Matrices, Is.Positive);
            }
            foreach (var graph in result.Verified)
            {
                Assert.That(graph.Comparisons.Select(c => c.What), Does.Contain("is near portable fp32"));
                if (target == Target.Cpu) Assert.That(graph.Comparisons.Select(c => c.What), Does.Contain(graph.File.Contains("int8", StringComparison.Ordinal) ? "equals portable int8" : "equals portable int4"));
                foreach (var c in graph.Comparisons) TestContext.Out.WriteLine($"{checkpoint} {target} {way} {graph.File} {c.What}: {c.Relative:G3} of {c.RelativeBound:G3}, cosine {c.Cosine:F6} of {c.CosineBound}");
                if (graph.Perplexity is { } p) TestContext.Out.WriteLine($"{checkpoint} {target} {way} {graph.File} perplexity {p.Float32:F3} -> {p.Quantized:F3}");
                if (checkpoint.StartsWith("decoder/", StringComparison.Ordinal)) Assert.That(graph.Note, Does.Contain("perplexity not measured: "), "without a tokenizer there is no text, and the receipt says so");
                if (checkpoint == "models/prose-lm") Assert.That(graph.Perplexity!.Change, Is.LessThan(graph.Perplexity.Bound - 1));
            }
        });
    }

    [Test]
    public async Task Many_experts_are_one_operator_that_equals_the_portable_graph()
    {
        // Eight times those of the fixture.
        var (from, to) = (Fixtures.Find("decoder/storage-gpt-oss-mxfp4"), Directory.CreateDirectory(_scratch["checkpoint"]).FullName);
        File.WriteAllText(Path.Combine(to, "config.json"), File.ReadAllText(Path.Combine(from, "config.json")).Replace("\"num_local_experts\": 4", "\"num_local_experts\": 32", StringComparison.Ordinal));
        using (var stored = SafetensorsFile.Open(Path.Combine(from, "model.safetensors")))
        {
            static int Times(string name) => name.Contains(".experts.", StringComparison.Ordinal) || name.Contains(".router.", StringComparison.Ordinal) ? 8 : 1;
            using var writer = SafetensorsWriter.Create(Path.Combine(to, "model.safetensors"), stored.Tensors.Values.Select(t => new TensorInfo(t.Name, t.Type, t.Shape.SetItem(0, t.Shape[0] * Times(t.Name)))));
            foreach (var tensor in stored.Tensors.Values)
            {
                var bytes = new byte[tensor.Bytes];
                stored.Read(tensor.Name, 0, bytes);
                writer.Write(tensor.Name, [.. Enumerable.Repeat(bytes, Times(tensor.Name)).SelectMany(b => b)]);
            }
            writer.Complete();
        }
        var result = await Export.RunAsync(to, _scratch["package"], new ExportOptions { Precisions = [Precision.Int8, Precision.Int4], Target = Target.Cpu });
        Assert.Multiple(() =>
        {
            foreach (var (graph, bits) in result.Verified.Zip([8, 4]))
            {
                Assert.That(graph.Comparisons.Select(c => c.What), Does.Contain($"equals portable int{bits}"));
                using var reader = OnnxReader.Open(_scratch["package", graph.File]);
                Assert.That(reader.Model.Graph.Node.Select(n => n.OpType), Does.Contain("QMoE"));
            }
            Assert.That(result.Graphs.Select(g => g.Quantization!.Matrices), Is.All.GreaterThan(2 * 32), "the receipt counts each expert's matrices");
        });
    }

    [Test]
    public async Task The_receipt_tells_what_stays_and_what_the_integers_cost()
    {
        await Export.RunAsync(Fixtures.Model("prose-lm"), _scratch["package"], new ExportOptions { Precisions = [Precision.Int4], Target = Target.Cpu, Quantization = new() { ZeroPoints = true } });
        using var receipt = JsonDocument.Parse(File.ReadAllBytes(_scratch["package", "receipt.json"]));
        var (graph, verified) = (receipt.RootElement.GetProperty("graphs")[0], receipt.RootElement.GetProperty("verified")[0]);
        Assert.Multiple(() =>
        {
            Assert.That(Compact(receipt.RootElement.GetProperty("options")), Is.EqualTo("""{"target":"cpu","precision":["int4"],"zero_points":true,"quantize_head":false,"quantize_embeddings":false,"weights":"copy","verify":"run","opset":21}"""));
            Assert.That(Compact(graph.GetProperty("quantization")), Is.EqualTo("""{"bits":4,"block_size":32,"zero_points":true,"matrices":28,"kept":[{"weight":"model.embed_tokens.weight","reason":"it is the table of embeddings, which was not asked for; it is in front of the outputs, and the head was not asked for"}]}"""));
            Assert.That(verified.GetProperty("perplexity").GetProperty("text").GetString(), Is.EqualTo("pride-and-prejudice.txt"));
            Assert.That(verified.GetProperty("perplexity").GetProperty("tokens").GetInt32(), Is.EqualTo(252));
            Assert.That(verified.GetProperty("perplexity").GetProperty("fp32").GetDouble(), Is.InRange(10, 500));
            Assert.That(verified.GetProperty("perplexity").GetProperty("change").GetDouble(), Is.LessThan(verified.GetProperty("perplexity").GetProperty("change_bound").GetDouble()));
        });
    }

    [Test]
    public async Task Integers_take_the_space_that_they_should()
    {
        var options = new ExportOptions { Precisions = [Precision.Fp32, Precision.Int8, Precision.Int4], Target = Target.Cpu, Verify = VerificationLevel.Load, Quantization = new() { Head = true, Embeddings = true } };
        var result = await Export.RunAsync(Fixtures.Model("prose-lm"), _scratch["package"], options);
        var bytes = result.Graphs.Select(g => (double)g.WeightBytes).ToArray();
        Assert.That((bytes[1] / bytes[0], bytes[2] / bytes[0]), Is.EqualTo(((8 + 1) / 32.0, (4 + 1) / 32.0)).Using<(double, double)>((a, b) => Math.Abs(a.Item1 - b.Item1) < 0.002 && Math.Abs(a.Item2 - b.Item2) < 0.002));
    }

    [Test]
    public async Task The_same_input_gives_the_same_bytes()
    {
        foreach (var name in new[] { "a", "another" })
            await Export.RunAsync(Fixtures.Model("prose-lm"), _scratch[name], new ExportOptions { Precisions = [Precision.Int8, Precision.Int4], Target = Target.Cpu, Verify = VerificationLevel.None, Quantization = new() { ZeroPoints = true } });
        foreach (var file in Directory.EnumerateFiles(_scratch["a", "onnx"]))
            Assert.That(File.ReadAllBytes(file), Is.EqualTo(File.ReadAllBytes(_scratch["another", "onnx", Path.GetFileName(file)])), file);
    }

    [Test]
    public async Task Linked_packages_link_the_floats_and_write_the_integers()
    {
        var checkpoint = Packages.Copy(Fixtures.Model("prose-lm"), _scratch["checkpoint"]);
        var result = await Export.RunAsync(checkpoint, _scratch["package"], new ExportOptions { Precisions = [Precision.Int8], Target = Target.Cpu, Weights = WeightPlacement.Link });
        using var reader = OnnxReader.Open(_scratch["package", "onnx", "model_int8.onnx"]);
        var places = reader.Model.Graph.Initializer.Where(i => i.ExternalData.Count > 0).GroupBy(i => i.ExternalData.Single(e => e.Key == "location").Value).ToDictionary(g => g.Key, g => g.Select(i => i.Name).ToList());
        Assert.Multiple(() =>
        {
            Assert.That(places.Keys, Is.EquivalentTo(new[] { "model.safetensors", "model_int8.onnx_data" }));
            Assert.That(places["model_int8.onnx_data"], Is.All.EndsWith(".int8").Or.EndsWith(".scales"));
            Assert.That(places["model.safetensors"], Does.Contain("model.embed_tokens.weight"));
            Assert.That(result.Verified.Single().Comparisons, Is.Not.Empty);
        });
    }

    [TestCase(Target.Portable, true)]
    [TestCase(Target.Portable, false)]
    [TestCase(Target.Cpu, true)]
    [TestCase(Target.Cpu, false)]
    public void Integers_that_are_packed_wrongly_are_found(Target target, bool zeroPoints)
    {
        var e = VerifySpoiled(new BuildOptions { Target = target, Precision = Precision.Int4, Quantization = new() { ZeroPoints = zeroPoints } },
            data => SwapHalves(data, _scratch["model_q4.onnx"], "model.layers.1.self_attn.v_proj.weight.int4"));
        Assert.That(e.Message, Does.Match("^verifying onnx/model_q4.onnx: model.layers.1.self_attn.v_proj.weight.int4: the integer in row 0, column \\d+ stands for .*; supported: numbers up to .* from the checkpoint's "));
    }

    [Test]
    public void An_operator_that_takes_integers_otherwise_is_found()
    {
        var e = VerifySpoiled(new BuildOptions { Target = Target.Cpu, Precision = Precision.Int4, Quantization = new() { ZeroPoints = true } }, _ =>
        {
            ModelProto model;
            using (var reader = OnnxReader.Open(_scratch["model_q4.onnx"])) model = reader.Model.Clone();
            foreach (var node in model.Graph.Node.Where(n => n.OpType == "MatMulNBits")) node.Input.RemoveAt(3);
            using var file = File.Create(_scratch["model_q4.onnx"]);
            model.WriteTo(file);
        });
        Assert.That(e.Message, Does.StartWith("verifying onnx/model_q4.onnx: \"rows of one length: equals portable int4\" does not hold"));
    }

    [Test]
    public void A_graph_that_foretells_a_text_badly_is_refused()
    {
        var e = Assert.Throws<VerificationFailedException>(() => Verifier.Within("onnx/model_q4.onnx", new PerplexityChange("pride-and-prejudice.txt", 252, 40, 60, 1.3)))!;
        Assert.Multiple(() =>
        {
            Assert.That(e.Message, Is.EqualTo("verifying onnx/model_q4.onnx: the perplexity of pride-and-prejudice.txt grows from 40.00 to 60.00, by 50.0 %; supported: growth up to 30.0 %. Next: use another precision or --zero-points; --verify none exports all the same, at your own risk"));
            Assert.That(Verifier.Within("onnx/model_q4.onnx", new PerplexityChange("pride-and-prejudice.txt", 252, 40, 39, 1.3)).Change, Is.EqualTo(-0.025).Within(1e-9));
        });
    }

    [Test]
    public void Options_of_integers_without_integers_are_refused()
    {
        var e = Assert.ThrowsAsync<InvalidInputException>(() => Export.RunAsync(Fixtures.Model("sentiment"), _scratch["package"], new ExportOptions { Quantization = new() { Head = true } }))!;
        Assert.That(e.Message, Is.EqualTo("reading the options of export: quantization: options of the integer precisions, of which none is asked for; supported: them together with int8 or int4"));
    }

    /// <summary>Writes prose-lm, spoils what was written, and verifies it.</summary>
    private VerificationFailedException VerifySpoiled(BuildOptions options, Action<string> spoil)
    {
        using var source = ExportSource.Open(Fixtures.Model("prose-lm"), null);
        var plan = ModelCatalog.Plan(source.Network.ReadConfig(), source.Tensors, new PlanRequest());
        var variant = GraphVariant.Build(plan, options);
        spoil(variant.Write(plan, source, _scratch.FullName, LinkedWeights.None, null, CancellationToken.None).Single().Written.Files[^1]);
        var verifier = new Verifier(plan, source, _scratch.FullName, plan.Traits, null, CancellationToken.None);
        return Assert.Throws<VerificationFailedException>(() => _ = verifier.Verify(variant, _scratch.FullName, VerificationLevel.Run).ToList())!;
    }

    private static string Compact(JsonElement json)
    {
        using var memory = new MemoryStream();
        using (var writer = new Utf8JsonWriter(memory, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping })) json.WriteTo(writer);
        return System.Text.Encoding.UTF8.GetString(memory.ToArray());
    }

    /// <summary>Changes the two halves of each byte of a weight: a mistake that packing is prone to.</summary>
    private static void SwapHalves(string data, string model, string weight)
    {
        using var reader = OnnxReader.Open(model);
        var place = reader.Model.Graph.Initializer.Single(i => i.Name == weight).ExternalData.ToDictionary(e => e.Key, e => e.Value);
        var bytes = File.ReadAllBytes(data);
        foreach (ref var b in bytes.AsSpan(int.Parse(place["offset"], System.Globalization.CultureInfo.InvariantCulture), int.Parse(place["length"], System.Globalization.CultureInfo.InvariantCulture))) b = (byte)(b >> 4 | b << 4);
        File.WriteAllBytes(data, bytes);
    }
}
