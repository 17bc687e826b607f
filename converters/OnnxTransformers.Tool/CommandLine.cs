using System.Collections.Immutable;
using System.CommandLine;
using OnnxTransformers.Tool.Commands;

namespace OnnxTransformers.Tool;

/// <summary>The commands. Only the one that is named is built, so that none pays for the others' libraries.</summary>
internal static class CommandLine
{
    private static readonly ImmutableArray<Row> Table =
    [
        new("export", "Turn a checkpoint into an ONNX package.", c => ExportCommand.Build(c)),
        new("run", "Answer JSON lines with a package, as the pipelines of transformers do.", c => RunCommand.Build(c)),
        new("generate", "Continue prompts of tokens, as generate of transformers does, line by line.", c => GenerateCommand.Build(c)),
        new("tokenize", "Turn texts into token ids and back, line by line.", c => TokenizeCommand.Build(c)),
        new("render", "Render chats with a chat template, line by line.", c => RenderCommand.Build(c)),
        new("process", "Turn pictures into a model's inputs, line by line.", c => ProcessCommand.Build(c)),
        new("inspect", "Show what a checkpoint or package holds.", c => InspectCommand.Build(c)),
        new("verify", "Check a package against its receipt, and run its graphs.", c => VerifyCommand.Build(c)),
        new("doctor", "Show what this machine can run graphs on, and what is missing.", c => DoctorCommand.Build(c)),
    ];

    internal static async Task<int> RunAsync(string[] args, CancellationToken cancellation)
    {
        if (args is [var first, ..] && !first.StartsWith('-') && Table.All(r => r.Name != first))
        {
            await Console.Error.WriteLineAsync($"'{first}' is not a command; there are {string.Join(", ", Table.Select(r => r.Name))}\nSee: onnx-transformers --help").ConfigureAwait(false);
            return ExitCodes.WrongUsage;
        }
        var root = new RootCommand("Converts Hugging Face checkpoints to ONNX without Python, and answers with them.");
        foreach (var (name, summary, build) in Table)
        {
            var command = new Command(name, summary);
            if (args.Length > 0 && args[0] == name) build(command);
            root.Subcommands.Add(command);
        }
        var parsed = root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            foreach (var error in parsed.Errors) await Console.Error.WriteLineAsync(error.Message).ConfigureAwait(false);
            var command = parsed.CommandResult.Command is RootCommand ? "" : $" {parsed.CommandResult.Command.Name}";
            await Console.Error.WriteLineAsync($"See: onnx-transformers{command} --help").ConfigureAwait(false);
            return ExitCodes.WrongUsage;
        }
        return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null }, cancellation).ConfigureAwait(false);
    }

    /// <param name="Name">The command's name.</param>
    /// <param name="Summary">What it does, in a sentence.</param>
    /// <param name="Build">Adds its arguments, options and action.</param>
    private sealed record Row(string Name, string Summary, Action<Command> Build);
}
