using System.CommandLine;
using OnnxTransformers.Tokenizers.Templates;
using OnnxTransformers.Tool.Lines;

namespace OnnxTransformers.Tool.Commands;

/// <summary>render: chats become prompts, line by line.</summary>
internal static class RenderCommand
{
    internal static void Build(Command command)
    {
        command.Example("echo '{\"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}], \"add_generation_prompt\": true}' | onnx-transformers render packages/llm");
        var path = command.Argument("folder|template.jinja", "folder of a checkpoint or package with a chat template, or a template alone");
        var (input, output) = command.Lines();
        command.SetAction(async (parsed, cancellation) =>
        {
            var templates = ChatTemplateSet.Load(parsed.GetRequiredValue(path));
            return await LineLoop.RunAsync(parsed.GetValue(input), parsed.GetValue(output), (line, answer, _) => RenderLines.Answer(templates, line, answer), cancellation).ConfigureAwait(false);
        });
    }
}
