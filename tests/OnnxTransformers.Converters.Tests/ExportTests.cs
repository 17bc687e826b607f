using System.Security.Cryptography;
using System.Text.Json;
using NUnit.Framework;
using OnnxTransformers.Graphs;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Converters;

internal sealed class ExportTests
{
    private ScratchFolder _scratch = null!;

    [SetUp]
    public void Create() => _scratch = new ScratchFolder();

    [TearDown]
    public void Delete() => _scratch.Dispose();

    [Test]
    public async Task A_package_holds_graphs_side_files_and_a_receipt()
    {
        var result = await Export.RunAsync(Fixtures.Model("sentiment"), _scratch["package"]);
        Assert.Multiple(() =>
        {
            Assert.That(Names(_scratch["package"]), Is.EqualTo(new[]
            {
                "config.json", "onnx/model.onnx", "onnx/model.onnx_data", "receipt.json", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt",
            }));
            Assert.That(result.Task, Is.EqualTo("text-classification"));
            Assert.That(result.ModelType, Is.EqualTo("bert"));
            Assert.That(result.Graphs.Select(g => g.File), Is.EqualTo(new[] { "onnx/model.onnx" }));
            Assert.That(Directory.EnumerateFileSystemEntries(_scratch.FullName).Select(Path.GetFileName), Is.EqualTo(new[] { "package" }), "nothing is left beside the package");
        });
    }

    [Test]
    public async Task The_receipt_says_what_was_done()
    {
        await Export.RunAsync(Fixtures.Model("sentiment"), _scratch["package"], new ExportOptions { Target = Target.Cpu, Precisions = [Precision.Fp32, Precision.Fp16] });
        using var receipt = JsonDocument.Parse(File.ReadAllBytes(_scratch["package", "receipt.json"]));
        var root = receipt.RootElement;
        Assert.Multiple(() =>
        {
            Assert.That(root.EnumerateObject().Select(p => p.Name), Is.EqualTo(new[]
            {
                "format", "version", "model_type", "architectures", "task", "options", "graphs", "unused_tensors", "ignored_keys", "covered_by", "inputs", "outputs", "verified", "run",
            }));
            Assert.That(root.GetProperty("options").GetRawText().Replace(" ", "").Replace("\n", ""), Is.EqualTo("""{"target":"cpu","precision":["fp32","fp16"],"weights":"copy","verify":"run","opset":21}"""));
            Assert.That(Texts(root.GetProperty("inputs"), "file"), Does.Contain("model.safetensors").And.Contain("config.json"));
            Assert.That(Texts(root.GetProperty("outputs"), "file"), Does.Contain("onnx/model_fp16.onnx").And.Contain("vocab.txt").And.Not.Contain("receipt.json"));
            Assert.That(root.GetProperty("ignored_keys").EnumerateArray().Select(k => (k.GetProperty("key").GetString(), k.GetProperty("reason").GetString())), Does.Contain(("$.initializer_range", "training only")));
            Assert.That(Texts(root.GetProperty("verified")[0].GetProperty("comparisons"), "what"), Is.EqualTo(new[]
            {
                "a batch equals its rows", "padding changes nothing", "a batch padded on the left equals its rows", "ids under the mask change nothing", "equals portable fp32",
            }));
            foreach (var output in root.GetProperty("outputs").EnumerateArray())
                Assert.That(output.GetProperty("sha256").GetString(), Is.EqualTo(Hash(_scratch["package", output.GetProperty("file").GetString()!])));
        });
    }

    [TestCase(WeightPlacement.Copy)]
    [TestCase(WeightPlacement.Link)]
    public async Task The_same_input_gives_the_same_bytes(WeightPlacement weights)
    {
        // From two places, so that no path gets into a file.
        foreach (var name in new[] { "a", "another" })
        {
            var checkpoint = Packages.Copy(Fixtures.Find("text/bert-fill-mask"), _scratch[name, "checkpoint"]);
            await Export.RunAsync(checkpoint, _scratch[name, "package"], new ExportOptions { Precisions = [Precision.Fp32, Precision.Bf16], Target = Target.Cpu, Weights = weights });
        }
        Assert.Multiple(() =>
        {
            Assert.That(Names(_scratch["a", "package"]), Is.EqualTo(Names(_scratch["another", "package"])));
            foreach (var name in Names(_scratch["a", "package"]).Where(n => n != "receipt.json"))
                Assert.That(File.ReadAllBytes(_scratch["another", "package", name]), Is.EqualTo(File.ReadAllBytes(_scratch["a", "package", name])), name);
            Assert.That(Promised(_scratch["another", "package", "receipt.json"]), Is.EqualTo(Promised(_scratch["a", "package", "receipt.json"])));
        });
    }

