using System.Globalization;
using System.Reflection;

namespace OnnxTransformers.Converters.Benchmarks;

/// <summary>
/// Export against <c>cp -r</c> of the same folder, in turn, for sharded BERT checkpoints of 2 and 4 GB; prints the ratios of the medians and the peak memory above a command that does nothing.
/// <code>dotnet run -c Release --project tests/OnnxTransformers.Converters.Benchmarks [folder for the files [rounds [gigabytes...]]]</code>
/// Needs three times the checkpoint's size on disk. With less free memory than twice that size, both wait for the disk, and the ratio says little about the program.
/// </summary>
internal static class Program
{
    private static readonly string Tool = Path.GetFullPath(typeof(Program).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "Tool").Value!);

    private static void Main(string[] args)
    {
        var place = args.Length > 0 ? args[0] : Path.GetTempPath();
        var rounds = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 5;
        long[] sizes = args.Length > 2 ? [.. args[2..].Select(a => long.Parse(a, CultureInfo.InvariantCulture))] : [2, 4];
        Print($"{Environment.ProcessorCount} processors, {GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 1e9:F0} GB of memory; {rounds} rounds in turn, medians");
        foreach (var gigabytes in sizes) Compare(Path.Combine(place, $"onnx-transformers-benchmark-{Environment.ProcessId}"), gigabytes, rounds);
    }

    private static void Compare(string folder, long gigabytes, int rounds)
    {
        var checkpoint = Path.Combine(folder, "checkpoint");
        try
        {
            SyntheticBert.Write(checkpoint, gigabytes * 1_000_000_000);
            var size = Directory.EnumerateFiles(checkpoint).Sum(f => new FileInfo(f).Length);
            var (empty, copy, export, link) = (new List<Measured>(), new List<Measured>(), new List<Measured>(), new List<Measured>());
            for (var round = 0; round <= rounds; round++)
            {
                Measured[] measured =
                [
                    Measured.Run("dotnet", Tool, "--version"), Fresh(to => Measured.Run("cp", "-r", checkpoint, to)),
                    Fresh(to => Measured.Run("dotnet", Tool, "export", checkpoint, to, "--verify", "none")),
                    Fresh(to => Measured.Run("dotnet", Tool, "export", checkpoint, to, "--verify", "none", "--weights", "link")),
                ];
                if (round == 0) continue; // The first fills the caches.
                empty.Add(measured[0]);
                copy.Add(measured[1]);
                export.Add(measured[2]);
                link.Add(measured[3]);
            }
            Print($"{size / 1e9:F2} GB in {Directory.EnumerateFiles(checkpoint, "*.safetensors").Count()} shards");
            Print($"  cp -r         {Median(copy):F2} s");
            Print($"  export copy   {Median(export):F2} s = {Median(export) / Median(copy):F2} x cp -r; {Above(export, empty):F0} MB above an empty command");
            Print($"  export link   {Median(link):F2} s = {Median(link) - Median(empty):F2} s above an empty command; {Above(link, empty):F0} MB above it");
            Print($"  empty command {Median(empty):F2} s, {empty.Max(m => m.PeakBytes) / 1e6:F0} MB");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        Measured Fresh(Func<string, Measured> run)
        {
            var to = Path.Combine(folder, "target");
            var measured = run(to);
            Directory.Delete(to, recursive: true);
            return measured;
        }
    }

    private static double Median(List<Measured> runs) => runs.Select(r => r.Seconds).Order().ElementAt(runs.Count / 2);

    private static double Above(List<Measured> runs, List<Measured> empty) => (runs.Max(r => r.PeakBytes) - empty.Max(r => r.PeakBytes)) / 1e6;

    private static void Print(FormattableString text) => Console.WriteLine(FormattableString.Invariant(text));
}
