using System.Diagnostics;
using System.Globalization;
using Microsoft.ML.OnnxRuntimeGenAI;

namespace OnnxTransformers.Runtime.Benchmarks;

/// <summary>This library and onnxruntime-genai in one process, a generation by turns: what the machine does meanwhile meets both alike. "together package precision batch prompt new rounds threads [last]"; with "last" this library opens its graph after the peer: which memory a graph gets moves its speed by some percent.</summary>
internal static class Together
{
    internal static void Run(string[] args)
    {
        var (package, precision) = (args[0], args[1]);
        int batch = Workers.Number(args[2]), prompt = Workers.Number(args[3]), count = Workers.Number(args[4]), rounds = Workers.Number(args[5]), threads = Workers.Number(args[6]);
        var early = args is [.., "last"] ? null : Workers.Load(package, precision, threads);
        using var config = Workers.Configure(package, precision, threads);
        using var model = new Model(config);
        using var generator = early ?? Workers.Load(package, precision, threads);
        var request = Workers.Request(batch, prompt, count);
        var rows = request.InputIds.SelectMany(r => r).ToArray();
        var (ours, theirs) = (new List<double>(), new List<double>());
        for (var round = 0; round <= rounds; round++)
        {
            using var search = generator.Begin(request);
            var one = Steps(() => search.Step(CancellationToken.None).Count > 0);
            using var parameters = Workers.Parameters(model, batch, prompt + count);
            using var peer = new Generator(model, parameters);
            peer.AppendTokens(rows);
            var other = Steps(() =>
            {
                if (peer.IsDone()) return false;
                peer.GenerateNextToken();
                return true;
            });
            // The first round opens and warms.
            if (round == 0) continue;
            ours.AddRange(one);
            theirs.AddRange(other);
        }
        string Line(double quantile) => string.Create(CultureInfo.InvariantCulture, $"{100 * quantile,2}%: {At(ours, quantile):F3} : {At(theirs, quantile):F3} ms, {At(theirs, quantile) / At(ours, quantile):F3} x");
        Console.WriteLine($"{precision,-5} {batch} x {prompt,-4} a step of this library : of onnxruntime-genai, speed   {Line(0.1)}   {Line(0.25)}   {Line(0.5)}");
    }

    /// <summary>Milliseconds of all steps but the first, which reads the prompt.</summary>
    private static List<double> Steps(Func<bool> step)
    {
        var times = new List<double>();
        for (var last = Stopwatch.GetTimestamp(); step(); last = Stopwatch.GetTimestamp()) times.Add(Stopwatch.GetElapsedTime(last).TotalMilliseconds);
        return times[1..];
    }

    private static double At(List<double> times, double quantile) => times.Order().ElementAt((int)(quantile * (times.Count - 1)));
}
