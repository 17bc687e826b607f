using System.Text.Json;
using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Tool.Commands;

/// <summary>The program from outside.</summary>
internal sealed class CommandTests
{
    private static readonly string[] Commands = ["export", "run", "generate", "tokenize", "render", "process", "inspect", "verify", "doctor"];

    [Test]
    public async Task Version_is_one_line()
    {
        var result = await ToolProcess.RunAsync(["--version"]);
        Assert.That(result, Is.EqualTo(new ToolResult(0, $"{typeof(Converters.Export).Assembly.GetName().Version!.ToString(3)}{Environment.NewLine}", "")));
    }

    [Test]
    public async Task Help_names_all_commands()
    {
        var result = await ToolProcess.RunAsync(["--help"]);
        Assert.Multiple(() =>
        {
            Assert.That(result.Code, Is.Zero);
            foreach (var command in Commands) Assert.That(result.Output, Does.Contain($"  {command} "));
        });
    }

    [TestCaseSource(nameof(Commands))]
    public async Task Help_of_a_command_has_an_example(string command)
    {
        var result = await ToolProcess.RunAsync([command, "--help"]);
        Assert.That((result.Code, result.Error), Is.EqualTo((0, "")));
        Assert.That(result.Output, Does.Contain("Example:").And.Contain($"onnx-transformers {command}"));
    }

    [TestCase("export", "Required argument 'checkpoint' missing")]
    [TestCase("export a b --target toaster", "'toaster'")]
    [TestCase("bake a cake", "'bake' is not a command; there are export, run, ")]
    [TestCase("inspect --frce", "'--frce' is not an option of inspect; a folder of that name is ./--frce")]
    [TestCase("export a b --no-such-option", "'--no-such-option'")]
    public async Task Wrong_usage_is_code_2(string line, string says)
    {
        var result = await ToolProcess.RunAsync(line.Split(' '));
        Assert.That((result.Code, result.Output), Is.EqualTo((2, "")));
        Assert.That(result.Error, Does.Contain(says).And.Contain("--help"));
    }

    [Test]
    public async Task Export_run_verify_and_inspect_work_together()
    {
        using var scratch = new ScratchFolder();
        var package = scratch["package"];
        var exported = await ToolProcess.RunAsync(["export", Fixtures.Model("sentiment"), package, "--target", "cpu", "--json"]);
        Assert.That(exported.Code, Is.Zero, exported.Error);
        Assert.That(Json(exported.Output.TrimEnd().Split('\n')[^1]).GetProperty("task").GetString(), Is.EqualTo("text-classification"));

        var answered = await ToolProcess.RunAsync(["run", package], "\"I love it.\"\n{\"inputs\": 7}\n\"Not good.\"\n");
        var lines = answered.Output.TrimEnd().Split('\n');
        Assert.Multiple(() =>
        {
            Assert.That((answered.Code, lines.Length, answered.Error), Is.EqualTo((1, 3, "")));
            Assert.That(Json(lines[0])[0].GetProperty("label").GetString(), Is.EqualTo("positive"));
            Assert.That(Json(lines[1]).GetProperty("error").GetProperty("code").GetString(), Is.EqualTo("invalid_input"));
            Assert.That(Json(lines[2])[0].GetProperty("label").GetString(), Is.EqualTo("negative"));
        });

        var verified = await ToolProcess.RunAsync(["verify", package, "--json"]);
        Assert.That(verified.Code, Is.Zero, verified.Error);
        Assert.That(Json(verified.Output).GetProperty("verified")[0].GetProperty("comparisons").GetArrayLength(), Is.EqualTo(4));

        var inspected = await ToolProcess.RunAsync(["inspect", package]);
        Assert.That(inspected.Output, Does.Contain("model type: bert").And.Contain("task: text-classification").And.Contain("tasks of its graphs: text-classification, zero-shot-classification, text-ranking").And.Contain("memory: 6.6 MB for the weights of onnx/model.onnx").And.Contain("takes input_ids int64[batch_size, sequence_length]").And.Contain("gives logits float[batch_size, 3]"));

        var data = Path.Combine(package, "onnx", "model.onnx_data");
        var bytes = File.ReadAllBytes(data);
        bytes[^1] ^= 1;
        File.WriteAllBytes(data, bytes);
        var broken = await ToolProcess.RunAsync(["verify", package]);
        Assert.That(broken.Code, Is.EqualTo(4));
        Assert.That(broken.Error, Does.Contain("onnx/model.onnx_data: its SHA-256 is"));
    }

