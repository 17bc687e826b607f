using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using OnnxTransformers.Converters;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Processors.Benchmarks;

/// <summary>Photo file to answer, one file after the other, against @huggingface/transformers of npm on the same package: each in a process of its own, in turn, medians of all rounds.</summary>
internal static class Answers
{
    internal const string Child = "--answer";
    private const int Turns = 3, Repeats = 2;
    private static readonly string[] Photos = ["china.jpg", "flower.jpg", "cat.png", "photo.webp"];

    internal static void Run(int rounds)
    {
        if (Fixtures.Shared is not { } shared || Fixtures.TryFind("pipelines/zero_shot_image_classification") is not { } tokenizer) return;
        string[] files = [.. Enumerable.Repeat(Photos, Repeats).SelectMany(p => p).Select(p => Path.Combine(shared, "media", p))];
        using var scratch = new ScratchFolder();
        SyntheticVision.WriteVit(scratch["vit"]);
        SyntheticVision.WriteClip(scratch["clip"], tokenizer);
        Console.WriteLine($"\nphoto file to answer, {files.Length} pictures ({string.Join(", ", Photos)}) one by one, random weights");
        Compare("ViT-B/16", "image-classification", scratch["vit"], scratch["vit-package"], "", files, rounds);
        Compare("CLIP ViT-B/32, 3 labels", "zero-shot-image-classification", scratch["clip"], scratch["clip-package"], "cat,dog,house", files, rounds);
    }

    /// <summary>--answer TASK PACKAGE ROUNDS LABELS FILES...</summary>
    internal static void AnswerAsChild(string[] args)
    {
        var (task, package, rounds, labels, files) = (args[1], args[2], int.Parse(args[3], CultureInfo.InvariantCulture), args[4].Split(',', StringSplitOptions.RemoveEmptyEntries), args[5..]);
        var options = new PipelineOptions { ImageDecoder = new VipsDecoder() };
        Func<string, IReadOnlyList<LabelScore>> ask = task == "image-classification" ? ImageClassification.Load(package, options) is var c ? f => c.Run((PictureInput)f) : null! : ZeroShotImageClassification.Load(package, options) is var z ? f => z.Run((PictureInput)f, labels) : null!;
        var (times, first) = (new List<double>(), ask(files[0])[0]);
        for (var i = 0; i <= rounds; i++)
        {
            var watch = Stopwatch.StartNew();
            foreach (var file in files) ask(file);
            if (i > 0) times.Add(watch.Elapsed.TotalSeconds);
        }
        Console.WriteLine($$"""{"times": [{{string.Join(", ", times.Select(t => t.ToString("F5", CultureInfo.InvariantCulture)))}}], "peak": {{Process.GetCurrentProcess().PeakWorkingSet64}}, "first": [{"label": "{{first.Label}}", "score": {{first.Score.ToString(CultureInfo.InvariantCulture)}} }]}""");
    }

    private static void Compare(string name, string task, string checkpoint, string package, string labels, string[] files, int rounds)
    {
        Export.RunAsync(checkpoint, package, new() { Task = task, Verify = VerificationLevel.Load }).GetAwaiter().GetResult();
        string[] arguments = [task, package, rounds.ToString(CultureInfo.InvariantCulture), labels, .. files];
        var (ours, theirs) = (new Side(), new Side());
        try
        {
            using var reader = new StreamReader(typeof(Answers).Assembly.GetManifestResourceStream("answers.mjs")!);
            var script = reader.ReadToEnd();
            var peer = NodePackage.Require("@huggingface/transformers@4.3.1");
            for (var turn = 0; turn < Turns; turn++)
            {
                ours.Add(Start([Child, .. arguments]));
                theirs.Add(peer.Run(script, null, arguments));
            }
        }
        catch (NUnit.Framework.IgnoreException e)
        {
            Console.WriteLine($"  without the peer: {e.Message}");
            if (ours.Times.Count == 0) ours.Add(Start([Child, .. arguments]));
        }
        Console.WriteLine($"  {name}: {files.Length / ours.Median:F2} pictures a second, {ours.Peak / 1e6:F0} MB; first answer {ours.First}");
        if (theirs.Times.Count > 0) Console.WriteLine($"    @huggingface/transformers: {files.Length / theirs.Median:F2}, {theirs.Peak / 1e6:F0} MB; first answer {theirs.First}; ours is {theirs.Median / ours.Median:F2} times as fast");
    }

    private static string Start(string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(Answers).Assembly.Location, .. arguments]) { RedirectStandardOutput = true };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"a child ended with code {process.ExitCode}");
    }

    private sealed class Side
    {
        internal List<double> Times { get; } = [];

        internal double Peak { get; private set; }

        internal string First { get; private set; } = "";

        internal double Median => Times.Order().ElementAt(Times.Count / 2);

        internal void Add(string line)
        {
            using var result = JsonDocument.Parse(line);
            Times.AddRange(result.RootElement.GetProperty("times").EnumerateArray().Select(t => t.GetDouble()));
            Peak = Math.Max(Peak, result.RootElement.GetProperty("peak").GetDouble());
            var first = result.RootElement.GetProperty("first")[0];
            First = string.Create(CultureInfo.InvariantCulture, $"{first.GetProperty("label")} {first.GetProperty("score").GetDouble():F4}");
        }
    }
}