    [Test]
    public async Task Without_verification_large_files_are_not_hashed()
    {
        var result = await Export.RunAsync(Fixtures.Model("all-MiniLM-L6-v2"), _scratch["package"], new ExportOptions { Verify = VerificationLevel.None });
        Assert.Multiple(() =>
        {
            Assert.That(result.Inputs.Single(f => f.Name == "model.safetensors").Sha256, Is.Null);
            Assert.That(result.Outputs.Single(f => f.Name == "onnx/model.onnx_data").Sha256, Is.Null);
            Assert.That(result.Inputs.Single(f => f.Name == "config.json").Sha256, Is.EqualTo(Hash(Path.Combine(Fixtures.Model("all-MiniLM-L6-v2"), "config.json"))));
            Assert.That(result.Verified, Is.Empty);
        });
        Assert.That((await PackageCheck.RunAsync(_scratch["package"])).Hashed, Is.LessThan(result.Outputs.Length).And.GreaterThan(5));
    }

    [Test]
    public async Task Linked_weights_are_the_checkpoints_own_file()
    {
        var checkpoint = Packages.Copy(Fixtures.Find("text/bert-base"), _scratch["checkpoint"]);
        await Export.RunAsync(checkpoint, _scratch["package"], new ExportOptions { Weights = WeightPlacement.Link });
        Assert.Multiple(() =>
        {
            Assert.That(Names(_scratch["package"]).Where(n => n.StartsWith("onnx/", StringComparison.Ordinal)), Is.EqualTo(new[] { "onnx/model.onnx", "onnx/model.safetensors" }));
            File.AppendAllText(_scratch["checkpoint", "model.safetensors"], "one file under two names");
            Assert.That(new FileInfo(_scratch["package", "onnx", "model.safetensors"]).Length, Is.EqualTo(new FileInfo(_scratch["checkpoint", "model.safetensors"]).Length));
        });
    }

    [Test]
    public async Task A_pickle_can_not_be_linked()
    {
        var checkpoint = Packages.Copy(Fixtures.Find("text/distilbert-pickled"), _scratch["checkpoint"]);
        var e = await Refusal<UnsupportedCheckpointException>(checkpoint, new ExportOptions { Weights = WeightPlacement.Link });
        Assert.That(e.Message, Is.EqualTo($"linking the weights of {checkpoint}: --weights link: its weights are torch pickles, which ONNX Runtime can't read; "
            + "supported: safetensors files on the file system of the package. Next: use --weights copy"));
    }

    [Test]
    public async Task A_package_that_is_there_is_only_replaced_by_force()
    {
        var checkpoint = Fixtures.Find("text/bert-base");
        await Export.RunAsync(checkpoint, _scratch["package"]);
        var e = await Refusal<InvalidInputException>(checkpoint);
        Assert.That(e.Message, Is.EqualTo($"exporting to {_scratch["package"]}: the folder is there already; supported: a folder that does not exist yet, or is empty. Next: replace it with --force, or name another folder"));
        await Export.RunAsync(Fixtures.Find("text/bert-fill-mask"), _scratch["package"], new ExportOptions { Force = true });
        Assert.That(JsonDocument.Parse(File.ReadAllBytes(_scratch["package", "receipt.json"])).RootElement.GetProperty("task").GetString(), Is.EqualTo("fill-mask"));
    }

