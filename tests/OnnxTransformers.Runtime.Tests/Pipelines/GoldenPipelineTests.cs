using NUnit.Framework;
using OnnxTransformers.Converters;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Pipelines;

/// <summary>Asks each fixture's pipeline cases of the package that is exported from it, and compares with the reference's answers.</summary>
internal sealed class GoldenPipelineTests
{
    // Not a transformer with pooling behind it, or one of a kind that has no graph yet.
    private static readonly string[] Later = ["st-static-embedding", "splade-inference-free", "st-qwen3-last-token"];

    private static IEnumerable<TestCaseData> Cases()
    {
        foreach (var fixture in Fixtures.Of("pipelines").Concat(Fixtures.Of("text")))
        {
            var golden = Golden.Load(Fixtures.TryFind(fixture)!);
            if (!PipelineTable.Tasks.Contains(golden.Pipeline ?? golden.Task ?? "") || Later.Contains(Path.GetFileName(fixture))) continue;
            foreach (var c in golden.Of("pipeline")) yield return new TestCaseData(fixture, c).SetArgDisplayNames(fixture, c.Name);
        }
    }

    private readonly Dictionary<string, IPipeline> _open = [];

    [OneTimeTearDown]
    public void Close()
    {
        foreach (var pipeline in _open.Values) pipeline.Dispose();
    }

    [TestCaseSource(nameof(Cases))]
    public void Answers_as_the_reference_does(string fixture, GoldenCase c)
    {
        var pipeline = Open(fixture, c.Golden);
        var similarity = c.Outputs.Contains("similarity") && pipeline is SentenceSimilarity sentences ? sentences.Similarity.ToString().ToLowerInvariant() : null;
        var line = GoldenLine.Of(c, c.Json.TryGetProperty("arguments", out var a) && a.TryGetProperty("similarity_fn_name", out _) ? null : similarity);
        Assert.That(GoldenLine.Difference(c, pipeline.Answer(line)), Is.Null);
    }

    private IPipeline Open(string fixture, Golden golden)
    {
        if (!_open.TryGetValue(fixture, out var pipeline)) _open.Add(fixture, pipeline = PipelineTable.Load(Exported(golden), golden.Pipeline ?? TaskOf(golden)));
        return pipeline;
    }

    /// <summary>Fixtures of sentence-transformers may name the task of the network inside.</summary>
    private static string? TaskOf(Golden golden) => File.Exists(Path.Combine(golden.Folder, "modules.json")) && golden.Task == FeatureExtraction.Name ? SentenceSimilarity.Name : golden.Task;

    private static string Exported(Golden golden) => Packages.Export(golden.Folder, new ExportOptions { Task = golden.Task, Verify = VerificationLevel.None });
}