    [Test]
    public async Task Nothing_is_left_in_the_user_s_folder()
    {
        if (OperatingSystem.IsWindows()) Assert.Ignore("the folder of ONNX Runtime's usage data is found through HOME, which Windows doesn't have");
        using var scratch = new ScratchFolder();
        var home = Directory.CreateDirectory(scratch["home"]).FullName;
        var result = await ToolProcess.RunAsync(["run", Packages.Export(Fixtures.Model("sentiment"))], "\"I love it.\"\n", home);
        Assert.That(result.Code, Is.Zero, result.Error);
        Assert.That(Directory.EnumerateFiles(home, "*", SearchOption.AllDirectories), Is.Empty);
    }

    [Test]
    public async Task Answers_go_to_a_file_whole()
    {
        using var scratch = new ScratchFolder();
        var package = Packages.Export(Fixtures.Model("sentiment"));
        File.WriteAllText(scratch["lines"], "\"I love it.\"\n");
        var result = await ToolProcess.RunAsync(["run", package, "--input", scratch["lines"], "--output", scratch["answers"]]);
        Assert.That((result.Code, result.Output), Is.EqualTo((0, "")), result.Error);
        Assert.That(File.ReadAllLines(scratch["answers"]), Has.Length.EqualTo(1));
        Assert.That(Directory.EnumerateFiles(scratch.FullName).Select(Path.GetFileName), Is.EquivalentTo(new[] { "lines", "answers" }));
    }

    [Test]
    public async Task Inspect_shows_a_checkpoint()
    {
        var result = await ToolProcess.RunAsync(["inspect", Fixtures.Model("sentiment")]);
        Assert.That(result.Code, Is.Zero, result.Error);
        Assert.That(result.Output, Does.Contain("architectures: BertForSequenceClassification").And.Contain("task: text-classification").And.Contain("of float16 in").And.Contain("as fp32"));
    }

    [TestCase("formats/error-custom-code", 3)]
    [TestCase("formats/error-no-classifier", 4)]
    public async Task Refusals_have_a_code_and_no_stack_trace(string fixture, int code)
    {
        using var scratch = new ScratchFolder();
        var result = await ToolProcess.RunAsync(["export", Fixtures.Find(fixture), scratch["package"], "--task", "text-classification"]);
        Assert.That((result.Code, result.Output), Is.EqualTo((code, "")));
        Assert.That(result.Error, Has.Length.GreaterThan(20).And.Not.Contain("   at "));
        Assert.That(Directory.EnumerateFileSystemEntries(scratch.FullName), Is.Empty);
    }

    [TestCase("export", "package")]
    [TestCase("run")]
    [TestCase("tokenize")]
    [TestCase("render")]
    [TestCase("inspect")]
    [TestCase("verify")]
    public async Task A_folder_that_is_not_there_is_wrong_usage(string command, params string[] more)
    {
        using var scratch = new ScratchFolder();
        var missing = await ToolProcess.RunAsync([command, scratch["nowhere"], .. more.Select(m => scratch[m])]);
        Assert.That((missing.Code, missing.Output), Is.EqualTo((2, "")), missing.Error);
        Assert.That(missing.Error, Does.Contain($"{scratch["nowhere"]}: there is no such folder; supported: ").And.Contain(". Next: check the path"));
        if (command == "render") return;                                // a template's file is as good
        File.WriteAllText(scratch["file"], "x");
        var file = await ToolProcess.RunAsync([command, scratch["file"], .. more.Select(m => scratch[m])]);
        Assert.That(file.Code, Is.EqualTo(2), file.Error);
        Assert.That(file.Error, Does.Contain($"{scratch["file"]}: it is a file, not a folder; supported: "));
    }

