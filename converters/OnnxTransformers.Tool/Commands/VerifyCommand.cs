using System.CommandLine;
using OnnxTransformers.Converters;
using OnnxTransformers.Tool.Printing;

namespace OnnxTransformers.Tool.Commands;

/// <summary>verify: a package is still what its receipt says.</summary>
internal static class VerifyCommand
{
    internal static void Build(Command command)
    {
        command.Example("onnx-transformers verify packages/sentiment");
        var package = command.Argument("package", "folder that export has made");
        var json = command.Flag("--json", "end standard output with a summary as one line of JSON");
        command.SetAction(async (parsed, cancellation) =>
        {
            var result = await PackageCheck.RunAsync(parsed.GetRequiredValue(package), cancellation).ConfigureAwait(false);
            await Console.Error.WriteLineAsync($"{result.Package}: {result.Files} files are those of the receipt ({result.Hashed} by their hash)").ConfigureAwait(false);
            foreach (var graph in result.Verified)
            {
                await Console.Error.WriteLineAsync($"  {graph.File}: {graph.Note ?? $"runs on {graph.Provider}"}").ConfigureAwait(false);
                foreach (var c in graph.Comparisons)
                    await Console.Error.WriteLineAsync($"    {ComparisonText.Of(c)}").ConfigureAwait(false);
            }
            if (parsed.GetValue(json)) JsonOutput.WriteLine(result.WriteTo);
            return ExitCodes.Done;
        });
    }
}
