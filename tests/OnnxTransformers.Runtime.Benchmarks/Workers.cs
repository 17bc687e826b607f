using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Microsoft.ML.OnnxRuntimeGenAI;
using OnnxTransformers.Generation;

namespace OnnxTransformers.Runtime.Benchmarks;

/// <summary>What one program did with one package.</summary>
/// <param name="FirstToken">Seconds to the first token, the best of the rounds.</param>
/// <param name="TokensPerSecond">All rows together, by the time that a quarter of the steps after the first keep below; the best of the rounds.</param>
/// <param name="Outside">Share of the time that was not spent in the graph; 0 where it isn't known.</param>
/// <param name="PeakBytes">The process's largest resident memory, as Linux counts it.</param>
/// <param name="Tokens">The new tokens of the first row, for comparison.</param>
internal sealed record Measured(double FirstToken, double TokensPerSecond, double Outside, long PeakBytes, int[] Tokens);

/// <summary>One run of a program in a process of its own: "worker ours|genai package precision batch prompt new rounds threads".</summary>
internal static class Workers
{
    internal static void Run(string[] args)
    {
        int batch = Number(args[3]), prompt = Number(args[4]), count = Number(args[5]), rounds = Number(args[6]), threads = Number(args[7]);
        var measured = args[0] == "ours" ? Ours(args[1], args[2], batch, prompt, count, rounds, threads) : GenAi(args[1], args[2], batch, prompt, count, rounds, threads);
        Console.WriteLine(JsonSerializer.Serialize(measured with { PeakBytes = Peak() }));
    }

    internal static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    internal static TokenGenerator Load(string package, string precision, int threads) =>
        TokenGenerator.Load(package, OnnxTransformers.RuntimeOptions.Default with { Precision = precision == "fp32" ? Precision.Fp32 : Precision.Int4, Threads = threads });

    internal static GenerationRequest Request(int batch, int prompt, int count) => new()
    {
        InputIds = [.. Enumerable.Range(0, batch).Select(row => SyntheticLlama.Prompt(row, prompt))],
        Config = new GenerationConfig { DoSample = false, MaxNewTokens = count, MinNewTokens = count, PadTokenId = 0, EosTokenId = [] },
    };

    internal static Config Configure(string package, string precision, int threads)
    {
        var config = new Config(package);
        config.Overlay($$$"""{"model": {"decoder": {"filename": "onnx/model{{{(precision == "fp32" ? "" : "_q4")}}}.onnx", "session_options": {"intra_op_num_threads": {{{threads}}}} } } }""");
        return config;
    }

    internal static GeneratorParams Parameters(Model model, int batch, int length)
    {
        var parameters = new GeneratorParams(model);
        parameters.SetSearchOption("max_length", length);
        parameters.SetSearchOption("min_length", length);
        parameters.SetSearchOption("batch_size", batch);
        parameters.SetSearchOption("do_sample", false);
        return parameters;
    }

    private static Measured Ours(string package, string precision, int batch, int prompt, int count, int rounds, int threads)
    {
        using var generator = Load(package, precision, threads);
        var request = Request(batch, prompt, count);
        var best = new Measured(double.MaxValue, 0, 1, 0, []);
        for (var round = 0; round <= rounds; round++)
        {
            var clock = new StepClock(threads == 1);
            var wall = Stopwatch.StartNew();
            using var search = generator.Begin(request);
            while (search.Step(CancellationToken.None).Count > 0) clock.Step();
            var result = search.Result;
            if (round > 0) best = Better(best, clock, batch, Math.Max(0, 1 - (result.RunTime.TotalSeconds / wall.Elapsed.TotalSeconds)), result.Sequences[0][prompt..]);
        }
        return best;
    }

    private static Measured GenAi(string package, string precision, int batch, int prompt, int count, int rounds, int threads)
    {
        using var config = Configure(package, precision, threads);
        using var model = new Model(config);
        var best = new Measured(double.MaxValue, 0, 0, 0, []);
        for (var round = 0; round <= rounds; round++)
        {
            var clock = new StepClock(threads == 1);
            using var parameters = Parameters(model, batch, prompt + count);
            using var generator = new Generator(model, parameters);
            generator.AppendTokens([.. Enumerable.Range(0, batch).SelectMany(row => SyntheticLlama.Prompt(row, prompt))]);
            while (!generator.IsDone())
            {
                generator.GenerateNextToken();
                clock.Step();
            }
            if (round > 0) best = Better(best, clock, batch, 0, generator.GetSequence(0)[prompt..].ToArray());
        }
        return best;
    }

    private static Measured Better(Measured best, StepClock clock, int batch, double outside, int[] tokens) =>
        new(Math.Min(best.FirstToken, clock.First), Math.Max(best.TokensPerSecond, batch / clock.Step25), Math.Min(best.Outside, outside), 0, tokens);

    /// <summary>Times of steps: of the first, and of the others the time that a quarter of them keep below, which other programs on the machine disturb least. One thread's time is the processor's, which they disturb less still.</summary>
    private sealed class StepClock(bool processor)
    {
        private readonly double _begun = Now(processor);
        private readonly List<double> _steps = [];
        private double _last = Now(processor);

        internal double First => _steps[0];

        internal double Whole => Now(processor) - _begun;

        internal double Step25 => _steps.Skip(1).Order().ElementAt((_steps.Count - 1) / 4);

        internal void Step()
        {
            var now = Now(processor);
            _steps.Add(now - _last);
            _last = now;
        }

        private static double Now(bool processor) => processor ? Environment.CpuUsage.TotalTime.TotalSeconds : Stopwatch.GetTimestamp() / (double)Stopwatch.Frequency;
    }

    private static long Peak()
    {
        var line = File.Exists("/proc/self/status") ? File.ReadLines("/proc/self/status").FirstOrDefault(l => l.StartsWith("VmHWM:", StringComparison.Ordinal)) : null;
        return line is null ? 0 : 1024 * long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture);
    }
}