    [Test]
    public async Task A_folder_that_is_no_package_is_never_replaced()
    {
        Directory.CreateDirectory(_scratch["package"]);
        File.WriteAllText(_scratch["package", "thesis.txt"], "years of work");
        var e = await Refusal<InvalidInputException>(Fixtures.Find("text/bert-base"), new ExportOptions { Force = true });
        Assert.Multiple(() =>
        {
            Assert.That(e.Message, Does.Contain("the folder holds other things than a package (it has no receipt.json)"));
            Assert.That(File.ReadAllText(_scratch["package", "thesis.txt"]), Is.EqualTo("years of work"));
        });
    }

    [Test]
    public async Task The_checkpoint_itself_is_never_the_target()
    {
        var checkpoint = Packages.Copy(Fixtures.Find("text/bert-base"), _scratch["package", "inside"]);
        var e = await Refusal<InvalidInputException>(checkpoint, new ExportOptions { Force = true });
        Assert.That(e.Message, Does.Contain($"the checkpoint {checkpoint} lies there"));
    }

    [TestCase("""["mean", "max"]""")]
    [TestCase(""" "mean+max" """)]
    public async Task What_export_pools_run_answers(string modes)
    {
        var from = Packages.Copy(Fixtures.Find("text/st-mean-normalize"), _scratch["checkpoint"]);
        var width = ConfigReader.Parse(File.ReadAllBytes(Path.Combine(from, "config.json")), "config.json").Int("hidden_size", 0);
        File.WriteAllText(Path.Combine(from, "1_Pooling", "config.json"), $$"""{"pooling_mode": {{modes}}}""");
        await Export.RunAsync(from, _scratch["package"]);
        using var pipeline = SentenceSimilarity.Load(_scratch["package"]);
        Assert.That(pipeline.Embed("two modes"), Has.Length.EqualTo(2 * width));
    }

    [Test]
    public void A_graph_s_file_tells_what_a_runtime_must_know()
    {
        using var session = ModelSession.Open(Path.Combine(Packages.Export(Fixtures.Find("text/roberta-base")), "onnx", "model.onnx"));
        Assert.That(NetworkTraits.Read(session.Metadata), Is.EqualTo(new NetworkTraits { MaxTokens = 38 }), "forty positions, of which the padding's and those before it are no token's");
    }

    [Test]
    public async Task A_sentence_transformers_checkpoint_keeps_its_modules()
    {
        var result = await Export.RunAsync(Fixtures.Find("text/st-mean-dense"), _scratch["package"]);
        Assert.Multiple(() =>
        {
            Assert.That(result.Task, Is.EqualTo("sentence-similarity"));
            Assert.That(Names(_scratch["package"]), Does.Contain("modules.json").And.Contain("1_Pooling/config.json").And.Contain("2_Dense/config.json").And.Contain("sentence_bert_config.json"));
            Assert.That(result.Inputs.Select(f => f.Name), Does.Contain("2_Dense/model.safetensors"));
            Assert.That(Names(_scratch["package"]).Where(n => n.EndsWith(".safetensors", StringComparison.Ordinal)), Is.Empty);
        });
    }

    [Test]
    public async Task A_network_in_a_folder_of_its_own_is_found_and_its_files_are_put_on_top()
    {
        var from = Packages.Copy(Fixtures.Find("text/st-mean-dense"), _scratch["checkpoint"]);
        string[] top = ["modules.json", "config_sentence_transformers.json", "sentence_bert_config.json"];
        Directory.CreateDirectory(Path.Combine(from, "0_Transformer"));
        foreach (var file in Directory.EnumerateFiles(from).Where(f => !top.Contains(Path.GetFileName(f)))) File.Move(file, Path.Combine(from, "0_Transformer", Path.GetFileName(file)));
        var modules = Path.Combine(from, "modules.json");
        File.WriteAllText(modules, File.ReadAllText(modules).Replace("\"path\": \"\"", "\"path\": \"0_Transformer\"", StringComparison.Ordinal));

        await Export.RunAsync(from, _scratch["package"]);
        Assert.Multiple(() =>
        {
            Assert.That(Names(_scratch["package"]), Does.Contain("config.json").And.Contain("tokenizer.json").And.Contain("0_Transformer/config.json").And.Contain("modules.json"));
            var golden = Golden.Load(Fixtures.Find("text/st-mean-dense"));
            foreach (var c in golden.Of("forward")) Assert.That(ForwardCases.Differences(_scratch["package"], c), Is.Empty);
        });
    }

