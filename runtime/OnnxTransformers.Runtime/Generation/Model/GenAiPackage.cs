using System.Collections.Immutable;
using System.Text.Json;

namespace OnnxTransformers.Generation;

/// <summary>What genai_config.json says of a package, for those that onnxruntime-genai's own builder has made: they may have no other configuration.</summary>
/// <param name="File">The graph's full path; null where none is named.</param>
/// <param name="Vocabulary">Number of tokens.</param>
/// <param name="Positions">The longest text.</param>
/// <param name="SharesBuffers">Whether past and present may be one buffer.</param>
/// <param name="KeyHeads">Heads of keys and values; null where it isn't said.</param>
/// <param name="HeadSize">Length of a head's keys; null where it isn't said.</param>
/// <param name="Window">Layers whose attention looks back a few tokens only; null where there are none.</param>
/// <param name="Defaults">Special tokens, and how tokens are chosen.</param>
internal sealed record GenAiPackage(string? File, int? Vocabulary, int? Positions, bool SharesBuffers, int? KeyHeads, int? HeadSize, GenAiWindow? Window, GenerationConfig Defaults)
{
    private const string FileName = "genai_config.json";

    /// <summary>Reads it; null where there is no such file.</summary>
    /// <exception cref="CorruptCheckpointException">It is not a JSON object.</exception>
    internal static GenAiPackage? Read(Package package)
    {
        if (package.ReadJson(FileName) is not { } json || json.Object("model") is not { } model) return null;
        var search = json.Object("search");
        var decoder = model.Object("decoder");
        var window = GenAiWindow.Read(decoder?.Object("sliding_window"));
        // Attention with a window keeps its tokens in a buffer of a fixed size, whatever the search says.
        var shares = window is not null || (search?.Bool("past_present_share_buffer", false) ?? false);
        return new(decoder?.String("filename") is { } file ? package.PathOf(file) : null, model.IntOrNull("vocab_size"), model.IntOrNull("context_length"), shares,
            decoder?.IntOrNull("num_key_value_heads"), decoder?.IntOrNull("head_size"), window, DefaultsOf(model, search));
    }

    private static GenerationConfig DefaultsOf(ConfigReader model, ConfigReader? search)
    {
        var samples = search?.Bool("do_sample", false) ?? false;
        var defaults = new GenerationConfig { DoSample = samples, BosTokenId = model.IntOrNull("bos_token_id"), PadTokenId = model.IntOrNull("pad_token_id"), EosTokenId = Ends(model) };
        if (search?.DoubleOrNull("repetition_penalty") is { } penalty) defaults = defaults with { RepetitionPenalty = penalty };
        if (search?.IntOrNull("no_repeat_ngram_size") is { } size) defaults = defaults with { NoRepeatNgramSize = size };
        if (search?.IntOrNull("min_length") is { } least) defaults = defaults with { MinLength = least };
        if (search?.IntOrNull("num_beams") is > 1 and var beams)
            defaults = defaults with { NumBeams = beams, NumReturnSequences = search.Int("num_return_sequences", 1), LengthPenalty = search.Double("length_penalty", 1), EarlyStopping = search.Bool("early_stopping", true) ? EarlyStopping.WhenFull : EarlyStopping.Heuristic };
        return samples ? defaults with { Temperature = search!.Double("temperature", 1), TopK = search.Int("top_k", 50), TopP = search.Double("top_p", 1) } : defaults;
    }

    private static ImmutableArray<int> Ends(ConfigReader model) => model.Raw("eos_token_id") switch
    {
        { ValueKind: JsonValueKind.Number } => [model.Int("eos_token_id", 0)],
        { ValueKind: JsonValueKind.Array } => model.Ints("eos_token_id", []),
        _ => [],
    };
}

/// <summary>Layers of a graph of onnxruntime-genai's builder whose buffers hold a window of tokens: its attention drops older ones itself.</summary>
/// <param name="Tokens">Tokens that attention looks back, the present one included.</param>
/// <param name="Layers">Which; empty for all.</param>
internal sealed record GenAiWindow(int Tokens, ImmutableArray<int> Layers)
{
    internal static GenAiWindow? Read(ConfigReader? json)
    {
        // A window that the runtime slides itself, as it does unless told otherwise, belongs to graphs of fixed sizes.
        if (json is null || json.Bool("slide_key_value_cache", true) || json.IntOrNull("window_size") is not { } tokens || tokens <= 0) return null;
        return new(tokens, json.Ints("layers", []));
    }

    internal bool Holds(int layer) => Layers.IsEmpty || Layers.Contains(layer);
}
