using System.Diagnostics;
using System.Text.Json;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Tokenizers.Benchmarks;

/// <summary>What a run took, and how much it made: tokens, characters.</summary>
internal readonly record struct Run(double Seconds, long Count);

/// <summary>The Rust library in a process of its own, which waits for commands.</summary>
internal sealed class Peer : IDisposable
{
    private readonly Process _process;

    private Peer(Process process) => _process = process;

    /// <summary>Starts it.</summary>
    /// <param name="package">Where the library is installed.</param>
    /// <param name="corpus">The texts, a JSON list.</param>
    /// <param name="batch">Texts of a batch.</param>
    /// <param name="threads">How many threads it may use; 0 is its own choice.</param>
    internal static Peer Start(NodePackage package, string corpus, int batch, int threads)
    {
        var script = Path.Combine(package.Folder, "peer.mjs");
        using (var source = new StreamReader(typeof(Peer).Assembly.GetManifestResourceStream("peer.mjs")!)) File.WriteAllText(script, source.ReadToEnd());
        var start = new ProcessStartInfo("node", ["--max-old-space-size=8192", script, corpus, $"{batch}"]) { WorkingDirectory = package.Folder, RedirectStandardInput = true, RedirectStandardOutput = true };
        if (threads > 0) (start.Environment["RAYON_NUM_THREADS"], start.Environment["TOKENIZERS_PARALLELISM"]) = ($"{threads}", threads > 1 ? "true" : "false");
        return new(Process.Start(start)!);
    }

    /// <summary>Lets it do something.</summary>
    internal Run Do(string command, string? argument = null)
    {
        _process.StandardInput.WriteLine(JsonSerializer.Serialize<string?[]>([command, argument]));
        _process.StandardInput.Flush();
        var line = _process.StandardOutput.ReadLine() ?? throw new InvalidOperationException($"the peer ended at \"{command}\"");
        var answer = JsonDocument.Parse(line).RootElement;
        return new(answer.GetProperty("seconds").GetDouble(), answer.GetProperty("count").GetInt64());
    }

    public void Dispose()
    {
        _process.StandardInput.Close();
        _process.WaitForExit();
        _process.Dispose();
    }
}
