using System.Text;
using System.Text.Json;
using NUnit.Framework;
using OnnxTransformers.Graphs.Onnx;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Graphs.Models;

/// <summary>The graph of every family as text, for each kind of target: a change of a graph shows as a difference of these files. UPDATE_DUMPS=1 writes them anew.</summary>
public sealed class DumpTests
{
    private static readonly Dictionary<string, ElementType> Types = new() { ["F32"] = ElementType.Float, ["I64"] = ElementType.Int64, ["BF16"] = ElementType.BFloat16, ["U8"] = ElementType.UInt8 };

    private static readonly string[] Cases =
    [
        "bert-base", "bert-fill-mask", "bert-multiple-choice", "bert-question-answering", "bert-next-sentence", "distilbert-base", "distilbert-text-classification", "electra-discriminator", "electra-fill-mask", "mpnet-base",
        "roberta-base", "roberta-text-classification", "xlm-roberta-fill-mask", "camembert-fill-mask",
        "decoder/bloom", "decoder/deepseek_v3", "decoder/gemma2", "decoder/gpt2", "decoder/llama-3", "decoder/llama-sequence-classification", "decoder/mamba", "decoder/mixtral", "decoder/storage-gpt-oss-mxfp4",
        "decoder5/glm4_moe_lite", "decoder5/qwen3_5",
        "multimodal/clip", "multimodal/siglip2",
        "vision/beit-masked", "vision/dinov2-classification", "vision/focalnet", "vision/resnet", "vision/swin", "vision/timm-vit",
        "dense/depth-anything", "dense/detr", "dense/rt-detr", "dense/segformer", "dense/swin2sr-lightweight",
    ];

    [Test]
    public void The_graph_is_the_reviewed_one([ValueSource(nameof(Cases))] string fixture, [Values(Target.Portable, Target.Cpu, Target.Cuda)] Target target)
    {
        var folder = Fixtures.Find(fixture.Contains('/', StringComparison.Ordinal) ? fixture : $"text/{fixture}");
        var plan = ModelCatalog.Plan(ConfigReader.Parse(File.ReadAllBytes(Path.Combine(folder, "config.json")), "config.json"), Index(Path.Combine(folder, "model.safetensors")), new PlanRequest());
        var text = OnnxText.Dump(plan.Build(new BuildOptions { Target = target }).First(g => g.Name == "model").ToModel().Proto);
        var path = Path.Combine(Fixtures.Root, "tests", "OnnxTransformers.Graphs.Tests", "Models", "Dumps", $"{Path.GetFileName(fixture)}.{target}.txt");
        if (Environment.GetEnvironmentVariable("UPDATE_DUMPS") == "1") File.WriteAllText(path, text);
        Assert.That(text, Is.EqualTo(File.ReadAllText(path)), "the graph changed: review it, and write the dumps anew with UPDATE_DUMPS=1");
    }

    [Test]
    public void A_tensor_of_the_network_that_has_no_place_in_it_is_refused()
    {
        var folder = Fixtures.Find("text/bert-base");
        var index = Index(Path.Combine(folder, "model.safetensors"));
        index["encoder.layer.7.output.dense.bias"] = new TensorInfo("encoder.layer.7.output.dense.bias", ElementType.Float, [32]);
        var plan = ModelCatalog.Plan(ConfigReader.Parse(File.ReadAllBytes(Path.Combine(folder, "config.json")), "config.json"), index, new PlanRequest());
        Assert.That(Assert.Throws<CorruptCheckpointException>(() => plan.Build(new BuildOptions()))!.Message, Is.EqualTo(
            "building bert for feature-extraction from the checkpoint's tensors: encoder.layer.7.output.dense.bias: a tensor [32] that bert has no place for; supported: tensors of the network that config.json describes. Next: check that config.json belongs to these weights"));
    }

    /// <summary>Names, types and shapes from a file's header.</summary>
    internal static Dictionary<string, TensorInfo> Index(string path)
    {
        using var file = File.OpenRead(path);
        using var reader = new BinaryReader(file);
        using var header = JsonDocument.Parse(Encoding.UTF8.GetString(reader.ReadBytes((int)reader.ReadInt64())));
        return header.RootElement.EnumerateObject().Where(p => p.Name != "__metadata__").ToDictionary(p => p.Name, p => new TensorInfo(p.Name,
            Types[p.Value.GetProperty("dtype").GetString()!], [.. p.Value.GetProperty("shape").EnumerateArray().Select(d => d.GetInt64())]));
    }
}
