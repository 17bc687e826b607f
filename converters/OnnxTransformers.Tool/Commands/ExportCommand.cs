using System.Collections.Immutable;
using System.CommandLine;
using System.Security.Cryptography;
using OnnxTransformers.Converters;
using OnnxTransformers.Graphs.Models;
using OnnxTransformers.Tool.Printing;

namespace OnnxTransformers.Tool.Commands;

/// <summary>export: a checkpoint becomes a package.</summary>
internal static class ExportCommand
{
    internal static void Build(Command command)
    {
        BeginLoading();
        command.Example("onnx-transformers export models/bert-sentiment packages/sentiment --precision fp32,fp16", "onnx-transformers export models/llm packages/llm --weights link --verify load");
        var checkpoint = command.Argument("checkpoint", "folder of a checkpoint as transformers or sentence-transformers save it");
        var package = command.Argument("package", "folder that becomes the package");
        var task = command.Text("--task", "TASK", "as text-classification; without it, what the checkpoint was made for");
        var precision = command.Text("--precision", "P[,P...]", $"{Words(Choices.Precisions.Select(p => p.Word))}; several give files side by side [default: fp32]");
        var zeroPoints = command.Flag("--zero-points", "int8, int4: each block of 32 weights gets a zero point of its own: closer, and a little larger");
        var head = command.Flag("--quantize-head", "int8, int4: also the matrix in front of the outputs");
        var embeddings = command.Flag("--quantize-embeddings", "int8, int4: also the table of word embeddings");
        var target = command.Choice("--target", Choices.Targets.Select(t => t.Word), "where the graphs will run");
        var weights = command.Choice("--weights", Choices.Weights.Select(w => w.Word), "link: hard links of the checkpoint's safetensors instead of a copy");
        var variant = command.Text("--variant", "NAME", "which weights where there are several, as fp16 for model.fp16.safetensors");
        var verify = command.Choice("--verify", Choices.Levels.Select(l => l.Word), "run the graphs, only load them, or neither");
        var opset = new Option<int>("--opset") { Description = "ONNX operator set", HelpName = "N", DefaultValueFactory = _ => 21 };
        command.Options.Add(opset);
        var force = command.Flag("--force", "replace a package that is there");
        var json = command.Flag("--json", "end standard output with the receipt as one line of JSON");
        command.SetAction(async (parsed, cancellation) =>
        {
            var options = new ExportOptions
            {
                Task = parsed.GetValue(task),
                Precisions = Precisions(parsed.GetValue(precision)),
                Quantization = new() { ZeroPoints = parsed.GetValue(zeroPoints), Head = parsed.GetValue(head), Embeddings = parsed.GetValue(embeddings) },
                Target = Choices.Targets.First(t => t.Word == parsed.GetValue(target)).Value,
                Weights = Choices.Weights.First(w => w.Word == parsed.GetValue(weights)).Value,
                Variant = parsed.GetValue(variant),
                Verify = Choices.Levels.First(l => l.Word == parsed.GetValue(verify)).Value,
                Opset = parsed.GetValue(opset),
                Force = parsed.GetValue(force),
            };
            using var progress = ProgressLine.Create();
            var result = await Export.RunAsync(parsed.GetRequiredValue(checkpoint), parsed.GetRequiredValue(package), options, progress, cancellation).ConfigureAwait(false);
            progress?.Clear();
            await ExportSummary.WriteAsync(result, Console.Error).ConfigureAwait(false);
            if (parsed.GetValue(json)) JsonOutput.WriteLine(result.WriteTo);
            return ExitCodes.Done;
        });
    }

    /// <summary>What takes a while to load and needs nothing of the command line is ready when that is parsed.</summary>
    private static void BeginLoading() => _ = Task.Run(() => (ModelCatalog.Families.Length, SHA256.HashData([])));

    private static ImmutableArray<Precision> Precisions(string? words) => words is null ? ExportOptions.Default.Precisions : [.. words.Split(',', StringSplitOptions.TrimEntries).Select(word =>
    {
        foreach (var (value, known, _) in Choices.Precisions)
            if (known == word) return value;
        throw new UnsupportedCheckpointException("reading the options of export", new Problem("--precision", $"\"{word}\"", Words(Choices.Precisions.Select(p => p.Word))));
    })];

    private static string Words(IEnumerable<string> words) => string.Join(", ", words);
}
