using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Converters;

/// <summary>Checkpoints that must be refused, with the words that a user reads.</summary>
internal sealed class RefusalTests
{
    private ScratchFolder _scratch = null!;

    [SetUp]
    public void Create() => _scratch = new ScratchFolder();

    [TearDown]
    public void Delete() => _scratch.Dispose();

    [Test]
    public void Own_code_is_refused_although_the_model_type_is_known()
    {
        var checkpoint = Packages.Copy(Fixtures.Find("text/bert-base"), _scratch["checkpoint"]);
        Edit(checkpoint, "\"architectures\"", "\"auto_map\": {\"AutoModel\": \"modeling_custom.CustomBert\"}, \"architectures\"");
        var e = Refusal<UnsupportedCheckpointException>(checkpoint);
        Assert.Multiple(() =>
        {
            Assert.That(e.Message, Is.EqualTo("reading config.json: $.auto_map: the checkpoint brings its own code (modeling_custom.CustomBert); supported: architectures of transformers itself. "
                + "Next: if the code changes nothing, save it with the architecture that it is based on, and without auto_map"));
            Assert.That((e.ModelType, e.Key, e.Nearest), Is.EqualTo(("bert", "$.auto_map", "bert")));
            Assert.That(e.Architectures, Is.EqualTo(new[] { "BertModel" }));
        });
    }

    private const string Weights = "model.safetensors, model.safetensors.index.json, pytorch_model.bin, pytorch_model.bin.index.json";

    [TestCase("formats/error-custom-code", "reading config.json: $.auto_map: the checkpoint brings its own code (modeling_custom.CustomConfig, modeling_custom.CustomForCausalLM); supported: architectures of transformers itself. "
        + "Next: if the code changes nothing, save it with the architecture that it is based on, and without auto_map")]
    [TestCase("formats/error-adapter-alone", "opening {0}: adapter_config.json: an adapter without its base model; supported: a folder with config.json and weights. "
        + "Next: merge it into its base model (merge_and_unload) and save that with save_pretrained")]
    [TestCase("formats/error-flax-only", $"looking for weights in {{0}}: flax_model.msgpack: Flax weights; supported: {Weights}. Next: load it with transformers (from_flax=True) and save it with save_pretrained")]
    [TestCase("formats/error-variant-not-asked", $"looking for weights in {{0}}: only the variant fp16 is there; supported: {Weights}. Next: ask for the variant fp16 (--variant fp16)")]
    public void What_is_not_supported_is_named(string fixture, string message) =>
        Assert.That(Refusal<UnsupportedCheckpointException>(Fixtures.Find(fixture)).Message, Is.EqualTo(message.Replace("{0}", Fixtures.Find(fixture), StringComparison.Ordinal)));

    /// <summary>The list of types grows.</summary>
    [Test]
    public void A_type_that_nobody_knows_is_refused_with_the_one_that_it_may_be() => Assert.That(Refusal<UnsupportedCheckpointException>(Fixtures.Find("decoder-broken/unknown-model-type")).Message,
        Does.Match("^reading config\\.json: \\$\\.model_type: \"llamaton\" \\(LlamaForCausalLM\\), which is not a type of transformers; supported: llama, .* and \\d+ others \\(docs/families\\)\\. "
            + "Next: check the type's spelling; the nearest that is supported is llama, another network$"));

    [Test]
    public void All_missing_tensors_of_a_head_are_named()
    {
        var e = Refusal<CorruptCheckpointException>(Fixtures.Find("formats/error-no-classifier"), "text-classification");
        Assert.That(e.Problems.Select(p => (p.Where, p.Found)), Is.EquivalentTo(new[] { ("classifier.weight", "missing"), ("classifier.bias", "missing") }));
    }

