using System.CommandLine;
using OnnxTransformers.Processors;
using OnnxTransformers.Tool.Lines;

namespace OnnxTransformers.Tool.Commands;

/// <summary>process: pictures become the inputs of a model, line by line.</summary>
internal static class ProcessCommand
{
    internal static void Build(Command command)
    {
        command.Example("echo '{\"images\": [\"cat.png\"]}' | onnx-transformers process packages/clip --files tensors");
        var folder = command.Argument("folder", "folder of a checkpoint or package with preprocessor_config.json");
        var files = command.Text("--files", "FOLDER", "where the tensors go, a safetensors file for each line");
        var (input, output) = command.Lines();
        command.SetAction(async (parsed, cancellation) =>
        {
            var target = parsed.Folder(files) ?? throw new InvalidInputException("reading the arguments",
                new Problem("--files", "nothing", "a folder for the tensors"));
            var lines = new ProcessLines(ImageProcessor.Load(parsed.GetRequiredValue(folder)), new ImageLoader(new VipsDecoder()), parsed.SourceFolder(input), target);
            return await LineLoop.RunAsync(parsed.GetValue(input), parsed.GetValue(output), lines.Answer, cancellation).ConfigureAwait(false);
        });
    }
}
