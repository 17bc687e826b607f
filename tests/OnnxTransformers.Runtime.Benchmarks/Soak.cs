using System.Globalization;
using OnnxTransformers.Generation;

namespace OnnxTransformers.Runtime.Benchmarks;

/// <summary>Many generations of random lengths, in batches and with cancellations: memory and handles must not grow. Fails where they do.</summary>
internal static class Soak
{
    private const int Reports = 20;

    internal static async Task RunAsync(string package, int generations)
    {
        using var generator = TokenGenerator.Load(package);
        var random = new Random(3);
        var (memory, handles, cancelled) = (new List<double>(), new List<int>(), 0);
        for (var i = 1; i <= generations; i++)
        {
            var (rows, length) = (random.Next(1, 4), random.Next(1, 40));
            var request = new GenerationRequest
            {
                InputIds = [.. Enumerable.Range(0, rows).Select(_ => (int[])[.. Enumerable.Range(0, length).Select(_ => random.Next(3, generator.Model.Vocabulary))])],
                Config = new GenerationConfig { DoSample = random.Next(2) == 0, Seed = i, MaxNewTokens = random.Next(1, 40), PadTokenId = 0, NumBeams = random.Next(8) == 0 ? 2 : 1 },
            };
            // A third is broken off, at some token or at some moment.
            using var source = new CancellationTokenSource();
            if (random.Next(3) == 0) source.CancelAfter(TimeSpan.FromMilliseconds(random.Next(0, 20)));
            try
            {
                if (request.Config.NumBeams == 2 || random.Next(2) == 0) generator.Generate(request, source.Token);
                else
                    await foreach (var step in generator.StreamAsync(request, source.Token))
                        if (random.Next(40) == 0) break;
            }
            catch (OperationCanceledException)
            {
                cancelled++;
            }
            if (i % (generations / Reports) != 0) continue;
            GC.Collect();
            GC.WaitForPendingFinalizers();
            memory.Add(Resident());
            handles.Add(Directory.Exists("/proc/self/fd") ? Directory.GetFiles("/proc/self/fd").Length : 0);
            Console.WriteLine(FormattableString.Invariant($"{i} generations, {cancelled} cancelled: {memory[^1]:F1} MB resident, {handles[^1]} handles, {Environment.ProcessId}"));
        }
        // Pools fill in the first half.
        var grown = memory[^1] / memory[Reports / 2];
        Console.WriteLine(FormattableString.Invariant($"memory grew by {100 * (grown - 1):F1} % in the second half, handles by {handles[^1] - handles[Reports / 2]}"));
        if (grown > 1.05 || handles[^1] > handles[Reports / 2] + 2) Environment.ExitCode = 1;
    }

    private static double Resident()
    {
        var line = File.ReadLines("/proc/self/status").First(l => l.StartsWith("VmRSS:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture) / 1e3;
    }
}