    [Test]
    public void An_unknown_model_type_is_refused_with_the_nearest_that_is_known()
    {
        var checkpoint = Packages.Copy(Fixtures.Find("text/bert-base"), _scratch["checkpoint"]);
        Edit(checkpoint, "\"model_type\": \"bert\"", "\"model_type\": \"distilberto\"");
        var e = Refusal<UnsupportedCheckpointException>(checkpoint);
        Assert.That((e.ModelType, e.Key, e.Nearest), Is.EqualTo(("distilberto", "$.model_type", "distilbert")));
    }

    [Test]
    public void What_is_not_supported_is_refused_before_weights_are_opened()
    {
        var checkpoint = Packages.Copy(Fixtures.Find("text/bert-base"), _scratch["checkpoint"]);
        File.WriteAllText(Path.Combine(checkpoint, "model.safetensors"), "no weights at all");
        Assert.That(Refusal<CorruptCheckpointException>(checkpoint).Message, Does.StartWith("reading the header of model.safetensors: "));
        Edit(checkpoint, "\"model_type\": \"bert\"", "\"model_type\": \"distilberto\"");
        Assert.That(Refusal<UnsupportedCheckpointException>(checkpoint).ModelType, Is.EqualTo("distilberto"));
    }

    [Test]
    public void Weights_that_contradict_the_configuration_are_refused_all_at_once()
    {
        var checkpoint = Packages.Copy(Fixtures.Find("text/bert-base"), _scratch["checkpoint"]);
        Edit(checkpoint, "\"intermediate_size\"", "\"num_labels\": 2, \"intermediate_size_\"", "\"intermediate_size_\"", "\"initializer_factor\"");
        var e = Refusal<CorruptCheckpointException>(checkpoint);
        Assert.That(e.Problems, Has.Length.GreaterThan(3));
    }

    [Test]
    public void A_checkpoint_that_is_not_there_is_a_wrong_input() =>
        Assert.That(Refusal<InvalidInputException>(_scratch["nowhere"]).Message, Is.EqualTo($"opening {_scratch["nowhere"]}: there is no such folder; supported: a checkpoint's folder, with config.json and weights. Next: check the path"));

    [Test]
    public void A_module_outside_the_checkpoint_is_refused()
    {
        var checkpoint = Packages.Copy(Fixtures.Find("text/st-mean-dense"), _scratch["checkpoint"]);
        var modules = Path.Combine(checkpoint, "modules.json");
        File.WriteAllText(modules, File.ReadAllText(modules).Replace("2_Dense", "../../etc", StringComparison.Ordinal));
        Assert.That(Refusal<CorruptCheckpointException>(checkpoint).Message, Is.EqualTo("reading modules.json: $[2].path: \"../../etc\", outside the folder of modules.json; supported: a folder inside it"));
    }

    [Test]
    public void A_router_is_refused_by_name() => Assert.That(Refusal<UnsupportedCheckpointException>(Fixtures.Find("text/splade-inference-free")).Message,
        Is.EqualTo("reading modules.json: $[0].type: \"sentence_transformers.base.modules.router.Router\"; supported: Transformer, MLMTransformer. Next: load it with sentence-transformers, or export the transformer inside it"));

    private T Refusal<T>(string checkpoint, string? task = null) where T : Exception
    {
        var e = Assert.ThrowsAsync<T>(async () => await Export.RunAsync(checkpoint, _scratch["package"], new ExportOptions { Task = task }));
        Assert.That(Directory.EnumerateFileSystemEntries(_scratch.FullName).Select(Path.GetFileName), Is.SubsetOf(new[] { "checkpoint" }), "nothing is written");
        return e!;
    }

    private static void Edit(string checkpoint, params string[] pairs)
    {
        var path = Path.Combine(checkpoint, "config.json");
        var text = File.ReadAllText(path);
        for (var i = 0; i < pairs.Length; i += 2)
        {
            Assert.That(text, Does.Contain(pairs[i]));
            text = text.Replace(pairs[i], pairs[i + 1], StringComparison.Ordinal);
        }
        File.WriteAllText(path, text);
    }
}
