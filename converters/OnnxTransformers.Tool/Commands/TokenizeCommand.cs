using System.CommandLine;
using OnnxTransformers.Tokenizers;
using OnnxTransformers.Tool.Lines;

namespace OnnxTransformers.Tool.Commands;

/// <summary>tokenize: texts and ids, line by line.</summary>
internal static class TokenizeCommand
{
    internal static void Build(Command command)
    {
        command.Example("echo '{\"text\": \"It works.\"}' | onnx-transformers tokenize packages/sentiment");
        var folder = command.Argument("folder", "folder of a checkpoint, package or tokenizer");
        var raw = command.Flag("--raw", "tokenizer.json alone, its truncation and padding off");
        var (input, output) = command.Lines();
        command.SetAction(async (parsed, cancellation) =>
        {
            var path = parsed.GetRequiredValue(folder);
            var tokenizer = parsed.GetValue(raw) ? Tokenizer.FromFile(Path.Combine(path, "tokenizer.json")) : Tokenizer.Load(path);
            return await LineLoop.RunAsync(parsed.GetValue(input), parsed.GetValue(output), (line, answer, _) => TokenizeLines.Answer(tokenizer, line, answer), cancellation).ConfigureAwait(false);
        });
    }
}
