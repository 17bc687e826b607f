using System.Collections.Immutable;
using System.Text.Json;
using OnnxTransformers.Converters.Packaging;
using OnnxTransformers.Graphs;

namespace OnnxTransformers.Converters.Receipts;

/// <summary>What a later check needs of a receipt.json.</summary>
/// <param name="ModelType">The checkpoint's <c>model_type</c>.</param>
/// <param name="Task">The task of the graphs.</param>
/// <param name="Target">What the graphs were made for.</param>
/// <param name="Graphs">File and precision of each graph.</param>
/// <param name="Outputs">The files of the package.</param>
internal sealed record Receipt(string ModelType, string Task, Target Target, ImmutableArray<(string File, Precision Precision)> Graphs, ImmutableArray<HashedFile> Outputs)
{
    /// <summary>Reads the receipt of a package; null where it has none.</summary>
    /// <exception cref="CorruptCheckpointException">It is not what export writes.</exception>
    internal static Receipt? Read(string package)
    {
        var path = Path.Combine(package, PackageFolder.Receipt);
        if (!File.Exists(path)) return null;
        var json = ConfigReader.Parse(File.ReadAllBytes(path), PackageFolder.Receipt);
        if (json.Int("format", 0) != ReceiptWriter.Format) json.Problem("format", json.Element.TryGetProperty("format", out var found) ? found.GetRawText() : "missing", $"{ReceiptWriter.Format}", "use the version of this program that wrote it");
        var receipt = new Receipt(json.String("model_type", ""), json.String("task", ""),
            json.Object("options")?.OneOf("target", Target.Portable, [.. Choices.Targets]) ?? Target.Portable,
            [.. Objects(json, "graphs").Select(g => (g.String("file", ""), g.OneOf("precision", Precision.Fp32, [.. Choices.Precisions.Select(p => (p.Word, p.Precision))])))],
            [.. Objects(json, "outputs").Select(f => new HashedFile(f.String("file", ""), (long)f.Double("bytes", -1), f.String("sha256")))]);
        if (json.Problems.Count > 0) throw new CorruptCheckpointException($"reading {path}", json.Problems);
        return receipt;
    }

    private static List<ConfigReader> Objects(ConfigReader json, string key)
    {
        if (json.Raw(key) is not { ValueKind: JsonValueKind.Array } list || list.EnumerateArray().Any(e => e.ValueKind != JsonValueKind.Object))
        {
            json.Problem(key, "missing, or no list of objects", "what export writes");
            return [];
        }
        return [.. list.EnumerateArray().Select(e => ConfigReader.Of(e, PackageFolder.Receipt))];
    }
}
