using System.Text.Json;
using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Converters.Ecosystem;

/// <summary>A package that is exported here, opened by transformers.js, gives the reference's embeddings.</summary>
public sealed class TransformersJsTests
{
    private const string Script =
        """
        import { pipeline, env } from "@huggingface/transformers";
        import { readFileSync } from "node:fs";
        env.allowRemoteModels = false;
        env.localModelPath = process.argv[2];
        const extract = await pipeline("feature-extraction", process.argv[3], { dtype: "fp32", device: "cpu" });
        const result = await extract(JSON.parse(readFileSync(0, "utf8")), { pooling: process.argv[4], normalize: process.argv[5] === "true" });
        console.log(JSON.stringify({ shape: result.dims, data: Array.from(result.data) }));
        """;

    [TestCase("text/st-mean-normalize", "mean", true)]
    [TestCase("text/st-cls-prompts", "cls", true)]
    public async Task Embeddings_are_the_reference_s(string fixture, string pooling, bool normalize)
    {
        var node = NodePackage.Require("@huggingface/transformers@4.3.1");
        var golden = Golden.Load(Fixtures.Find(fixture));
        using var scratch = new ScratchFolder();
        await Export.RunAsync(golden.Folder, scratch["package"]);
        var encode = golden.Of("pipeline").First(c => c.Name == "encode");
        // transformers.js cuts at the tokenizer's own limit, sentence-transformers at max_seq_length: only what fits both is compared.
        var sentences = encode.Json.GetProperty("inputs").GetProperty("sentences").GetProperty("value").EnumerateArray().Select(s => s.GetString()!).Where(s => s.Length < 60).ToArray();

        using var answer = JsonDocument.Parse(node.Run(Script, JsonSerializer.Serialize(sentences), scratch.FullName, "package", pooling, normalize ? "true" : "false"));

        var got = answer.RootElement.GetProperty("data").EnumerateArray().Select(v => v.GetDouble()).ToArray();
        var expected = encode.Output("sentence_embedding").Floats();
        Assert.That(sentences, Has.Length.EqualTo(3));
        Assert.That(answer.RootElement.GetProperty("shape").EnumerateArray().Select(d => d.GetInt64()), Is.EqualTo(new[] { sentences.Length, encode.Output("sentence_embedding").Shape[1] }));
        for (var i = 0; i < got.Length; i++) Assert.That(got[i], Is.EqualTo(expected[i]).Within(1e-5), $"component {i}");
    }
}
