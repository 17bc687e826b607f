using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using OnnxTransformers.Graphs;
using OnnxTransformers.Graphs.Weights;

namespace OnnxTransformers.Converters;

/// <summary>What options may be, and facts of this program and process.</summary>
internal static class ExportRules
{
    /// <summary>The version of this library.</summary>
    internal static string Version { get; } = typeof(ExportRules).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

    /// <exception cref="UnsupportedCheckpointException">An option is not supported.</exception>
    internal static void Check(ExportOptions options)
    {
        const string doing = "reading the options of export";
        if (options.Precisions.IsDefaultOrEmpty) throw new InvalidInputException(doing, new Problem("precision", "none", string.Join(", ", Choices.Precisions.Select(p => p.Word))));
        var foreign = options.Precisions.Except(BuildOptions.Precisions).ToList();
        if (foreign.Count > 0) throw new UnsupportedCheckpointException(doing, foreign.Select(p => new Problem("precision", p.Word(), string.Join(", ", Choices.Precisions.Select(c => c.Word)))));
        if (options.Precisions.Distinct().Count() != options.Precisions.Length) throw new InvalidInputException(doing, new Problem("precision", "one is named twice", "each once"));
        if (options.Quantization != new Quantization() && !options.Precisions.Any(IsInteger))
            throw new InvalidInputException(doing, new Problem("quantization", "options of the integer precisions, of which none is asked for", "them together with int8 or int4"));
        if (!BuildOptions.Opsets.Contains(options.Opset))
            throw new UnsupportedCheckpointException(doing, new Problem("opset", $"{options.Opset}", string.Join(", ", BuildOptions.Opsets)));
    }

    internal static bool IsInteger(Precision precision) => precision is Precision.Int8 or Precision.Int4;

    /// <summary>The largest resident memory of this process in bytes; 0 where the system doesn't tell.</summary>
    internal static long PeakMemory()
    {
        if (OperatingSystem.IsLinux()) return Resident();
        using var process = Process.GetCurrentProcess();
        return process.PeakWorkingSet64;
    }

    // What Process reads, without the libraries that it loads for that.
    private static long Resident()
    {
        foreach (var line in File.ReadLines("/proc/self/status"))
            if (line.StartsWith("VmHWM:", StringComparison.Ordinal)) return 1024 * long.Parse(line.AsSpan(6, line.Length - 6 - " kB".Length), NumberStyles.AllowLeadingWhite, CultureInfo.InvariantCulture);
        return 0;
    }
}
