using System.Text.Json;
using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Tool.Commands;

/// <summary>Commands that are asked about pictures, from outside. A bitmap of four pixels needs no library to be read.</summary>
internal sealed class PictureTests
{
    private const string Processor = """{"image_processor_type": "ViTImageProcessor", "do_resize": true, "size": {"height": 2, "width": 2}, "do_rescale": true, "rescale_factor": 0.00392156862745098, "do_normalize": false}""";

    [Test]
    public async Task Process_writes_a_file_of_tensors_for_each_line()
    {
        using var scratch = new ScratchFolder();
        scratch.Write("model/preprocessor_config.json", Processor).Write("input.jsonl", "{\"images\": \"red.bmp\"}\n{\"images\": \"nothing.png\"}\n{\"images\": [\"red.bmp\", \"red.bmp\"], \"do_rescale\": false}\n");
        Bitmap(scratch["red.bmp"]);
        var result = await ToolProcess.RunAsync(["process", scratch["model"], "--files", scratch["tensors"], "--input", scratch["input.jsonl"]]);
        var lines = result.Output.TrimEnd().Split('\n');
        Assert.That((result.Code, lines.Length, result.Error), Is.EqualTo((1, 3, "")));
        Assert.That(lines[0], Is.EqualTo("{\"tensors\":\"000001.safetensors\"}"));
        using var error = JsonDocument.Parse(lines[1]);
        Assert.That(error.RootElement.GetProperty("error").GetProperty("message").GetString(), Is.EqualTo($"reading an image: {scratch["nothing.png"]}: no such file; supported: a picture file"));
        var one = GoldenTensor.ReadAll(scratch["tensors", "000001.safetensors"])["pixel_values"];
        Assert.That(one.Shape, Is.EqualTo((long[])[1, 3, 2, 2]));
        Assert.That(one.Floats(), Is.EqualTo((float[])[1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0]));
        using var third = JsonDocument.Parse(lines[2]);
        var two = GoldenTensor.ReadAll(scratch["tensors", third.RootElement.GetProperty("tensors").GetString()!])["pixel_values"];
        Assert.That((two.Shape[0], two[0]), Is.EqualTo((2L, 255d)));
    }

    [Test]
    public async Task Process_needs_a_folder_for_tensors_and_a_processor()
    {
        using var scratch = new ScratchFolder();
        scratch.Write("model/preprocessor_config.json", Processor);
        var result = await ToolProcess.RunAsync(["process", scratch["model"]], "");
        Assert.That((result.Code, result.Output), Is.EqualTo((2, "")));
        Assert.That(result.Error, Does.Contain("--files"));
        var unknown = await ToolProcess.RunAsync(["process", scratch.Write("other/preprocessor_config.json", "{\"image_processor_type\": \"CrystalBallImageProcessor\"}")["other"], "--files", scratch["tensors"]], "");
        Assert.That(unknown.Code, Is.EqualTo(3));
        Assert.That(unknown.Error, Does.Contain("\"CrystalBallImageProcessor\"; supported: BeitImageProcessor, "));
    }

    [Test]
    public async Task Run_reads_pictures_beside_its_input_writes_masks_and_draws()
    {
        var package = Packages.Export(Fixtures.Find("pipelines/image_segmentation_semantic"), new() { Verify = Converters.VerificationLevel.None });
        using var scratch = new ScratchFolder();
        Bitmap(scratch["red.bmp"]);
        scratch.Write("input.jsonl", "\"red.bmp\"\n");
        var result = await ToolProcess.RunAsync(["run", package, "--input", scratch["input.jsonl"], "--output", scratch["answers.jsonl"], "--files", scratch["masks"], "--draw", scratch["drawn"]]);
        Assert.That((result.Code, result.Output, result.Error), Is.EqualTo((0, "", "")));
        using var answer = JsonDocument.Parse(File.ReadAllText(scratch["answers.jsonl"]));
        var mask = answer.RootElement[0].GetProperty("mask").GetProperty("png").GetString();
        Assert.That(mask, Is.EqualTo("000001.0.mask.png"));
        Assert.That(scratch["masks", mask!], Does.Exist);
        Assert.That(Directory.GetFiles(scratch["drawn"]).Select(Path.GetFileName), Is.EqualTo((string[])["000001.0-red.png"]));
    }

    private static void Bitmap(string path)
    {
        using var writer = new BinaryWriter(File.Create(path));
        writer.Write("BM"u8);
        foreach (var number in (int[])[70, 0, 54, 40, 2, 2, 1 | 24 << 16, 0, 0, 0, 0, 0, 0]) writer.Write(number);
        for (var row = 0; row < 2; row++) writer.Write((byte[])[0, 0, 255, 0, 0, 255, 0, 0]);
    }
}
