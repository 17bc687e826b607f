using System.Text.Encodings.Web;
using System.Text.Json;
using OnnxTransformers.Converters.Sources;
using OnnxTransformers.Graphs;

namespace OnnxTransformers.Converters.Packaging;

/// <summary>genai_config.json: what onnxruntime-genai reads to load a decoder. Source: its configuration reference.</summary>
internal static class GenAiConfig
{
    internal const string FileName = "genai_config.json";
    private const string PastKey = "past_key_values.0.key";

    // Texts without a limit of their own: networks that have no table of positions.
    private const int Unlimited = 1 << 17;

    private static readonly JsonWriterOptions Indented = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, NewLine = "\n" };
    private static readonly string[] ContextKeys = ["max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "max_sequence_length", "seq_length"];
    private static readonly string[] WidthKeys = ["hidden_size", "n_embd", "n_embed", "d_model"];
    private static readonly string[] HeadKeys = ["num_attention_heads", "n_head", "n_heads"];
    private static readonly string[] Copied = ["temperature", "top_p", "repetition_penalty"];

    /// <summary>Writes it into a package where the graph is one that onnxruntime-genai can feed: keys and values of one size, the same in all layers.</summary>
    /// <param name="package">The package's folder.</param>
    /// <param name="source">The checkpoint.</param>
    /// <param name="file">The graph's file, from the package's folder on.</param>
    /// <param name="model">The graph.</param>
    /// <param name="target">What it is made for: a provider that the target names is named here, too.</param>
    internal static void Write(string package, ExportSource source, string file, OnnxModel model, Target target)
    {
        var inputs = model.Proto.Graph.Input.ToDictionary(i => i.Name, i => i.Type.TensorType.Shape.Dim);
        if (!inputs.TryGetValue(PastKey, out var past) || inputs.Any(i => i.Key.StartsWith("past_", StringComparison.Ordinal) && !(i.Value.Count == 4 && i.Value[2].DimValue == 0 && i.Value[1].DimValue == past[1].DimValue && i.Value[3].DimValue == past[3].DimValue))) return;
        var config = source.Network.ReadConfig();
        using var stream = new FileStream(Path.Combine(package, FileName), FileMode.Create, FileAccess.Write);
        using (var json = new Utf8JsonWriter(stream, Indented))
        {
            var generation = GenerationOf(source) ?? config;
            var context = First(config, ContextKeys) ?? Unlimited;
            json.WriteStartObject();
            json.WriteStartObject("model");
            json.WriteString("type", "decoder");
            Ids(json, generation, "bos_token_id");
            Ids(json, generation, "eos_token_id");
            if (!Ids(json, generation, "pad_token_id") && FirstId(generation, "eos_token_id") is { } eos) json.WriteNumber("pad_token_id", eos);
            json.WriteNumber("context_length", context);
            json.WriteNumber("vocab_size", config.IntOrNull("vocab_size") ?? 0);
            Decoder(json, config, file, target, inputs.ContainsKey("position_ids"), layers: inputs.Keys.Count(n => n.EndsWith(".key", StringComparison.Ordinal)), kvHeads: (int)past[1].DimValue, headSize: (int)past[3].DimValue);
            json.WriteEndObject();
            Search(json, generation, context, shares: model.Proto.MetadataProps.Any(p => p.Key == "past_present_share_buffer" && p.Value == "true"));
            json.WriteEndObject();
        }
        stream.Write("\n"u8);
    }

    private static void Decoder(Utf8JsonWriter json, ConfigReader config, string file, Target target, bool positions, int layers, int kvHeads, int headSize)
    {
        json.WriteStartObject("decoder");
        json.WriteStartObject("session_options");
        json.WriteStartArray("provider_options");
        if (target == Target.Cuda) WriteCuda(json);
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteString("filename", file);
        json.WriteNumber("head_size", headSize);
        json.WriteNumber("hidden_size", First(config, WidthKeys) ?? 0);
        json.WriteNumber("num_attention_heads", First(config, HeadKeys) ?? kvHeads);
        json.WriteNumber("num_hidden_layers", layers);
        json.WriteNumber("num_key_value_heads", kvHeads);
        Names(json, "inputs", [("input_ids", "input_ids"), ("attention_mask", "attention_mask"), .. positions ? [("position_ids", "position_ids")] : Array.Empty<(string, string)>(), ("past_key_names", "past_key_values.%d.key"), ("past_value_names", "past_key_values.%d.value")]);
        Names(json, "outputs", [("logits", "logits"), ("present_key_names", "present.%d.key"), ("present_value_names", "present.%d.value")]);
        json.WriteEndObject();
    }

    /// <summary>A CUDA graph records one way through the network, and ours has two: for a prompt and for a step.</summary>
    private static void WriteCuda(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteStartObject("cuda");
        json.WriteString("enable_cuda_graph", "0");
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void Names(Utf8JsonWriter json, string key, ReadOnlySpan<(string Key, string Name)> names)
    {
        json.WriteStartObject(key);
        foreach (var (name, value) in names) json.WriteString(name, value);
        json.WriteEndObject();
    }

    private static void Search(Utf8JsonWriter json, ConfigReader generation, int context, bool shares)
    {
        json.WriteStartObject("search");
        var samples = generation.Raw("do_sample") is { ValueKind: JsonValueKind.True };
        json.WriteBoolean("do_sample", samples);
        json.WriteNumber("max_length", context);
        json.WriteNumber("min_length", 0);
        json.WriteNumber("num_beams", 1);
        json.WriteNumber("num_return_sequences", 1);
        json.WriteBoolean("past_present_share_buffer", shares);
        foreach (var key in Copied)
            if (generation.Raw(key) is { ValueKind: JsonValueKind.Number } number) json.WriteNumber(key, number.GetDouble());
        json.WriteNumber("top_k", samples && generation.Raw("top_k") is { ValueKind: JsonValueKind.Number } k && k.TryGetInt32(out var best) ? best : samples ? 50 : 1);
        json.WriteEndObject();
    }

    private static ConfigReader? GenerationOf(ExportSource source) =>
        source.Files.FirstOrDefault(f => f.Name == "generation_config.json") is { } file ? ConfigReader.Parse(File.ReadAllBytes(file.From), file.Name) : null;

    private static int? First(ConfigReader config, string[] keys) => keys.Select(k => config.Raw(k) is { ValueKind: JsonValueKind.Number } v && v.TryGetInt32(out var n) ? n : (int?)null).FirstOrDefault(n => n is not null);

    private static int? FirstId(ConfigReader config, string key) => config.Raw(key) switch
    {
        { ValueKind: JsonValueKind.Number } v => v.GetInt32(),
        { ValueKind: JsonValueKind.Array } list when list.GetArrayLength() > 0 => list[0].GetInt32(),
        _ => null,
    };

    private static bool Ids(Utf8JsonWriter json, ConfigReader config, string key)
    {
        if (FirstId(config, key) is null) return false;
        json.WritePropertyName(key);
        config.Raw(key)!.Value.WriteTo(json);
        return true;
    }
}
