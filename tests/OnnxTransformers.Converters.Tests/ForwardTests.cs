using System.Text.Json;
using Google.Protobuf;
using NUnit.Framework;
using OnnxTransformers.Converters.Packaging;
using OnnxTransformers.Converters.Sources;
using OnnxTransformers.Graphs;
using OnnxTransformers.Graphs.Models;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Converters;

/// <summary>Every forward case of every fixture whose model type is in the catalogue, for each target and placement of weights.</summary>
[Parallelizable(ParallelScope.Children)]
internal sealed class ForwardTests
{
    private static readonly (Target Target, WeightPlacement Weights)[] Ways =
        [(Target.Portable, WeightPlacement.Copy), (Target.Cpu, WeightPlacement.Copy), (Target.Portable, WeightPlacement.Link), (Target.Cpu, WeightPlacement.Link)];

    private static readonly string[] Areas = ["text", "decoder", "config5", "decoder5", "multimodal", "vision", "dense", "variants"];

    [OneTimeSetUp]
    public void SayWhichFixtures() => TestContext.Progress.WriteLine($"Forward cases: {Fixtures.Description}");

    [TestCaseSource(nameof(Cases))]
    public void The_graph_gives_what_the_reference_gives(string fixture, Target target, WeightPlacement weights)
    {
        var golden = Golden.Load(Fixtures.Find(fixture));
        var package = Packages.Export(golden.Folder, new ExportOptions { Task = golden.Task, Target = target, Weights = weights, Verify = VerificationLevel.Load });
        Assert.Multiple(() =>
        {
            foreach (var c in golden.Of("forward")) Assert.That(ForwardCases.DifferencesOfAll(package, c), Is.Empty, c.Name);
        });
    }

    [TestCaseSource(nameof(Targets))]
    public void Every_precision_agrees_with_portable_float32(string fixture, Target target)
    {
        var golden = Golden.Load(Fixtures.Find(fixture));
        Assert.That(() => Packages.Export(golden.Folder, new ExportOptions { Task = golden.Task, Target = target, Precisions = [.. BuildOptions.Precisions] }), Throws.Nothing);
    }

    /// <summary>What holds of portable graphs on the processor then holds of these.</summary>
    [TestCaseSource(nameof(Fixtured))]
    public void For_tensorrt_the_graph_is_the_portable_one(string fixture)
    {
        var golden = Golden.Load(Fixtures.Find(fixture));
        using var source = ExportSource.Open(golden.Folder);
        var plan = ModelCatalog.Plan(source.Network.ReadConfig(), source.Tensors, new PlanRequest { Task = golden.Task, SentenceModules = source.Modules });
        foreach (var precision in BuildOptions.Precisions)
        {
            var (portable, tensorRt) = (Models(Target.Portable), Models(Target.TensorRt));
            Assert.That(tensorRt, Is.EqualTo(portable), precision.Word());

            List<ByteString> Models(Target target) => [.. GraphVariant.Build(plan, new BuildOptions { Target = target, Precision = precision }).Graphs.Select(g => g.ToModel(plan.Metadata(g)).Proto.ToByteString())];
        }
    }

    [Test]
    public void There_is_a_fixture_for_every_model_type()
    {
        if (Fixtures.Shared is null) Assert.Ignore("the repository's own fixtures have each wiring, not each type; the whole collection is not here");
        Assert.That(ModelCatalog.Families.Select(f => f.ModelType), Is.SubsetOf(Supported().Select(f => f.ModelType)));
    }

    private static IEnumerable<TestCaseData> Cases() => Supported().SelectMany(f => Ways.Where(w => w.Weights == WeightPlacement.Copy || !IsPickled(f.Name))
        .Select(w => new TestCaseData(f.Name, w.Target, w.Weights).SetArgDisplayNames(f.Name, w.Target.ToString(), w.Weights.ToString())));

    private static IEnumerable<TestCaseData> Fixtured() => Few().Select(f => new TestCaseData(f.Name).SetArgDisplayNames(f.Name));

    /// <summary>Causal types are many: a fixture of each, and those that tell apart what the others don't.</summary>
    private static IEnumerable<(string Name, string ModelType)> Few() => Supported().Where(f => !IsCausal(f.ModelType) || f.Name.StartsWith("variants/", StringComparison.Ordinal)).Union(Supported().Where(f => IsCausal(f.ModelType)).DistinctBy(f => f.ModelType));

    /// <summary>Networks that choose cells by score: rounding to another precision changes the choice, and with it all that follows.</summary>
    private static readonly string[] Choosing = ["deformable_detr", "rt_detr", "rt_detr_v2"];

    /// <summary>Masks of random weights are small differences of large numbers: half precision is 2 % off, and the export says so.</summary>
    private static readonly string[] Sensitive = ["dense/detr-panoptic", "dense/maskformer-resnet"];

    /// <summary>Networks of random weights that multiply what rounding leaves: gates and norms of small states, few experts of scores that are near; the bounds are those of trained networks. Their graphs are compared with the reference in float32 all the same.</summary>
    private static readonly string[] Multiplying = ["decoder/bamba", "decoder/jamba", "decoder5/gemma4-26b-a4b", "decoder5/olmo_hybrid", "decoder5/qwen3_5", "decoder5/qwen3_5_moe"];

    private static IEnumerable<TestCaseData> Targets() => Few().Where(f => !Choosing.Contains(f.ModelType) && !Sensitive.Contains(f.Name) && !Multiplying.Contains(f.Name)).SelectMany(f => new[] { Target.Portable, Target.Cpu, Target.Cuda }
        .Select(t => new TestCaseData(f.Name, t).SetArgDisplayNames(f.Name, t.ToString())));

    /// <summary>Fixtures whose model type the catalogue has.</summary>
    internal static IEnumerable<(string Name, string ModelType)> Supported()
    {
        foreach (var name in Areas.SelectMany(a => Fixtures.Of(a)))
        {
            var folder = Fixtures.Find(name);
            // A folder of modules without a network at its root, as one behind a router, is refused.
            if (!File.Exists(Path.Combine(folder, "golden.json")) || (File.Exists(Path.Combine(folder, "modules.json")) && !File.Exists(Path.Combine(folder, "config.json")))) continue;
            // Not config.json's: the reference writes numbers into some that are no JSON.
            using var golden = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "golden.json")));
            var type = golden.RootElement.TryGetProperty("model_type", out var t) ? t.GetString() : null;
            // A decoder of a type whose encoder is supported is another network.
            if (ModelCatalog.Families.Any(f => f.ModelType == type && (f.IsCausal || !name.EndsWith("-decoder", StringComparison.Ordinal))) && Golden.Load(folder).Of("forward").Any()) yield return (name, type!);
        }
    }

    private static bool IsCausal(string type) => ModelCatalog.Families.Any(f => f.ModelType == type && f.IsCausal);

    private static bool IsPickled(string fixture) => !Directory.EnumerateFiles(Fixtures.Find(fixture), "*.safetensors", SearchOption.AllDirectories).Any(f => Path.GetFileName(f) != "golden.safetensors");
}
