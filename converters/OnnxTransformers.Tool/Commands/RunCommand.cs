using System.CommandLine;
using OnnxTransformers.Tool.Lines;

namespace OnnxTransformers.Tool.Commands;

/// <summary>run: a package answers lines.</summary>
internal static class RunCommand
{
    internal static void Build(Command command)
    {
        command.Example("echo '\"I love it.\"' | onnx-transformers run packages/sentiment --task text-classification");
        var package = command.Argument("package", "folder that export has made, or another ONNX package of the ecosystem");
        var task = command.Text("--task", "TASK", "as question-answering; without it, what the package was exported for");
        var (input, output) = command.Lines();
        var files = command.Text("--files", "FOLDER", "where answers that are pictures or tensors put their files");
        var draw = command.Text("--draw", "FOLDER", "where copies of the pictures go, with the answers drawn onto them");
        var provider = command.Provider();
        command.SetAction(async (parsed, cancellation) =>
        {
            var options = new PipelineOptions
            {
                Providers = parsed.Providers(provider),
                ImageDecoder = new LateDecoder(),
                SourceFolder = parsed.SourceFolder(input),
                FilesFolder = parsed.Folder(files),
                DrawFolder = parsed.Folder(draw),
            };
            using var pipeline = PipelineTable.Load(parsed.GetRequiredValue(package), parsed.GetValue(task), options);
            if (pipeline is TextGeneration text && TextLoop.IsWatched(parsed.GetValue(output)))
            {
                using var reading = parsed.GetValue(input) is { } path and not "-" ? LineLoop.OpenInput(path) : Console.OpenStandardInput();
                return await TextLoop.RunAsync(text, reading, Console.Out, Console.Error, cancellation).ConfigureAwait(false);
            }
            return await LineLoop.RunAsync(parsed.GetValue(input), parsed.GetValue(output), pipeline.Answer, cancellation).ConfigureAwait(false);
        });
    }
}
