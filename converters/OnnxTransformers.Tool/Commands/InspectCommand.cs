using System.CommandLine;
using OnnxTransformers.Converters;
using OnnxTransformers.Tool.Printing;

namespace OnnxTransformers.Tool.Commands;

/// <summary>inspect: what a folder holds.</summary>
internal static class InspectCommand
{
    internal static void Build(Command command)
    {
        command.Example("onnx-transformers inspect models/bert-sentiment");
        var folder = command.Argument("folder", "folder of a checkpoint or package");
        var json = command.Flag("--json", "one line of JSON instead of text");
        command.SetAction(parsed =>
        {
            var model = Inspect.Run(parsed.GetRequiredValue(folder));
            if (parsed.GetValue(json)) JsonOutput.WriteLine(writer => InspectionJson.Write(writer, model));
            else InspectionText.Write(Console.Out, model);
            return ExitCodes.Done;
        });
    }
}
