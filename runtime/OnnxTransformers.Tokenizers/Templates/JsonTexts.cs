using System.Text.Json;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>Texts and names out of JSON that may hold half a surrogate pair, which no UTF-16 text of ours may.</summary>
internal static class JsonTexts
{
    internal static string Of(JsonElement text) => Guarded(() => text.GetString()!);

    internal static string Name(JsonProperty property) => Guarded(() => property.Name);

    internal static IEnumerable<KeyValuePair<string, object?>> Fields(JsonElement element) => element.EnumerateObject().Select(p => new KeyValuePair<string, object?>(Name(p), p.Value));

    private static string Guarded(Func<string> read)
    {
        try
        {
            return read();
        }
        catch (InvalidOperationException e)
        {
            throw new InvalidInputException("reading a text in JSON", new Problem("$", "half a surrogate pair (an escape of \\uD800 to \\uDFFF by itself)", "valid Unicode"), e);
        }
    }
}
