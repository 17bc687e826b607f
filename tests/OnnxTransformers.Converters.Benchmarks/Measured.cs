using System.Diagnostics;
using System.Globalization;

namespace OnnxTransformers.Converters.Benchmarks;

/// <summary>A process that was run to its end.</summary>
/// <param name="Seconds">Wall time.</param>
/// <param name="PeakBytes">The largest resident memory, as Linux counts it (VmHWM); 0 elsewhere.</param>
internal sealed record Measured(double Seconds, long PeakBytes)
{
    private const int MillisecondsBetween = 5;

    internal static Measured Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        var clock = Stopwatch.StartNew();
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        long peak = 0;
        while (!process.WaitForExit(MillisecondsBetween)) peak = Math.Max(peak, Peak(process.Id));
        var seconds = clock.Elapsed.TotalSeconds;
        if (process.ExitCode != 0) throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}: {error.Result}{output.Result}");
        return new(seconds, peak);
    }

    // The mark never falls, so that the last look before the end is the answer but for the last milliseconds.
    private static long Peak(int id)
    {
        try
        {
            var line = File.ReadLines($"/proc/{id}/status").FirstOrDefault(l => l.StartsWith("VmHWM:", StringComparison.Ordinal));
            return line is null ? 0 : 1024 * long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return 0;
        }
    }
}
