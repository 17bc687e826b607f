using System.CommandLine;

namespace OnnxTransformers.Tool.Commands;

/// <summary>Parts that commands share.</summary>
internal static class Parts
{
    /// <summary>Adds an example to a command's help.</summary>
    internal static void Example(this Command command, params ReadOnlySpan<string> lines) =>
        command.Description += $"\n\nExample:\n  {string.Join("\n  ", lines.ToArray())}";

    internal static Argument<string> Argument(this Command command, string name, string help)
    {
        var argument = new Argument<string>(name) { Description = help };
        // A word with a dash in front that is no option would be taken for a folder.
        argument.Validators.Add(result =>
        {
            foreach (var token in result.Tokens)
                if (token.Value.StartsWith('-')) result.AddError($"'{token.Value}' is not an option of {command.Name}; a folder of that name is ./{token.Value}");
        });
        command.Arguments.Add(argument);
        return argument;
    }

    internal static Option<string?> Text(this Command command, string name, string value, string help)
    {
        var option = new Option<string?>(name) { Description = help, HelpName = value };
        command.Options.Add(option);
        return option;
    }

    internal static Option<bool> Flag(this Command command, string name, string help)
    {
        var option = new Option<bool>(name) { Description = help };
        command.Options.Add(option);
        return option;
    }

    /// <summary>One of some words; the first is the default.</summary>
    internal static Option<string> Choice(this Command command, string name, IEnumerable<string> words, string help)
    {
        string[] all = [.. words];
        var option = new Option<string>(name) { Description = help, DefaultValueFactory = _ => all[0] };
        option.AcceptOnlyFromAmong(all);
        command.Options.Add(option);
        return option;
    }

    /// <summary>Where lines come from and go to.</summary>
    internal static (Option<string?> Input, Option<string?> Output) Lines(this Command command) => (
        command.Text("--input", "FILE|-", "JSON lines; standard input without it"),
        command.Text("--output", "FILE|-", "where answers go, whole or not at all; standard output without it"));

    /// <summary>The folder that names of files in lines are relative to.</summary>
    internal static string SourceFolder(this ParseResult parsed, Option<string?> input) =>
        parsed.GetValue(input) is { } name and not "-" ? Path.GetDirectoryName(Path.GetFullPath(name))! : Directory.GetCurrentDirectory();

    /// <summary>A folder that takes files, made where it isn't there; null where the option wasn't given.</summary>
    internal static string? Folder(this ParseResult parsed, Option<string?> option) => parsed.GetValue(option) is { } folder ? Directory.CreateDirectory(folder).FullName : null;
}
