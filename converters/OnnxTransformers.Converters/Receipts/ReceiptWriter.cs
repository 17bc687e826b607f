using System.Collections.Immutable;
using System.Text.Encodings.Web;
using System.Text.Json;
using OnnxTransformers.Graphs.Weights;

namespace OnnxTransformers.Converters.Receipts;

/// <summary>Writes receipt.json. All but the last two sections are the same for the same input, options and version; "verified" holds numbers of this machine, "run" the time and memory it took.</summary>
internal static class ReceiptWriter
{
    internal const int Format = 1;

    private static readonly JsonWriterOptions Indented = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, NewLine = "\n" };

    internal static void Write(ExportResult result, string path)
    {
        using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write);
        using (var json = new Utf8JsonWriter(file, Indented))
            WriteObject(json, result);
        file.Write("\n"u8);
    }

    internal static void WriteObject(Utf8JsonWriter json, ExportResult result)
    {
        json.WriteStartObject();
        json.WriteNumber("format", Format);
        json.WriteString("version", result.Version);
        json.WriteString("model_type", result.ModelType);
        Texts(json, "architectures", result.Architectures);
        json.WriteString("task", result.Task);
        Options(json, result.Options);
        List(json, "graphs", result.Graphs, Graph);
        List(json, "unused_tensors", result.UnusedTensors, (j, t) => Pair(j, "name", t.Name, t.Reason));
        List(json, "ignored_keys", result.IgnoredKeys, (j, k) => Pair(j, "key", k.Key, k.Reason));
        Texts(json, "covered_by", result.CoveredBy);
        List(json, "inputs", result.Inputs, HashedFile);
        List(json, "outputs", result.Outputs, HashedFile);
        WriteVerified(json, result.Verified);
        Run(json, result);
        json.WriteEndObject();
    }

    internal static void WriteVerified(Utf8JsonWriter json, ImmutableArray<GraphVerification> verified) => List(json, "verified", verified, Verification);

    private static void Options(Utf8JsonWriter json, ExportOptions options)
    {
        json.WriteStartObject("options");
        json.WriteString("target", options.Target.Word());
        Texts(json, "precision", [.. options.Precisions.Select(p => p.Word())]);
        if (options.Precisions.Any(ExportRules.IsInteger))
        {
            json.WriteBoolean("zero_points", options.Quantization.ZeroPoints);
            json.WriteBoolean("quantize_head", options.Quantization.Head);
            json.WriteBoolean("quantize_embeddings", options.Quantization.Embeddings);
        }
        json.WriteString("weights", options.Weights.Word());
        if (options.Variant is not null) json.WriteString("variant", options.Variant);
        json.WriteString("verify", options.Verify.Word());
        json.WriteNumber("opset", options.Opset);
        json.WriteEndObject();
    }

    private static void Graph(Utf8JsonWriter json, ExportedGraph graph)
    {
        json.WriteString("name", graph.Name);
        json.WriteString("precision", graph.Precision.Word());
        json.WriteString("file", graph.File);
        json.WriteNumber("nodes", graph.Nodes);
        json.WriteNumber("weights", graph.Weights);
        json.WriteNumber("weight_bytes", graph.WeightBytes);
        if (graph.Quantization is not { } quantization) return;
        json.WriteStartObject("quantization");
        json.WriteNumber("bits", quantization.Format.Bits);
        json.WriteNumber("block_size", BlockFormat.Size);
        json.WriteBoolean("zero_points", quantization.Format.ZeroPoints);
        json.WriteNumber("matrices", quantization.Matrices);
        List(json, "kept", quantization.Kept, (j, k) => Pair(j, "weight", k.Name, k.Reason));
        json.WriteEndObject();
    }

    private static void Pair(Utf8JsonWriter json, string name, string value, string reason)
    {
        json.WriteString(name, value);
        json.WriteString("reason", reason);
    }

    private static void HashedFile(Utf8JsonWriter json, HashedFile file)
    {
        json.WriteString("file", file.Name);
        json.WriteNumber("bytes", file.Bytes);
        json.WriteString("sha256", file.Sha256);
    }

    private static void Verification(Utf8JsonWriter json, GraphVerification graph)
    {
        json.WriteString("file", graph.File);
        json.WriteString("provider", graph.Provider);
        if (graph.Note is { } note) json.WriteString("note", note);
        List(json, "comparisons", graph.Comparisons, (j, c) =>
        {
            j.WriteString("what", c.What);
            j.WriteNumber("max_abs", Rounded(c.MaxAbs));
            j.WriteNumber("relative", Rounded(c.Relative));
            j.WriteNumber("relative_bound", c.RelativeBound);
            j.WriteNumber("cosine", Math.Round(c.Cosine, 9));
            j.WriteNumber("cosine_bound", c.CosineBound);
        });
        if (graph.Perplexity is not { } p) return;
        json.WriteStartObject("perplexity");
        json.WriteString("text", p.Text);
        json.WriteNumber("tokens", p.Tokens);
        json.WriteNumber("fp32", Math.Round(p.Float32, 4));
        json.WriteNumber("quantized", Math.Round(p.Quantized, 4));
        json.WriteNumber("change", Math.Round(p.Change, 5));
        json.WriteNumber("change_bound", Math.Round(p.Bound - 1, 5));
        json.WriteEndObject();
    }

    private static void Run(Utf8JsonWriter json, ExportResult result)
    {
        json.WriteStartObject("run");
        json.WriteString("started", result.Started.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", System.Globalization.CultureInfo.InvariantCulture));
        json.WriteNumber("seconds", Math.Round(result.Elapsed.TotalSeconds, 3));
        json.WriteNumber("peak_memory_bytes", result.PeakMemory);
        json.WriteString("runtime", System.Runtime.InteropServices.RuntimeInformation.FrameworkDescription);
        json.WriteString("system", System.Runtime.InteropServices.RuntimeInformation.RuntimeIdentifier);
        json.WriteEndObject();
    }

    private static void List<T>(Utf8JsonWriter json, string name, ImmutableArray<T> items, Action<Utf8JsonWriter, T> write)
    {
        json.WriteStartArray(name);
        foreach (var item in items)
        {
            json.WriteStartObject();
            write(json, item);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static void Texts(Utf8JsonWriter json, string name, ImmutableArray<string> texts)
    {
        json.WriteStartArray(name);
        foreach (var text in texts) json.WriteStringValue(text);
        json.WriteEndArray();
    }

    // Three digits say all there is to say about an error.
    private static double Rounded(double error) => error == 0 ? 0 : double.Parse(error.ToString("E2", System.Globalization.CultureInfo.InvariantCulture), System.Globalization.CultureInfo.InvariantCulture);
}
