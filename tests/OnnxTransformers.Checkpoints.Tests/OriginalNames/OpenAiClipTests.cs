using System.IO.Compression;
using System.Text.Json.Nodes;
using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Checkpoints;

/// <summary>What is made of a file of weights alone.</summary>
public sealed class OpenAiClipTests
{
    private static Dictionary<string, TensorInfo> VitBase(long words = 49408)
    {
        var tensors = new Dictionary<string, TensorInfo>();
        void Add(string name, params long[] shape) => tensors[name] = new TensorInfo(name, ElementType.Float16, [.. shape]);
        Add("visual.conv1.weight", 768, 3, 32, 32);
        Add("visual.positional_embedding", 50, 768);
        Add("token_embedding.weight", words, 512);
        Add("positional_embedding", 77, 512);
        Add("text_projection", 512, 512);
        Add("ln_final.weight", 512);
        foreach (var (tower, width) in new[] { ("visual.transformer", 768L), ("transformer", 512L) })
            for (var i = 0; i < 12; i++)
            {
                Add($"{tower}.resblocks.{i}.attn.in_proj_weight", 3 * width, width);
                Add($"{tower}.resblocks.{i}.mlp.c_fc.weight", 4 * width, width);
            }
        return tensors;
    }

    [Test]
    public void The_configuration_of_vit_base_is_the_published_one()
    {
        var tensors = VitBase();
        Assert.That(OpenAiClip.Recognizes(tensors));
        var files = OpenAiClip.Files(tensors, "no such file");
        Assert.Multiple(() =>
        {
            Assert.That(files.Select(f => f.Name), Is.EqualTo(new[] { "config.json", "preprocessor_config.json" }));
            Assert.That(JsonNode.DeepEquals(JsonNode.Parse(files[0].Content.Span), JsonNode.Parse("""
                {"architectures": ["CLIPModel"], "model_type": "clip", "projection_dim": 512,
                 "text_config": {"model_type": "clip_text_model", "hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 12, "num_attention_heads": 8, "hidden_act": "quick_gelu", "layer_norm_eps": 1E-05,
                  "vocab_size": 49408, "max_position_embeddings": 77, "eos_token_id": 2, "pad_token_id": 0},
                 "vision_config": {"model_type": "clip_vision_model", "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12, "hidden_act": "quick_gelu", "layer_norm_eps": 1E-05,
                  "image_size": 224, "patch_size": 32, "num_channels": 3}}
                """)), files[0].Name);
            Assert.That(JsonNode.Parse(files[1].Content.Span)!["size"]!["shortest_edge"]!.GetValue<int>(), Is.EqualTo(224));
        });
    }

    [TestCase("token_embedding.weight")]
    [TestCase("visual.transformer.resblocks.0.attn.in_proj_weight")]
    [TestCase("ln_final.weight")]
    public void Files_that_lack_a_tensor_are_others(string name)
    {
        var tensors = VitBase();
        tensors.Remove(name);
        Assert.That(OpenAiClip.Recognizes(tensors), Is.False);
    }

    [Test]
    public void The_tokenizer_is_that_of_the_reference()
    {
        var vocabulary = Path.Combine(Fixtures.Find("multimodal/original-clip-tokenizer"), OpenAiClip.Vocabulary);
        using var packed = new GZipStream(File.OpenRead(Path.Combine(Fixtures.Find("tokenization/clip"), "tokenizer.json.gz")), CompressionMode.Decompress);
        var reference = JsonNode.Parse(packed)!;
        var made = JsonNode.Parse(OpenAiClip.Files(VitBase(), vocabulary).Single(f => f.Name == "tokenizer.json").Content.Span)!;
        Assert.Multiple(() =>
        {
            Assert.That(made["model"]!["vocab"]!.AsObject().Select(p => (p.Key, p.Value!.GetValue<int>())), Is.EquivalentTo(reference["model"]!["vocab"]!.AsObject().Select(p => (p.Key, p.Value!.GetValue<int>()))));
            Assert.That(made["model"]!["merges"]!.AsArray().Select(m => m!.GetValue<string>()), Is.EqualTo(reference["model"]!["merges"]!.AsArray().Select(m => string.Join(' ', m!.AsArray().Select(p => p!.GetValue<string>())))));
            foreach (var part in new[] { "normalizer", "post_processor", "added_tokens" }) Assert.That(JsonNode.DeepEquals(made[part], reference[part]), part);
        });
    }

    [Test]
    public void Another_vocabulary_gets_no_tokenizer() =>
        Assert.That(OpenAiClip.Files(VitBase(words: 100), Path.Combine(Fixtures.Find("multimodal/original-clip-tokenizer"), OpenAiClip.Vocabulary)), Has.Length.EqualTo(2));
}
