using System.Diagnostics;
using System.Text.Json;
using OnnxTransformers.Converters;
using OnnxTransformers.Graphs;

namespace OnnxTransformers.Runtime.Benchmarks;

/// <summary>
/// Generation with a random Llama of 130 million parameters against onnxruntime-genai on the same package, and against @huggingface/transformers where a folder with it is named; each program in turn, in a process of its own.
/// <code>dotnet run -c Release --project tests/OnnxTransformers.Runtime.Benchmarks -- [--target cpu|portable] [--rounds N] [--new N] [--peer FOLDER] [--work FOLDER] [--only fp32|q4] [--batches 1,8] [--prompts 64,512] [--threads 1]
/// dotnet run -c Release --project tests/OnnxTransformers.Runtime.Benchmarks -- together package fp32|q4 batch prompt new rounds threads
/// dotnet run -c Release --project tests/OnnxTransformers.Runtime.Benchmarks -- cuda FOLDER [rounds [new tokens]]
/// dotnet run -c Release --project tests/OnnxTransformers.Runtime.Benchmarks -- soak package [generations]</code>
/// </summary>
internal static class Program
{
    private static async Task Main(string[] args)
    {
        if (args.Length > 0 && args[0] == "worker") Workers.Run(args[1..]);
        else if (args.Length > 0 && args[0] == "together") Together.Run(args[1..]);
        else if (args.Length > 1 && args[0] == "cuda") await OnCuda.RunAsync(args[1], args.Length > 2 ? Workers.Number(args[2]) : 3, args.Length > 3 ? Workers.Number(args[3]) : 64);
        else if (args.Length > 0 && args[0] == "soak") await Soak.RunAsync(args[1], args.Length > 2 ? Workers.Number(args[2]) : 10_000);
        else await CompareAsync(args);
    }

    private static async Task CompareAsync(string[] args)
    {
        string Option(string name, string absent) => Array.IndexOf(args, name) is >= 0 and var at ? args[at + 1] : absent;
        var target = Option("--target", "cpu");
        var (rounds, count, peer) = (Option("--rounds", "3"), Option("--new", "64"), Option("--peer", ""));
        var threads = Option("--threads", "1");
        var work = Option("--work", Path.Combine(Path.GetTempPath(), $"onnx-transformers-generation-{Environment.ProcessId}"));
        var package = Path.Combine(work, target);
        if (!Directory.Exists(package))
        {
            var checkpoint = Path.Combine(work, "checkpoint");
            if (!Directory.Exists(checkpoint)) SyntheticLlama.Write(checkpoint);
            await Export.RunAsync(checkpoint, package, new ExportOptions { Target = target == "cpu" ? Target.Cpu : Target.Portable, Precisions = [Precision.Fp32, Precision.Int4], Verify = VerificationLevel.None });
        }
        var prompts = Path.Combine(work, "prompts.json");
        await File.WriteAllTextAsync(prompts, JsonSerializer.Serialize(Enumerable.Range(0, 8).Select(row => SyntheticLlama.Prompt(row, 512))));
        Print($"{Environment.ProcessorCount} processors, {threads} used{(threads == "1" ? ": seconds of the processor" : "")}; target {target}; {count} new tokens; best of {rounds} rounds");
        Print($"{"",-22} {"first token, s",-26} {"tokens a second",-26} {"peak memory, MB",-26} outside");
        foreach (var precision in Option("--only", "fp32,q4").Split(','))
            foreach (var batch in Option("--batches", "1,8").Split(','))
                foreach (var prompt in Option("--prompts", "64,512").Split(','))
                {
                    string[] row = [package, precision, batch, prompt, count, rounds, threads];
                    var ours = Start(Environment.ProcessPath!, [.. Self, "worker", "ours", .. row]);
                    var genAi = Start(Environment.ProcessPath!, [.. Self, "worker", "genai", .. row]);
                    var js = peer.Length == 0 ? null : Start("node", [Path.Combine(AppContext.BaseDirectory, "peer.mjs"), peer, .. row, prompts]);
                    Print($"{precision,-5} {batch} x {prompt,-12} {Values(ours, genAi, js, m => m.FirstToken, "F3")} {Values(ours, genAi, js, m => m.TokensPerSecond, "F1")} {Values(ours, genAi, js, m => m.PeakBytes / 1e6, "F0")} {100 * ours!.Outside:F1} %{Same(ours, genAi)}");
                    Print($"{"",-22} speed: {ours.TokensPerSecond / genAi!.TokensPerSecond:F2} x genai{(js is null ? "" : FormattableString.Invariant($", {ours.TokensPerSecond / js.TokensPerSecond:F2} x transformers.js"))}");
                }
    }

    private static string[] Self => Environment.ProcessPath!.EndsWith("dotnet", StringComparison.Ordinal) ? [typeof(Program).Assembly.Location] : [];

    private static string Values(Measured? ours, Measured? genAi, Measured? js, Func<Measured, double> of, string format) =>
        string.Join(" : ", new[] { ours, genAi, js }.OfType<Measured>().Select(m => of(m).ToString(format, System.Globalization.CultureInfo.InvariantCulture))).PadRight(26);

    private static string Same(Measured ours, Measured? genAi) => genAi is null || ours.Tokens.SequenceEqual(genAi.Tokens) ? "" : "  other tokens than genai";

    private static Measured? Start(string program, string[] arguments)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true };
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        var lines = process.StandardOutput.ReadToEnd().Trim().Split('\n');
        process.WaitForExit();
        return process.ExitCode == 0 ? JsonSerializer.Deserialize<Measured>(lines[^1]) : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}");
    }

    private static void Print(FormattableString text) => Console.WriteLine(FormattableString.Invariant(text));
}