    [Test]
    public async Task A_place_that_can_t_be_written_is_told()
    {
        if (!OperatingSystem.IsLinux()) Assert.Ignore("/proc is Linux'");
        var result = await ToolProcess.RunAsync(["export", Fixtures.Model("sentiment"), "/proc/nowhere/package"]);
        Assert.That((result.Code, result.Output), Is.EqualTo((2, "")));
        Assert.That(result.Error, Does.StartWith("exporting to /proc/nowhere/package: the package can't be written (").And.Contain("supported: a folder that can be written"));
    }

    [Test]
    public async Task Early_errors_of_run_keep_their_code_whatever_is_being_loaded()
    {
        using var scratch = new ScratchFolder();
        var package = scratch["package"];
        Assert.That((await ToolProcess.RunAsync(["export", Fixtures.Model("sentiment"), package, "--verify", "none"])).Code, Is.Zero);
        File.WriteAllText(Path.Combine(package, "tokenizer.json"), "x");
        for (var i = 0; i < 10; i++)
        {
            Assert.That((await ToolProcess.RunAsync(["run", package], "\"x\"\n")).Code, Is.EqualTo(4));
            Assert.That((await ToolProcess.RunAsync(["run", package, "--task", "baking"], "\"x\"\n")).Code, Is.EqualTo(3));
        }
    }

    [Test]
    public async Task Json_tells_what_went_wrong()
    {
        var result = await ToolProcess.RunAsync(["inspect", "nowhere", "--json"]);
        var error = Json(result.Output).GetProperty("error");
        Assert.Multiple(() =>
        {
            Assert.That(result.Code, Is.EqualTo(2));
            Assert.That(error.GetProperty("code").GetString(), Is.EqualTo("invalid_input"));
            Assert.That(error.GetProperty("message").GetString(), Is.EqualTo(result.Error.Trim()));
            Assert.That(error.GetProperty("problems")[0].GetProperty("found").GetString(), Is.EqualTo("there is no such folder"));
        });
    }

    [Test]
    public async Task A_provider_that_is_not_here_is_code_6()
    {
        if (Providers.Diagnose().Single(p => p.Provider == "CUDA").Available) Assert.Ignore("this machine has CUDA");
        var result = await ToolProcess.RunAsync(["run", Packages.Export(Fixtures.Model("sentiment")), "--provider", "cuda"], "\"x\"\n");
        Assert.That(result.Code, Is.EqualTo(6));
        Assert.That(result.Error, Does.Contain("CUDA"));
    }

    [Test]
    public async Task An_interrupt_is_code_130()
    {
        if (OperatingSystem.IsWindows()) Assert.Ignore("there is no kill");
        if (InterruptsAreIgnored()) Assert.Ignore("interrupts are ignored here, as by all that a shell starts in the background, and processes inherit that");
        using var process = ToolProcess.Start(["run", Packages.Export(Fixtures.Model("sentiment"))]);
        await process.StandardInput.WriteAsync("\"I love it.\"\n");
        await process.StandardInput.FlushAsync();
        Assert.That(await process.StandardOutput.ReadLineAsync(), Does.StartWith("["));
        using (var kill = System.Diagnostics.Process.Start("kill", ["-INT", $"{process.Id}"])) await kill.WaitForExitAsync();
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));
        Assert.That((process.ExitCode, (await process.StandardError.ReadToEndAsync()).Trim()), Is.EqualTo((130, "cancelled")));
    }

    /// <summary>Whether this process was started with SIGINT (2) ignored, as Linux tells: a mask of signals in hexadecimal.</summary>
    private static bool InterruptsAreIgnored() => File.Exists("/proc/self/status") && File.ReadLines("/proc/self/status").FirstOrDefault(l => l.StartsWith("SigIgn:", StringComparison.Ordinal)) is { } line
        && (Convert.ToUInt64(line[7..].Trim(), 16) & 1 << 2 - 1) != 0;

    private static JsonElement Json(string line)
    {
        using var document = JsonDocument.Parse(line);
        return document.RootElement.Clone();
    }
}
