using System.Collections.Immutable;
using System.CommandLine;
using OnnxTransformers.Tool.Lines;

namespace OnnxTransformers.Tool.Commands;

/// <summary>run: a package answers lines.</summary>
internal static class RunCommand
{
    private static readonly ImmutableArray<(string Word, Func<Provider> Create)> Providers = [("cpu", () => Provider.Cpu), ("cuda", () => Provider.Cuda()), ("tensorrt", () => Provider.TensorRt())];

    internal static void Build(Command command)
    {
        command.Example("echo '\"I love it.\"' | onnx-transformers run packages/sentiment --task text-classification");
        var package = command.Argument("package", "folder that export has made, or another ONNX package of the ecosystem");
        var task = command.Text("--task", "TASK", "as question-answering; without it, what the package was exported for");
        var (input, output) = command.Lines();
        var files = command.Text("--files", "FOLDER", "where answers that are pictures or tensors put their files");
        var provider = command.Choice("--provider", Providers.Select(p => p.Word), "what the graphs run on; what it can't take runs on the processor");
        command.SetAction(async (parsed, cancellation) =>
        {
            if (parsed.GetValue(files) is { } folder) Directory.CreateDirectory(folder);
            var chosen = Providers.First(p => p.Word == parsed.GetValue(provider)).Create();
            var options = new PipelineOptions { Providers = chosen == Provider.Cpu ? [Provider.Cpu] : [chosen, Provider.Cpu] };
            using var pipeline = PipelineTable.Load(parsed.GetRequiredValue(package), parsed.GetValue(task), options);
            return await LineLoop.RunAsync(parsed.GetValue(input), parsed.GetValue(output), pipeline.Answer, cancellation).ConfigureAwait(false);
        });
    }
}
