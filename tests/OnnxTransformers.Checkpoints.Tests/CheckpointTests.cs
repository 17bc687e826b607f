using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Checkpoints;

public sealed class CheckpointTests
{
    private ScratchFolder _folder = null!;

    [SetUp]
    public void MakeFolder()
    {
        _folder = new();
        File.WriteAllText(_folder["config.json"], """{"model_type":"bert","hidden_size":32}""");
    }

    [TearDown]
    public void DeleteFolder() => _folder.Dispose();

    [Test]
    public void A_folder_gives_its_configuration_files_and_tensors()
    {
        Put("model.safetensors", "a");
        File.WriteAllText(_folder["tokenizer.json"], "{}");
        File.WriteAllText(_folder["notes.txt"], "no side file");
        Directory.CreateDirectory(_folder["1_Pooling"]);
        File.WriteAllText(_folder["1_Pooling", "config.json"], "{}");
        Directory.CreateDirectory(_folder["x_other"]);
        File.WriteAllText(_folder["x_other", "config.json"], "{}");
        Directory.CreateDirectory(_folder["additional_chat_templates"]);
        File.WriteAllText(_folder["additional_chat_templates", "rag.jinja"], "x");
        using var checkpoint = Checkpoint.Open(_folder.FullName);
        Assert.Multiple(() =>
        {
            Assert.That(checkpoint.Format, Is.EqualTo(WeightFormat.Safetensors));
            Assert.That(checkpoint.ReadConfig().Int("hidden_size", 0), Is.EqualTo(32));
            Assert.That(checkpoint.ReadJson("tokenizer.json"), Is.Not.Null);
            Assert.That(checkpoint.ReadJson("generation_config.json"), Is.Null);
            Assert.That(checkpoint.Files.Select(file => (file.Name, file.Role)), Is.EqualTo(new[]
            {
                ("config.json", FileRole.Config), ("model.safetensors", FileRole.Weights), ("1_Pooling/config.json", FileRole.Side), ("additional_chat_templates/rag.jinja", FileRole.Side), ("tokenizer.json", FileRole.Side),
            }));
            Assert.That(checkpoint.Files.All(file => file.Length == new FileInfo(file.Path).Length));
            Assert.That(checkpoint.Tensors.ContainsKey("a"));
            Assert.That(checkpoint.Tensors.ContainsKey("b"), Is.False);
            Assert.That(checkpoint.All("a"), Is.EqualTo(new byte[] { 0, 1 }));
            Assert.That(checkpoint.Locate("a")!.Path, Is.EqualTo(_folder["model.safetensors"]));
            Assert.That(checkpoint.TryView("a", out var view));
            view!.Dispose();
            Assert.That(() => checkpoint.Locate("b"), Throws.TypeOf<KeyNotFoundException>().With.Message.EqualTo("the checkpoint has no tensor \"b\""));
        });
        checkpoint.Dispose();
        Assert.That(() => checkpoint.Tensors.Count, Throws.TypeOf<ObjectDisposedException>());
    }

    [Test]
    public void Weights_are_not_opened_before_they_are_asked_for()
    {
        File.WriteAllBytes(_folder["model.safetensors"], [1]);
        using var checkpoint = Checkpoint.Open(_folder.FullName);
        Assert.That(checkpoint.ReadConfig().String("model_type"), Is.EqualTo("bert"));
        Assert.That(() => checkpoint.Tensors.Count, Throws.TypeOf<CorruptCheckpointException>());
    }

    [Test]
    public void Safetensors_win_over_pickles_and_one_file_over_shards()
    {
        File.WriteAllBytes(_folder["pytorch_model.bin"], [1]);
        Put("model-00001-of-00001.safetensors", "shard");
        File.WriteAllText(_folder["model.safetensors.index.json"], """{"weight_map":{"shard":"model-00001-of-00001.safetensors"}}""");
        using (var sharded = Checkpoint.Open(_folder.FullName)) Assert.That(sharded.Tensors.Keys, Is.EqualTo(new[] { "shard" }));
        Put("model.safetensors", "single");
        using var single = Checkpoint.Open(_folder.FullName);
        Assert.That(single.Tensors.Keys, Is.EqualTo(new[] { "single" }));
    }

