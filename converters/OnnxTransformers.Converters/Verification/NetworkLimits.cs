using System.Text.Json;

namespace OnnxTransformers.Converters.Verification;

/// <summary>What a configuration allows in inputs. Defaults are on the safe side.</summary>
/// <param name="Vocabulary">Ids are below this.</param>
/// <param name="TokenTypes">Token types are below this.</param>
/// <param name="Length">The longest text.</param>
/// <param name="Padding">The id that stands where nothing is.</param>
/// <param name="Image">Height and width of images.</param>
/// <param name="End">The id that ends a text, where the network looks for it.</param>
internal sealed record NetworkLimits(int Vocabulary, int TokenTypes, int Length, int Padding, (int Height, int Width) Image, int? End = null)
{
    private static readonly (int, int) AnyImage = (64, 64);

    private const int LongEnough = 24;

    /// <summary>Reads them.</summary>
    /// <param name="config">config.json.</param>
    /// <param name="maxTokens">The longest text that the graph itself tells; null where it tells none.</param>
    /// <param name="image">The size of images that it tells; null where it tells none.</param>
    /// <param name="end">The id that ends a text, where the graph looks for it.</param>
    internal static NetworkLimits Read(ConfigReader config, int? maxTokens, (int Height, int Width)? image = null, int? end = null)
    {
        var text = config.Element.TryGetProperty("text_config", out var inner) && inner.ValueKind == JsonValueKind.Object ? inner : config.Element;
        var padding = Number(text, "pad_token_id") ?? 0;
        // A network that looks for the end finds the first one, which padding must not be.
        if (padding == end) padding = end > 0 ? 0 : 1;
        // Positions may begin after the padding's own; what a graph doesn't tell is guessed on the safe side.
        var length = maxTokens ?? ((Number(text, "max_position_embeddings") ?? Number(text, "n_positions")) is { } positions and > 0 ? positions - Math.Max(0, padding) - 2 : LongEnough);
        return new(Math.Max(1, Number(text, "vocab_size") ?? 2), Math.Max(1, Number(text, "type_vocab_size") ?? 1), Math.Clamp(length, 1, LongEnough), Math.Max(0, padding), image ?? AnyImage, end);
    }

    private static int? Number(JsonElement json, string key) => json.TryGetProperty(key, out var v) && v.ValueKind == JsonValueKind.Number && v.TryGetInt32(out var n) ? n : null;
}
