using System.Text.Json;
using Microsoft.Extensions.AI;
using ChatMessage = Microsoft.Extensions.AI.ChatMessage;
using TemplateMessage = OnnxTransformers.Tokenizers.Templates.ChatMessage;

namespace OnnxTransformers;

/// <summary>From the messages of Microsoft.Extensions.AI to those that chat templates read.</summary>
internal static class MessageMapping
{
    /// <summary>Reads messages; instructions become a system message before them.</summary>
    /// <exception cref="InvalidInputException">A message holds what a text model can't read.</exception>
    internal static IReadOnlyList<TemplateMessage> Read(IEnumerable<ChatMessage> messages, string? instructions)
    {
        var read = new List<TemplateMessage>();
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        if (!string.IsNullOrEmpty(instructions)) read.Add(TemplateMessage.System(instructions));
        foreach (var message in messages)
        {
            foreach (var result in message.Contents.OfType<FunctionResultContent>()) read.Add(ResultOf(result, names));
            if (message.Contents.Count > 0 && message.Contents.All(c => c is FunctionResultContent)) continue;
            read.Add(MessageOf(message, names));
        }
        return read.Count > 0 ? read : throw new InvalidInputException("reading a chat", new Problem("messages", "none", "one or more"));
    }

    private static TemplateMessage MessageOf(ChatMessage message, Dictionary<string, string> names)
    {
        foreach (var content in message.Contents)
            if (content is not (TextContent or TextReasoningContent or FunctionCallContent or FunctionResultContent or UsageContent))
                throw new InvalidInputException("reading a chat", new Problem($"a message of {message.Role}", content.GetType().Name, "texts, function calls and their results"));
        var fields = new List<KeyValuePair<string, object?>> { new("role", message.Role.Value), new("content", string.Concat(message.Contents.OfType<TextContent>().Select(t => t.Text))) };
        if (message.Contents.OfType<TextReasoningContent>().ToList() is { Count: > 0 } reasoning) fields.Add(new("reasoning_content", string.Concat(reasoning.Select(r => r.Text))));
        if (message.Contents.OfType<FunctionCallContent>().ToList() is { Count: > 0 } calls) fields.Add(new("tool_calls", calls.Select(c => CallOf(c, names)).ToList()));
        return new TemplateMessage(fields);
    }

    private static Dictionary<string, object?> CallOf(FunctionCallContent call, Dictionary<string, string> names)
    {
        names[call.CallId] = call.Name;
        var arguments = (call.Arguments ?? new Dictionary<string, object?>()).ToDictionary(a => a.Key, a => (object?)ToolMapping.Json(a.Value), StringComparer.Ordinal);
        return new() { ["type"] = "function", ["id"] = call.CallId, ["function"] = new Dictionary<string, object?> { ["name"] = call.Name, ["arguments"] = arguments } };
    }

    private static TemplateMessage ResultOf(FunctionResultContent result, Dictionary<string, string> names)
    {
        var json = ToolMapping.Json(result.Exception is { } e ? $"Error: {e.Message}" : result.Result);
        var text = json.ValueKind == JsonValueKind.String ? json.GetString()! : json.GetRawText();
        var fields = new List<KeyValuePair<string, object?>> { new("role", "tool"), new("tool_call_id", result.CallId), new("content", text) };
        if (names.TryGetValue(result.CallId, out var name)) fields.Insert(1, new("name", name));
        return new TemplateMessage(fields);
    }
}