    [Test]
    public void A_variant_is_opened_where_it_is_asked_for()
    {
        Put("model.safetensors", "plain");
        Put("model.fp16.safetensors", "half");
        Put("model.fp8-00001-of-00001.safetensors", "byte");
        File.WriteAllText(_folder["model.safetensors.index.fp8.json"], """{"weight_map":{"byte":"model.fp8-00001-of-00001.safetensors"}}""");
        using (var checkpoint = Checkpoint.Open(_folder.FullName)) Assert.That(checkpoint.Tensors.Keys, Is.EqualTo(new[] { "plain" }));
        using (var checkpoint = Checkpoint.Open(_folder.FullName, new() { Variant = "fp16" })) Assert.That(checkpoint.Tensors.Keys, Is.EqualTo(new[] { "half" }));
        using (var checkpoint = Checkpoint.Open(_folder.FullName, new() { Variant = "fp8" })) Assert.That(checkpoint.Tensors.Keys, Is.EqualTo(new[] { "byte" }));
        Refuses<UnsupportedCheckpointException>("weights without a variant, and fp16, fp8 is there, bf16 was asked for; supported: "
            + "model.bf16.safetensors, model.safetensors.index.bf16.json, pytorch_model.bf16.bin, pytorch_model.bin.index.bf16.json. Next: ask for the variant fp16 (--variant fp16)", "looking for weights in", new() { Variant = "bf16" });
    }

    private const string Supported = "; supported: model.safetensors, model.safetensors.index.json, pytorch_model.bin, pytorch_model.bin.index.json. Next: ";

    [TestCase("flax_model.msgpack", "flax_model.msgpack: Flax weights", "load it with transformers (from_flax=True) and save it with save_pretrained")]
    [TestCase("tf_model.h5", "tf_model.h5: TensorFlow weights", "load it with transformers (from_tf=True) and save it with save_pretrained")]
    [TestCase("model.ckpt.index", "model.ckpt.index: a TensorFlow 1 checkpoint", "convert it with transformers and save it with save_pretrained")]
    [TestCase("m-q4.gguf", "m-q4.gguf: a GGUF file", "load it with transformers (gguf_file=...) and save it with save_pretrained")]
    [TestCase("adapter_model.safetensors", "adapter_model.safetensors: an adapter without its base model", "merge it into its base model (merge_and_unload) and save that with save_pretrained")]
    [TestCase("consolidated.00.pth", "consolidated.00.pth: weights under their original names", "convert them with transformers and save them with save_pretrained")]
    [TestCase("model.onnx", "model.onnx: an ONNX model", "run it as it is")]
    [TestCase("model.pt", "model.pt: a torch file of another layout", "convert it with transformers and save it with save_pretrained")]
    [TestCase("model.fp16.safetensors", "only the variant fp16 is there", "ask for the variant fp16 (--variant fp16)")]
    public void Other_weights_are_refused_by_name(string file, string found, string next)
    {
        File.WriteAllBytes(_folder[file], [1]);
        Refuses<UnsupportedCheckpointException>(found + Supported + next);
    }

    [Test]
    public void What_is_missing_is_named()
    {
        Refuses<CorruptCheckpointException>("no weights" + Supported + "download the weights");
        Put("model-00002-of-00003.safetensors", "a");
        Refuses<CorruptCheckpointException>("model-00002-of-00003.safetensors: a shard without model.safetensors.index.json" + Supported + "download the index, too");
        File.WriteAllText(_folder["model.safetensors.index.json"], """{"weight_map":{"a":"model-00002-of-00003.safetensors","b":"model-00001-of-00003.safetensors","c":"model-00003-of-00003.safetensors"}}""");
        Assert.That(() => Checkpoint.Open(_folder.FullName), Throws.TypeOf<CorruptCheckpointException>().With.Message.EqualTo("looking for the shards of model.safetensors.index.json: 2 problems\n"
            + "  model-00001-of-00003.safetensors: it is not there. Next: download it\n  model-00003-of-00003.safetensors: it is not there. Next: download it"));
        File.Delete(_folder["config.json"]);
        Refuses<CorruptCheckpointException>("config.json: it is not there; supported: a folder with config.json and weights. Next: download config.json", "opening");
        Assert.That(() => Checkpoint.Open(_folder["none"]), Throws.TypeOf<InvalidInputException>().With.Message.EqualTo(
            $"opening {_folder["none"]}: there is no such folder; supported: a checkpoint's folder, with config.json and weights. Next: check the path"));
    }

