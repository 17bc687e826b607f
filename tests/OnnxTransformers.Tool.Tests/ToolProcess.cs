using System.Diagnostics;
using System.Reflection;

namespace OnnxTransformers.Tool;

/// <summary>What a run of the program gave.</summary>
internal sealed record ToolResult(int Code, string Output, string Error);

/// <summary>The program in a process of its own, as a user starts it.</summary>
internal static class ToolProcess
{
    private static readonly string Program = Path.GetFullPath(typeof(ToolProcess).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "Tool").Value!);

    /// <summary>Runs it to its end.</summary>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="input">Its standard input.</param>
    /// <param name="home">The user's folder as it sees it; null for the real one.</param>
    internal static async Task<ToolResult> RunAsync(string[] arguments, string? input = null, string? home = null)
    {
        using var process = Start(arguments, home);
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        if (input is not null) await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        await process.WaitForExitAsync(limit.Token);
        return new(process.ExitCode, await output, await error);
    }

    /// <summary>Starts it; the caller ends and disposes it.</summary>
    internal static Process Start(string[] arguments, string? home = null)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Program);
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        if (home is not null) start.Environment["HOME"] = start.Environment["XDG_CACHE_HOME"] = home;
        return Process.Start(start)!;
    }
}
