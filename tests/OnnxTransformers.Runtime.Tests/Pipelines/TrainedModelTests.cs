using System.Text.Json;
using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Pipelines;

/// <summary>Models that were trained for something, against the reference's answers.</summary>
internal sealed class TrainedModelTests
{
    [Test]
    public void The_sentiment_model_agrees_with_the_reference()
    {
        var folder = Fixtures.Model("sentiment");
        using var pipeline = TextClassification.Load(Packages.Export(folder));
        using var golden = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "golden.json")));
        var cases = golden.RootElement.GetProperty("cases").EnumerateArray().ToList();
        var answers = pipeline.Run([.. cases.Select(c => new TextInput(c.GetProperty("text").GetString()!))], new() { TopK = null, Truncate = true });
        Assert.That(cases, Is.Not.Empty);
        for (var i = 0; i < cases.Count; i++)
        {
            var want = cases[i].GetProperty("output").EnumerateArray().Select(o => (o.GetProperty("label").GetString(), o.GetProperty("score").GetSingle())).ToList();
            Assert.That(answers[i].Select(a => a.Label), Is.EqualTo(want.Select(w => w.Item1)), cases[i].GetProperty("text").GetString());
            Assert.That(answers[i].Select(a => a.Score), Is.EqualTo(want.Select(w => w.Item2)).Within(1e-4f));
        }
    }

    [Test]
    public void AllMiniLm_gives_the_references_embeddings()
    {
        var folder = Fixtures.Model("all-MiniLM-L6-v2");
        using var pipeline = SentenceSimilarity.Load(Packages.Export(folder));
        using var golden = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "golden.json")));
        var sentences = golden.RootElement.GetProperty("sentences").EnumerateArray().Select(s => s.GetString()!).ToList();
        var want = GoldenTensor.ReadAll(Path.Combine(folder, "golden.safetensors")).Single(t => t.Value.Shape is [var rows, 384] && rows == sentences.Count).Value.Floats();
        var got = pipeline.Embed(sentences).SelectMany(e => e).ToArray();
        Assert.That(got, Is.EqualTo(want).Within(1e-5f));
    }
}
