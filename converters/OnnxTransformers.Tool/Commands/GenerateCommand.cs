using System.CommandLine;
using OnnxTransformers.Generation;
using OnnxTransformers.Tool.Lines;

namespace OnnxTransformers.Tool.Commands;

/// <summary>generate: prompts of tokens are continued, line by line.</summary>
internal static class GenerateCommand
{
    internal static void Build(Command command)
    {
        command.Example("echo '{\"input_ids\": [[1, 42, 7]], \"arguments\": {\"max_new_tokens\": 20}}' | onnx-transformers generate packages/llm");
        var package = command.Argument("package", "folder of a decoder that export has made, or another ONNX package of the ecosystem");
        var (input, output) = command.Lines();
        var provider = command.Provider();
        command.SetAction(async (parsed, cancellation) =>
        {
            using var lines = GenerateLines.Load(parsed.GetRequiredValue(package), new RuntimeOptions { Providers = parsed.Providers(provider) });
            return await LineLoop.RunAsync(parsed.GetValue(input), parsed.GetValue(output), lines.Answer, cancellation).ConfigureAwait(false);
        });
    }
}