    [Test]
    public void A_module_without_config_is_opened_where_it_may_lack_one()
    {
        File.Delete(_folder["config.json"]);
        Put("model.safetensors", "embedding.weight");
        using var checkpoint = Checkpoint.Open(_folder.FullName, new() { ConfigRequired = false });
        Assert.Multiple(() =>
        {
            Assert.That(checkpoint.Tensors.Keys, Is.EqualTo(new[] { "embedding.weight" }));
            Assert.That(checkpoint.ConfigBytes.IsEmpty);
            Assert.That(checkpoint.ReadConfig, Throws.TypeOf<CorruptCheckpointException>());
        });
    }

    [TestCase("tf", "\"tf\"")]
    [TestCase("flax", "\"flax\"")]
    public void Weights_of_another_framework_are_refused(string format, string found)
    {
        File.WriteAllBytes(_folder["model.safetensors"], Bytes.Safetensors($$$"""{"__metadata__":{"format":"{{{format}}}"}}""", 0));
        using var checkpoint = Checkpoint.Open(_folder.FullName);
        Assert.That(() => checkpoint.Tensors.Count, Throws.TypeOf<UnsupportedCheckpointException>().With.Message.EqualTo(
            $"opening model.safetensors: __metadata__.format: {found}; supported: pt, mlx. Next: load it with transformers and save it as a torch model"));
    }

    [Test]
    public void An_index_that_contradicts_its_shards_is_refused()
    {
        Put("s1.safetensors", "a", "b", "extra");
        Put("s2.safetensors", "b", "c");
        File.WriteAllText(_folder["model.safetensors.index.json"], """{"weight_map":{"a":"s1.safetensors","b":"s1.safetensors","c":"s1.safetensors","d":"s2.safetensors"}}""");
        using var checkpoint = Checkpoint.Open(_folder.FullName);
        Assert.That(() => checkpoint.Tensors.Count, Throws.TypeOf<CorruptCheckpointException>().With.Message.EqualTo("""
            comparing model.safetensors.index.json with its 2 shards: 3 problems
              tensor "c": s1.safetensors doesn't hold it; supported: what model.safetensors.index.json says. Next: download the checkpoint again
              tensor "d": s2.safetensors doesn't hold it; supported: what model.safetensors.index.json says. Next: download the checkpoint again
              tensor "b": both s1.safetensors and s2.safetensors hold it; supported: one shard for each tensor
            """));
    }

    [Test]
    public void Tensors_that_the_index_does_not_name_are_reported()
    {
        Put("s1.safetensors", "a", "extra");
        File.WriteAllText(_folder["model.safetensors.index.json"], """{"weight_map":{"a":"s1.safetensors"}}""");
        using var checkpoint = Checkpoint.Open(_folder.FullName);
        Assert.Multiple(() =>
        {
            Assert.That(checkpoint.Tensors.Keys, Is.EqualTo(new[] { "a" }));
            Assert.That(checkpoint.Skipped, Is.EqualTo(new[] { new SkippedEntry("s1.safetensors", "extra", "model.safetensors.index.json doesn't name it") }));
            Assert.That(checkpoint.Files.Select(file => file.Role), Is.EqualTo(new[] { FileRole.Config, FileRole.Index, FileRole.Weights }));
        });
    }

