using NUnit.Framework;
using OnnxTransformers.Converters;
using OnnxTransformers.Graphs.Models;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Pipelines;

/// <summary>Asks each fixture's pipeline cases of the package that is exported from it, and compares with the reference's answers.</summary>
internal sealed class GoldenPipelineTests
{
    // Not a transformer with pooling behind it, or one of a kind that has no graph yet.
    private static readonly string[] Later = ["st-static-embedding", "splade-inference-free", "st-qwen3-last-token"];

    private static IEnumerable<TestCaseData> Cases()
    {
        foreach (var fixture in Fixtures.Of("pipelines").Concat(Fixtures.Of("text")).Concat(Fixtures.Of("vision")))
        {
            var golden = Golden.Load(Fixtures.TryFind(fixture)!);
            if (!PipelineTable.Tasks.Contains(golden.Pipeline ?? golden.Task ?? "") || Later.Contains(Path.GetFileName(fixture)) || !IsKnown(golden)) continue;
            foreach (var c in golden.Of("pipeline")) yield return new TestCaseData(fixture, c).SetArgDisplayNames(fixture, c.Name);
        }
    }

    // Types that have no graph yet.
    private static bool IsKnown(Golden golden) => golden.ModelType is not { } type || ModelCatalog.Families.Any(f => f.ModelType == type);

    private readonly Dictionary<string, IPipeline> _open = [];
    private readonly ScratchFolder _files = new();

    [OneTimeTearDown]
    public void Close()
    {
        foreach (var pipeline in _open.Values) pipeline.Dispose();
        _files.Dispose();
    }

    [TestCaseSource(nameof(Cases))]
    public void Answers_as_the_reference_does(string fixture, GoldenCase c)
    {
        var pictures = c.Json.GetProperty("inputs").GetRawText().Contains("media/", StringComparison.Ordinal);
        if (pictures) Fixtures.Media("media/README.md");
        var pipeline = Open(fixture, c.Golden, pictures);
        var similarity = c.Outputs.Contains("similarity") && pipeline is SentenceSimilarity sentences ? sentences.Similarity.ToString().ToLowerInvariant() : null;
        var line = GoldenLine.Of(c, c.Json.TryGetProperty("arguments", out var a) && a.TryGetProperty("similarity_fn_name", out _) ? null : similarity);
        Assert.That(GoldenLine.Difference(c, pipeline.Answer(line), _files[Folder(fixture)]), Is.Null);
    }

    private IPipeline Open(string fixture, Golden golden, bool pictures)
    {
        if (!_open.TryGetValue(fixture, out var pipeline)) _open.Add(fixture, pipeline = PipelineTable.Load(Exported(golden), golden.Pipeline ?? TaskOf(golden), Options(fixture, pictures)));
        return pipeline;
    }

    private PipelineOptions Options(string fixture, bool pictures) => new() { ImageDecoder = pictures ? Decoder.Require() : null, SourceFolder = Fixtures.Shared, FilesFolder = _files[Folder(fixture)], DrawFolder = _files[Folder(fixture) + "-drawn"] };

    private static string Folder(string fixture) => fixture.Replace('/', '-');

    /// <summary>Fixtures of sentence-transformers may name the task of the network inside.</summary>
    private static string? TaskOf(Golden golden) => File.Exists(Path.Combine(golden.Folder, "modules.json")) && golden.Task == FeatureExtraction.Name ? SentenceSimilarity.Name : golden.Task;

    private static string Exported(Golden golden) => Packages.Export(golden.Folder, new ExportOptions { Task = golden.Task, Verify = VerificationLevel.None });
}
