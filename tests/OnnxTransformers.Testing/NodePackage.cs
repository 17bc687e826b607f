using System.Diagnostics;
using NUnit.Framework;

namespace OnnxTransformers.Testing;

/// <summary>A package of npm that tests compare with, installed once into artifacts/node without running its scripts. Where node or npm is missing, or the registry can't be reached, the test is skipped with that reason.</summary>
public sealed class NodePackage
{
    private static readonly Lock Installing = new();

    private NodePackage(string folder) => Folder = folder;

    /// <summary>The folder that holds node_modules.</summary>
    public string Folder { get; }

    /// <summary>Installs a package where it is not there yet.</summary>
    /// <param name="package">Name and version, as "@huggingface/transformers@4.3.1".</param>
    public static NodePackage Require(string package)
    {
        var folder = Path.Combine(Fixtures.Root, "artifacts", "node", string.Concat(package.Select(c => char.IsLetterOrDigit(c) || c is '.' or '-' ? c : '_')));
        lock (Installing)
        {
            var stamp = Path.Combine(folder, ".installed");
            if (File.Exists(stamp)) return new NodePackage(folder);
            Directory.CreateDirectory(folder);
            var (code, _, error) = Run("npm", folder, null, ["install", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund", package]);
            if (code != 0) Assert.Ignore($"npm could not install {package}: {error.Trim().Split('\n')[^1]}");
            File.WriteAllText(stamp, package);
            return new NodePackage(folder);
        }
    }

    /// <summary>Runs a script whose imports find the package; what it prints on standard output is returned.</summary>
    /// <param name="script">The script's text.</param>
    /// <param name="input">Standard input, or null.</param>
    /// <param name="arguments">What the script finds in process.argv from the third place on.</param>
    public string Run(string script, string? input, params string[] arguments)
    {
        var file = Path.Combine(Folder, $"{Guid.NewGuid():N}.mjs");
        File.WriteAllText(file, script);
        try
        {
            var (code, output, error) = Run("node", Folder, input, [file, .. arguments]);
            Assert.That(code, Is.Zero, error);
            return output;
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static (int Code, string Output, string Error) Run(string program, string folder, string? input, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        Process? process = null;
        try
        {
            process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            Assert.Ignore($"{program} is not on this machine ({e.Message}): install Node.js to run this comparison");
        }
        using (process)
        {
            var output = process!.StandardOutput.ReadToEndAsync();
            var error = process.StandardError.ReadToEndAsync();
            if (input is not null) process.StandardInput.Write(input);
            process.StandardInput.Close();
            process.WaitForExit();
            return (process.ExitCode, output.GetAwaiter().GetResult(), error.GetAwaiter().GetResult());
        }
    }
}