    [Test]
    public void Links_into_a_cache_are_followed()
    {
        Put("blob", "a");
        try
        {
            File.CreateSymbolicLink(_folder["model.safetensors"], "blob");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Assert.Ignore($"no symbolic links here: {e.Message}");
        }
        using (var checkpoint = Checkpoint.Open(_folder.FullName))
        {
            Assert.That(checkpoint.All("a"), Is.EqualTo(new byte[] { 0, 1 }));
            Assert.That(checkpoint.Files[1].Length, Is.EqualTo(new FileInfo(_folder["blob"]).Length));
        }
        File.Delete(_folder["blob"]);
        Assert.That(() => Checkpoint.Open(_folder.FullName).Tensors.Count, Throws.InstanceOf<OnnxTransformersException>());
    }

    /// <summary>The same network in all forms of storage: the values are those of the single safetensors file, whatever holds them.</summary>
    [TestCase("decoder/storage-sharded-safetensors", WeightFormat.Safetensors, 6)]
    [TestCase("decoder/storage-sharded-bin", WeightFormat.Torch, 6)]
    [TestCase("decoder/storage-bin", WeightFormat.Torch, 3)]
    [TestCase("decoder/storage-legacy-bin", WeightFormat.Torch, 3)]
    [TestCase("decoder/storage-no-metadata", WeightFormat.Safetensors, 3)]
    [TestCase("text/roberta-sharded", WeightFormat.Safetensors, 5)]
    public void Storage_forms_of_the_fixtures_are_read(string fixture, WeightFormat format, int files)
    {
        using var checkpoint = Checkpoint.Open(Fixtures.Find(fixture));
        Assert.Multiple(() =>
        {
            Assert.That(checkpoint.Format, Is.EqualTo(format));
            Assert.That(checkpoint.Files, Has.Length.EqualTo(files));
            Assert.That(checkpoint.Tensors, Has.Count.GreaterThan(20));
        });
        foreach (var (name, info) in checkpoint.Tensors)
        {
            var bytes = checkpoint.All(name);
            if (info.Type != ElementType.Float) continue;
            // Random weights of these models are small numbers; misplaced bytes are not.
            foreach (var value in System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(bytes)) Assert.That(Math.Abs(value), Is.LessThan(8f), name);
        }
    }

    [TestCase("formats/error-flax-only", typeof(UnsupportedCheckpointException), "flax_model.msgpack: Flax weights")]
    [TestCase("formats/error-variant-not-asked", typeof(UnsupportedCheckpointException), "only the variant fp16 is there")]
    [TestCase("formats/error-adapter-alone", typeof(UnsupportedCheckpointException), "adapter_config.json: an adapter without its base model")]
    [TestCase("decoder-broken/absent-shard", typeof(CorruptCheckpointException), "model-00002-of-00004.safetensors: it is not there")]
    [TestCase("decoder-broken/huge-header", typeof(CorruptCheckpointException), "a header of 1152921504606846976 bytes")]
    [TestCase("decoder-broken/truncated-safetensors", typeof(CorruptCheckpointException), "it ends at byte")]
    public void Fixtures_that_can_not_be_read_are_refused(string fixture, Type error, string found) => Assert.That(() =>
    {
        using var checkpoint = Checkpoint.Open(Fixtures.Find(fixture));
        return checkpoint.Tensors.Count;
    }, Throws.TypeOf(error).With.Message.Contains(found));

    [Test]
    public void A_variant_fixture_is_read()
    {
        using var checkpoint = Checkpoint.Open(Fixtures.Find("formats/partial-variant-fp16"), new() { Variant = "fp16" });
        Assert.That(checkpoint.Tensors.Values.Select(tensor => tensor.Type), Has.All.EqualTo(ElementType.Float16).Or.All.EqualTo(ElementType.Float));
    }

    private void Put(string file, params string[] tensors)
    {
        using var writer = SafetensorsWriter.Create(_folder[file], tensors.Select(name => new TensorInfo(name, ElementType.UInt8, [2])));
        foreach (var name in tensors) writer.Write(name, [0, 1]);
        writer.Complete();
    }

    private void Refuses<T>(string message, string doing = "looking for weights in", CheckpointOptions? options = null) where T : OnnxTransformersException =>
        Assert.That(() => Checkpoint.Open(_folder.FullName, options), Throws.TypeOf<T>().With.Message.EqualTo($"{doing} {_folder.FullName}: {message}"));
}
