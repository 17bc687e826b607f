using System.Text.Json;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>One message of a conversation: a role, content (a text, or a list of parts), and whatever else its template reads (tool_calls, name,
/// reasoning_content, ...).</summary>
/// <param name="fields">Fields in order. Values are null, bool, numbers, strings, <see cref="JsonElement"/>, System.Text.Json nodes, dictionaries
/// with string keys, and sequences of these.</param>
public sealed class ChatMessage(IEnumerable<KeyValuePair<string, object?>> fields)
{
    /// <summary>A message with a text.</summary>
    public ChatMessage(string role, string content) : this([new("role", role), new("content", content)]) { }

    /// <summary>The fields in order.</summary>
    public IReadOnlyList<KeyValuePair<string, object?>> Fields { get; } = [.. fields];

    /// <summary>A message of the role "system".</summary>
    public static ChatMessage System(string content) => new("system", content);

    /// <summary>A message of the role "user".</summary>
    public static ChatMessage User(string content) => new("user", content);

    /// <summary>A message of the role "assistant".</summary>
    public static ChatMessage Assistant(string content) => new("assistant", content);

    /// <summary>What a tool returned, as a message of the role "tool".</summary>
    public static ChatMessage Tool(string name, string content) => new([new("role", "tool"), new("name", name), new("content", content)]);

    /// <summary>A message from a JSON object.</summary>
    /// <exception cref="InvalidInputException">It is not an object.</exception>
    public static ChatMessage FromJson(JsonElement message) => message.ValueKind == JsonValueKind.Object
        ? new ChatMessage(JsonTexts.Fields(message))
        : throw new InvalidInputException("reading a chat message", new Problem("messages", $"a JSON {message.ValueKind}", "an object with role and content"));
}
