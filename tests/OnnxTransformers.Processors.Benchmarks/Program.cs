using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Processors.Benchmarks;

/// <summary>
/// Resizing against Pillow on one core, and preprocessing of photos for CLIP against @huggingface/transformers of npm (with sharp), from pixels and from
/// files, in turn.
/// Then answers of models of usual sizes with random weights, from photo files (<see cref="Answers"/>).
/// <code>dotnet run -c Release --project tests/OnnxTransformers.Processors.Benchmarks [--rounds N] [--only resizing|preprocessing|answers]</code>
/// Without python3 with Pillow, or without node and npm, only our own figures are printed. Figures are of the fastest round of each: other programs only add to
/// it. Pillow's noise and ours are other pixels, which changes nothing for either.
/// </summary>
internal static class Program
{
    private const int Width = 2560, Height = 1600;
    private static readonly int[] Sides = [224, 1024, 3000];
    private static readonly ResampleFilter[] Filters = [ResampleFilter.Bilinear, ResampleFilter.Bicubic, ResampleFilter.Lanczos];
    private static readonly string[] Photos = ["china.jpg", "flower.jpg", "cat.png", "photo.webp"];

    private static void Main(string[] args)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        if (args is [Answers.Child, ..])
        {
            Answers.AnswerAsChild(args);
            return;
        }
        var rounds = After(args, "--rounds") is { } n ? int.Parse(n, CultureInfo.InvariantCulture) : 7;
        var only = After(args, "--only");
        Console.WriteLine($"{Environment.ProcessorCount} processors; {rounds} rounds");
        if (only is null or "resizing") Resizing(rounds);
        if (only is null or "preprocessing") Preprocessing(rounds);
        if (only is null or "answers") Answers.Run(rounds);
        Console.WriteLine($"peak memory of this process: {Process.GetCurrentProcess().PeakWorkingSet64 / 1e6:F0} MB");
    }

    private static string? After(string[] args, string option) => Array.IndexOf(args, option) is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : null;

    private static void Resizing(int rounds)
    {
        var pixels = new byte[Width * Height * 3];
        new Random(1).NextBytes(pixels);
        var image = new Image(Width, Height, ImageMode.Rgb, pixels);
        var pillow = Pillow(rounds);
        Console.WriteLine($"\nresizing {Width} x {Height} RGB, megapixels of the source a second; Pillow {pillow?.Version ?? "is not here"}");
        foreach (var filter in Filters)
            foreach (var side in Sides)
            {
                var one = Fastest(rounds, () => image.Resize(side, side, filter, threads: 1));
                var all = Fastest(rounds, () => image.Resize(side, side, filter));
                var ratio = pillow is { } p ? $", Pillow {Megapixels(p.Times[$"{filter} {side}"])} on one: {p.Times[$"{filter} {side}"] / one:F1} times" : "";
                Console.WriteLine($"  {filter,-8} to {side,4} x {side,-4}: {Megapixels(one)} on one core, {Megapixels(all)} on all{ratio}");
            }
    }

    private static void Preprocessing(int rounds)
    {
        if (Fixtures.Shared is not { } shared || Fixtures.TryFind("image_processing/clip") is not { } folder) return;
        string[] files = [.. Enumerable.Repeat(Photos, 8).SelectMany(p => p).Select(p => Path.Combine(shared, "media", p))];
        var (processor, loader) = (ImageProcessor.Load(folder), new ImageLoader(new VipsDecoder()));
        Image[] decoded = [.. files.Select(loader.Load)];
        var values = Fastest(rounds, () => { foreach (var image in decoded) processor.Process(image); });
        var whole = Fastest(rounds, () => { foreach (var file in files) processor.Process(loader.Load(file)); });
        var decoding = Fastest(rounds, () => { foreach (var file in files) loader.Load(file); });
        var parallel = Fastest(rounds, () => Parallel.ForEach(files, file => processor.Process(loader.Load(file))));
        Console.WriteLine($"\nCLIP, {files.Length} pictures ({string.Join(", ", Photos)}), pictures a second");
        Console.WriteLine($"  from pixels {files.Length / values:F0}, from files one by one {files.Length / whole:F0}, from files on all cores {files.Length / parallel:F0}; decoding alone {files.Length / decoding:F0} ({new VipsDecoder().Name})");
        try
        {
            using var reader = new StreamReader(typeof(Program).Assembly.GetManifestResourceStream("peer.mjs")!);
            using var scratch = new ScratchFolder();
            File.WriteAllText(scratch["preprocessor_config.json"], File.ReadAllText(Path.Combine(folder, "preprocessor_config.json")));
            File.WriteAllText(scratch["config.json"], """{"model_type": "clip"}""");
            using var peer = JsonDocument.Parse(NodePackage.Require("@huggingface/transformers@4.3.1").Run(reader.ReadToEnd(), null, [scratch.FullName, rounds.ToString(CultureInfo.InvariantCulture), .. files]));
            var (theirs, theirWhole) = (Fastest(peer.RootElement.GetProperty("values")), Fastest(peer.RootElement.GetProperty("whole")));
            Console.WriteLine($"  @huggingface/transformers: from pixels {files.Length / theirs:F0}, from files {files.Length / theirWhole:F0}; ours is {theirs / values:F1} and {theirWhole / whole:F1} times as fast");
        }
        catch (NUnit.Framework.IgnoreException e)
        {
            Console.WriteLine($"  without the peer: {e.Message}");
        }
    }

    private static (string Version, Dictionary<string, double> Times)? Pillow(int rounds)
    {
        using var reader = new StreamReader(typeof(Program).Assembly.GetManifestResourceStream("pillow.py")!);
        var start = new ProcessStartInfo("python3", ["-c", reader.ReadToEnd(), $"{Width}", $"{Height}", $"{rounds}", .. Sides.Select(s => $"{s}")]) { RedirectStandardOutput = true, RedirectStandardError = true };
        try
        {
            using var process = Process.Start(start)!;
            var error = process.StandardError.ReadToEndAsync();
            var output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            if (process.ExitCode != 0) return null;
            using var result = JsonDocument.Parse(output);
            return (result.RootElement.GetProperty("version").GetString()!, result.RootElement.GetProperty("times").EnumerateObject().ToDictionary(t => t.Name, t => t.Value.EnumerateArray().Min(v => v.GetDouble())));
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    private static string Megapixels(double seconds) => $"{Width * Height / seconds / 1e6,5:F0}";

    private static double Fastest(JsonElement times) => times.EnumerateArray().Min(t => t.GetDouble());

    private static double Fastest(int rounds, Action run) => Times(rounds, run).Min();

    private static double[] Times(int rounds, Action run)
    {
        for (var i = 0; i < 3; i++) run();
        return [.. Enumerable.Range(0, rounds).Select(_ =>
        {
            var watch = Stopwatch.StartNew();
            run();
            return watch.Elapsed.TotalSeconds;
        })];
    }
}
