using System.Diagnostics;
using System.Globalization;
using OnnxTransformers.Converters;
using OnnxTransformers.Generation;
using OnnxTransformers.Graphs;

namespace OnnxTransformers.Runtime.Benchmarks;

/// <summary>
/// Generation on a graphics card, with the same random Llama: tokens a second, time to the first token, bytes that go to the host each step and the card's memory.
/// <code>dotnet run -c Release --project tests/OnnxTransformers.Runtime.Benchmarks -- cuda FOLDER [rounds [new tokens]]</code>
/// </summary>
internal static class OnCuda
{
    internal static async Task RunAsync(string work, int rounds, int count)
    {
        var (checkpoint, package) = (Path.Combine(work, "checkpoint"), Path.Combine(work, "cuda"));
        if (!Directory.Exists(checkpoint)) SyntheticLlama.Write(checkpoint);
        if (!Directory.Exists(package)) await Export.RunAsync(checkpoint, package, new ExportOptions { Target = Target.Cuda, Precisions = [Precision.Fp16, Precision.Int4], Verify = VerificationLevel.None });
        Print($"{"",-22} {"first token, ms",16} {"new length, ms",14} {"tokens/s",10} {"ms a step",10} {"in the graph",13} {"bytes a step",13} {"card, MB",9}");
        foreach (var precision in new[] { Precision.Fp16, Precision.Int4 })
            foreach (var strategy in new[] { CacheStrategy.Shared, CacheStrategy.Growing })
            {
                using var generator = TokenGenerator.Load(package, new RuntimeOptions { Providers = [Provider.Cuda(), Provider.Cpu], Precision = precision }, strategy);
                foreach (var (batch, prompt) in new[] { (1, 64), (1, 512), (8, 64), (8, 512) }) Measure(generator, precision, strategy, batch, prompt, rounds, count);
            }
    }

    private static void Measure(TokenGenerator generator, Precision precision, CacheStrategy strategy, int batch, int prompt, int rounds, int count)
    {
        GenerationRequest Request(int length) => new()
        {
            InputIds = [.. Enumerable.Range(0, batch).Select(row => SyntheticLlama.Prompt(row, length))],
            Config = new GenerationConfig { DoSample = false, MaxNewTokens = count, MinNewTokens = count, PadTokenId = 0, EosTokenId = [] },
        };
        var request = Request(prompt);
        var (first, step, graph, bytes) = (double.MaxValue, double.MaxValue, 0.0, 0L);
        for (var round = 0; round <= rounds; round++)
        {
            var steps = new List<double>(count);
            using var search = generator.Begin(request);
            var last = Stopwatch.GetTimestamp();
            long before = 0;
            TimeSpan run = default;
            while (search.Step(CancellationToken.None).Count > 0)
            {
                steps.Add(Stopwatch.GetElapsedTime(last).TotalMilliseconds);
                last = Stopwatch.GetTimestamp();
                if (steps.Count == 1) (before, run) = (search.Result.HostBytes, search.Result.RunTime);
            }
            var result = search.Result;
            if (round > 0) first = Math.Min(first, steps[0]);
            var median = steps.Skip(1).Order().ElementAt((steps.Count - 1) / 2);
            if (round > 0 && median < step) (step, graph) = (median, (result.RunTime - run).TotalMilliseconds / (steps.Count - 1));
            bytes = (result.HostBytes - before) / (steps.Count - 1);
        }
        // Lengths that the card has not seen yet: kernels are chosen for them.
        double[] others = [.. Enumerable.Range(1, 5).Select(more => FirstToken(generator, Request(prompt + more)))];
        var cold = others.Order().ElementAt(others.Length / 2);
        Print($"{precision.Word(),-5} {strategy,-8} {batch} x {prompt,-4} {first,16:F1} {cold,14:F1} {1000 * batch / step,10:F0} {step,10:F2} {graph,13:F2} {bytes,13} {MemoryUsed(),9}");
    }

    private static double FirstToken(TokenGenerator generator, GenerationRequest request)
    {
        var begun = Stopwatch.GetTimestamp();
        using var search = generator.Begin(request);
        search.Step(CancellationToken.None);
        search.Step(CancellationToken.None);
        return Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
    }

    /// <summary>What the card's own tool says; 0 where it isn't there.</summary>
    private static long MemoryUsed()
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo("nvidia-smi", ["--query-gpu=memory.used", "--format=csv,noheader,nounits"]) { RedirectStandardOutput = true })!;
            return long.TryParse(process.StandardOutput.ReadToEnd().Split('\n')[0].Trim(), NumberStyles.Integer, CultureInfo.InvariantCulture, out var megabytes) ? megabytes : 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return 0;
        }
    }

    private static void Print(FormattableString text) => Console.WriteLine(FormattableString.Invariant(text));
}