    [TestCase(21)]
    [TestCase(22)]
    [TestCase(23)]
    public async Task Each_operator_set_runs(int opset)
    {
        var result = await Export.RunAsync(Fixtures.Find("text/bert-base"), _scratch["package"], new ExportOptions { Opset = opset });
        Assert.That(result.Verified.Single().Comparisons, Is.Not.Empty);
        Assert.That(((InspectedPackage)Inspect.Run(_scratch["package"])).Graphs.Single().Opsets, Is.EqualTo(new[] { $"ai.onnx {opset}" }));
    }

    [Test]
    public async Task A_variant_of_the_weights_can_be_asked_for()
    {
        var checkpoint = Packages.Copy(Fixtures.Find("text/bert-base"), _scratch["checkpoint"]);
        File.Move(Path.Combine(checkpoint, "model.safetensors"), Path.Combine(checkpoint, "model.fp16.safetensors"));
        var e = await Refusal<UnsupportedCheckpointException>(checkpoint);
        Assert.That(e.Message, Does.Contain("only the variant fp16 is there").And.EndsWith("Next: ask for the variant fp16 (--variant fp16)"));
        var result = await Export.RunAsync(checkpoint, _scratch["package"], new ExportOptions { Variant = "fp16" });
        Assert.That(result.Inputs.Select(i => i.Name), Does.Contain("model.fp16.safetensors"));
    }

    [Test]
    public async Task A_tokenizer_that_can_t_be_read_fails_the_export()
    {
        var checkpoint = Packages.Copy(Fixtures.Model("sentiment"), _scratch["checkpoint"]);
        File.WriteAllText(Path.Combine(checkpoint, "tokenizer.json"), "x");
        var e = await Refusal<CorruptCheckpointException>(checkpoint);
        Assert.That(e.Message, Does.StartWith("reading tokenizer.json: "));
    }

    [Test]
    public void Cancelling_leaves_nothing()
    {
        using var cancellation = new CancellationTokenSource();
        var progress = new CancelAt("verifying model.onnx", cancellation);
        Assert.That(async () => await Export.RunAsync(Fixtures.Find("text/bert-base"), _scratch["package"], null, progress, cancellation.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(Directory.EnumerateFileSystemEntries(_scratch.FullName), Is.Empty);
    }

    [Test]
    public async Task An_option_that_is_not_supported_is_refused()
    {
        var e = await Refusal<UnsupportedCheckpointException>(Fixtures.Find("text/bert-base"), new ExportOptions { Opset = 12 });
        Assert.That(e.Message, Is.EqualTo("reading the options of export: opset: 12; supported: 21, 22, 23"));
    }

    private async Task<T> Refusal<T>(string checkpoint, ExportOptions? options = null) where T : Exception
    {
        var before = Directory.EnumerateFileSystemEntries(_scratch.FullName, "*", SearchOption.AllDirectories).Order().ToList();
        var e = Assert.ThrowsAsync<T>(async () => await Export.RunAsync(checkpoint, _scratch["package"], options));
        Assert.That(Directory.EnumerateFileSystemEntries(_scratch.FullName, "*", SearchOption.AllDirectories).Order(), Is.EqualTo(before), "nothing is written");
        return await Task.FromResult(e!);
    }

    private static string[] Names(string folder) =>
        [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(folder, f).Replace('\\', '/')).Order(StringComparer.Ordinal)];

    private static string[] Texts(JsonElement list, string key) => [.. list.EnumerateArray().Select(e => e.GetProperty(key).GetString()!)];

    private static string Hash(string path) => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path)));

    // All but the last two sections, which hold numbers of the machine and of the moment.
    private static string Promised(string receipt)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(receipt));
        return string.Join('\n', json.RootElement.EnumerateObject().Where(p => p.Name is not ("verified" or "run")).Select(p => p.Value.GetRawText()));
    }

    private sealed class CancelAt(string step, CancellationTokenSource cancellation) : IProgress<ExportProgress>
    {
        public void Report(ExportProgress value)
        {
            if (value.Step == step) cancellation.Cancel();
        }
    }
}
