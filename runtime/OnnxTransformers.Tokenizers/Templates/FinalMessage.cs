using System.Text.Json;
using System.Text.Json.Nodes;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>continue_final_message, as the reference does it: a tag is put behind the last message's text, and the rendered text is cut there.</summary>
internal static class FinalMessage
{
    private const string Doing = "rendering the chat template";

    /// <summary>The messages with the tag, and the text that the tag follows.</summary>
    internal static (IReadOnlyList<ChatMessage> Messages, string Final) Mark(IReadOnlyList<ChatMessage> messages, string tag)
    {
        if (messages.Count == 0)
            throw new InvalidInputException(Doing, new Problem("messages", "continue_final_message is set, but there is no message", "at least one message"));
        var final = "";
        var marked = messages[^1].Fields.ToList();
        var at = marked.FindIndex(f => f.Key == "content");
        if (at < 0) throw NoText();
        marked[at] = new("content", MarkContent(marked[at].Value));
        return ([.. messages.Take(messages.Count - 1), new ChatMessage(marked)], final);

        object MarkContent(object? content)
        {
            if (AsText(content) is { } text)
            {
                final = text;
                return text + tag;
            }
            var parts = Parts(content);
            for (var i = parts.Count - 1; i >= 0; i--)
            {
                var index = parts[i].FindIndex(f => f.Key == "text");
                if (index < 0) continue;
                final = AsText(parts[i][index].Value) ?? throw NoText();
                parts[i][index] = new("text", final + tag);
                return parts;
            }
            throw NoText();
        }
    }

    private static InvalidInputException NoText() =>
        new(Doing, new Problem("messages", "continue_final_message is set but we could not find any text to continue in the final message!", "a content that is a text or has a part with a text"));

    private static string? AsText(object? value) => value switch
    {
        string text => text,
        JsonElement { ValueKind: JsonValueKind.String } element => JsonTexts.Of(element),
        JsonValue node when node.TryGetValue<string>(out var text) => text,
        _ => null,
    };

    private static List<List<KeyValuePair<string, object?>>> Parts(object? content) => content switch
    {
        JsonElement { ValueKind: JsonValueKind.Array } list => [.. list.EnumerateArray().Select(Fields)],
        JsonArray list => Parts(JsonSerializer.SerializeToElement(list, JsonTypes.Default.JsonArray)),
        IEnumerable<object?> list => [.. list.Select(p => p switch
        {
            IEnumerable<KeyValuePair<string, object?>> fields => fields.ToList(),
            JsonElement part => Fields(part),
            JsonNode part => Fields(JsonSerializer.SerializeToElement(part, JsonTypes.Default.JsonNode)),
            _ => [],
        })],
        _ => throw NoText(),
    };

    private static List<KeyValuePair<string, object?>> Fields(JsonElement part) =>
        part.ValueKind == JsonValueKind.Object ? [.. JsonTexts.Fields(part)] : throw NoText();

    internal static string Cut(string rendered, string final, string tag)
    {
        var bare = tag.TrimEnd();
        var at = rendered.LastIndexOf(bare, StringComparison.Ordinal);
        if (at < 0 || !rendered.Contains(PyText.Trim(final, null), StringComparison.Ordinal))
            throw new InvalidInputException(Doing, new Problem("messages", "continue_final_message is set but the final message does not appear in the chat after applying the chat template! " +
                "This can happen if the chat template deletes portions of the final message. Please verify the chat template and final message in your chat to ensure they are compatible."));
        // A template that trims the content takes the tag's blank, and with it the message's own.
        return rendered.AsSpan(at).StartsWith(tag) ? rendered[..at] : PyText.TrimEnd(rendered[..at]);
    }
}
