using System.Text.Json;
using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Processors.Processors;

/// <summary>Every case of every processor of image_processing: names, shapes, types, and values within one grey level of the reference before normalisation,
/// nearly all of them equal.</summary>
[TestFixture]
public class ProcessorFixtureTests
{
    // Sets that are no processor, with tests of their own.
    private static readonly string[] Others = ["pil-resize", "decode"];

    // Arrays of floats are no pictures here.
    private static readonly string[] LeftOut = ["float_0_1_no_rescale", "float_channels_first"];

    private static IEnumerable<TestCaseData> Cases() =>
        from name in Fixtures.Of("image_processing", n => !Others.Contains(n))
        from test in Golden.Load(Fixtures.Find(name)).Cases
        where !LeftOut.Contains(test.Name)
        select new TestCaseData(name, test.Name).SetArgDisplayNames(name.Split('/')[1], test.Name);

    [Test]
    [TestCaseSource(nameof(Cases))]
    public void Agrees_with_the_reference(string name, string caseName)
    {
        var folder = Fixtures.Find(name);
        var test = Golden.Load(folder).Cases.Single(c => c.Name == caseName);
        var arguments = test.Json.GetProperty("arguments");
        var call = arguments.TryGetProperty("call", out var c) ? c : default;
        var batch = ImageProcessor.Load(folder).With(Arguments(call)).Process(Inputs(test, arguments, call));
        Assert.Multiple(() =>
        {
            foreach (var output in test.Json.GetProperty("outputs").EnumerateObject()) Check(test, arguments, batch, output);
        });
    }

    private static void Check(GoldenCase test, JsonElement arguments, ProcessedBatch batch, JsonProperty output)
    {
        var dot = output.Name.LastIndexOf('.');
        var part = dot < 0 ? "" : output.Name[(dot + 1)..];
        if (part is "chunks" or "mean" or "std" or "min" or "max") return;
        var name = part is "sample" or "shape" or "dtype" ? output.Name[..dot] : output.Name;
        if (batch.Texts.TryGetValue(name, out var texts))
        {
            Assert.That(texts, Is.EqualTo(output.Value.GetProperty("value").EnumerateArray().Select(v => v.GetString())));
            return;
        }
        var tensor = batch[name];
        switch (part)
        {
            case "shape":
                Assert.That(tensor.Shape, Is.EqualTo(output.Value.GetProperty("value").EnumerateArray().Select(v => v.GetInt64())), output.Name);
                return;
            case "dtype":
                Assert.That(tensor.Type.ToString(), Is.EqualTo(output.Value.GetProperty("value").GetString() switch { "float32" => "Float", "bfloat16" => "BFloat16", "int64" => "Int64", "uint8" => "UInt8", var other => other }), output.Name);
                return;
        }
        double[] want = output.Value.TryGetProperty("value", out var value) ? [.. Flatten(value)] : [.. Enumerable.Range(0, test.Output(output.Name).Count).Select(i => test.Output(output.Name)[i])];
        var step = part == "sample" ? arguments.GetProperty("step").GetProperty(name).GetInt32() : 1;
        var all = new GoldenTensor(tensor.Type, tensor.Shape, tensor.Bytes.ToArray());
        double[] got = [.. Enumerable.Range(0, (all.Count + step - 1) / step).Select(i => all[i * step])];
        Assert.That(got, Has.Length.EqualTo(want.Length), output.Name);
        // One grey level after normalisation: at most 1 / 255 by the smallest deviation, 0.225; more where the values are not rescaled.
        var scale = Math.Max(want.Max(Math.Abs), 1e-6);
        var level = scale > 100 ? 1 : Math.Max(1 / 255.0 / 0.224, scale / 127);
        double[] apart = [.. got.Zip(want, (a, b) => Math.Abs(a - b))];
        var unequal = apart.Count(d => d > level / 100) / (double)Math.Max(apart.Length, 1);
        TestContext.Out.WriteLine($"{output.Name}: {1 - unequal:P2} equal, most apart {(apart.Length > 0 ? apart.Max() : 0):G3}");
        // The slow class of this one is not what transformers loads: torchvision's order of passes is up to three levels apart from Pillow's.
        var (levels, equal) = test.Golden.Folder.EndsWith("qwen2-vl", StringComparison.Ordinal) ? (3, 0.9) : (1, 0.98);
        Assert.That(apart.DefaultIfEmpty().Max(), Is.LessThanOrEqualTo(1.05 * levels * level), output.Name);
        Assert.That(1 - unequal, Is.GreaterThanOrEqualTo(equal), output.Name);
    }

    private static ImageInputs Inputs(GoldenCase test, JsonElement arguments, JsonElement call)
    {
        var loads = arguments.TryGetProperty("load", out var load) ? load.EnumerateArray().Select(l => l.GetString()).ToArray() : [];
        Image[] images = [.. arguments.GetProperty("images").EnumerateArray().Select((i, at) => Read(test, i.GetString()!, at < loads.Length ? loads[at]! : "load_image"))];
        var inputs = arguments.TryGetProperty("nest", out var nest) && nest.ValueKind == JsonValueKind.String ? new ImageInputs([[.. images]]) : new ImageInputs(images);
        if (call.ValueKind == JsonValueKind.Object && call.TryGetProperty("boxes", out var boxes))
            inputs = inputs with { Boxes = [.. boxes.EnumerateArray().Select(b => (System.Collections.Immutable.ImmutableArray<System.Collections.Immutable.ImmutableArray<double>>)[.. b.EnumerateArray().Select(v => (System.Collections.Immutable.ImmutableArray<double>)[.. v.EnumerateArray().Select(n => n.GetDouble())])])] };
        if (test.Inputs.Contains("trimaps"))
        {
            var trimaps = test.Input("trimaps");
            var (height, width) = ((int)trimaps.Shape[^2], (int)trimaps.Shape[^1]);
            inputs = inputs with { Trimaps = [new Image(width, height, ImageMode.Gray, trimaps.Bytes)] };
        }
        return inputs;
    }

    private static Image Read(GoldenCase test, string name, string load)
    {
        if (name.StartsWith("media/", StringComparison.Ordinal)) return load == "load_image" ? Media.Loader.Load(Media.Find(name)) : Media.Loader.LoadStored(Media.Find(name));
        var tensor = test.Input(name.Split(' ')[1]);
        return new Image((int)tensor.Shape[1], (int)tensor.Shape[0], tensor.Shape.Count == 2 ? ImageMode.Gray : ImageMode.Rgb, tensor.Bytes);
    }

    // What is beside the processor's own keys.
    private static JsonElement Arguments(JsonElement call)
    {
        if (call.ValueKind != JsonValueKind.Object) return default;
        return JsonSerializer.SerializeToElement(call.EnumerateObject().Where(p => p.Name is not "boxes").ToDictionary(p => p.Name, p => p.Value));
    }

    private static IEnumerable<double> Flatten(JsonElement value) => value.ValueKind == JsonValueKind.Array ? value.EnumerateArray().SelectMany(Flatten) : [value.GetDouble()];
}
