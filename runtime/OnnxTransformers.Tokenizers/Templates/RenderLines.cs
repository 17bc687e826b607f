using System.Globalization;
using System.Text.Json;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>The command <c>render</c>, one line at a time: the arguments of apply_chat_template as a JSON object in, <c>{"text"}</c> out.</summary>
public static class RenderLines
{
    private const string Doing = "reading a line for render";

    /// <summary>Arguments of apply_chat_template that are about tokens, not about the text: no variables of the template.</summary>
    private static readonly HashSet<string> AboutTokens = new(StringComparer.Ordinal)
    {
        "tokenize", "padding", "truncation", "max_length", "return_tensors", "return_dict", "return_assistant_tokens_mask", "tokenizer_kwargs",
    };

    private static readonly HashSet<string> Known = new(StringComparer.Ordinal)
    {
        "messages", "tools", "documents", "add_generation_prompt", "continue_final_message", "chat_template", "special_tokens", "now",
    };

    /// <summary>Renders what a line asks for and writes the answer.</summary>
    /// <param name="templates">The checkpoint's templates.</param>
    /// <param name="line">The line: messages, and where wanted tools, documents, add_generation_prompt, continue_final_message, chat_template (a
    /// name), special_tokens, now (ISO); all other keys are variables of the template.</param>
    /// <param name="output">Gets <c>{"text": ...}</c>; nothing is written when the line is refused.</param>
    /// <exception cref="InvalidInputException">The line is not what it should be, or its template refuses it: the message then has the template's own
    /// words.</exception>
    public static void Answer(ChatTemplateSet templates, JsonElement line, Utf8JsonWriter output)
    {
        if (line.ValueKind != JsonValueKind.Object) throw Wrong("$", $"a JSON {line.ValueKind}", "an object with messages");
        var fields = Fields(line);
        var messages = List(fields, "messages") ?? throw Wrong("messages", "nothing", "a list of messages");
        var documents = List(fields, "documents");
        if (documents?.FirstOrDefault(d => d.ValueKind != JsonValueKind.Object) is { ValueKind: not JsonValueKind.Undefined } bad)
            throw Wrong("documents", $"a JSON {bad.ValueKind} in the list", "objects with title and text");
        var request = new ChatRequest
        {
            Messages = [.. messages.Select(ChatMessage.FromJson)],
            Tools = List(fields, "tools") is { } tools ? [.. tools.Select(ChatTool.FromJson)] : null,
            Documents = documents is null ? null : [.. documents.Select(Fields)],
            AddGenerationPrompt = Flag(fields, "add_generation_prompt"),
            ContinueFinalMessage = Flag(fields, "continue_final_message"),
            Variables = fields.Where(f => !Known.Contains(f.Key) && !AboutTokens.Contains(f.Key)).ToDictionary(StringComparer.Ordinal),
            Now = Time(fields),
        };
        if (Property(fields, "special_tokens") is { } tokens)
            templates = tokens.ValueKind == JsonValueKind.Object
                ? templates.With(Fields(tokens))
                : throw Wrong("special_tokens", $"a JSON {tokens.ValueKind}", "an object of names and tokens");
        var name = Property(fields, "chat_template") is { } template ? template.ValueKind == JsonValueKind.String ? JsonTexts.Of(template) : throw Wrong("chat_template", $"a JSON {template.ValueKind}", "a name") : null;
        var rendered = templates.Render(request, name);
        if (!IsUnicode(rendered.Text))
            throw new InvalidInputException("writing the rendered chat", new Problem("text", "half a surrogate pair, which the template made", "valid Unicode"));
        output.WriteStartObject();
        output.WriteString("text", rendered.Text);
        output.WriteEndObject();
    }

    private static bool IsUnicode(string text)
    {
        for (var at = text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF'); at >= 0 && at < text.Length; at++)
        {
            if (!char.IsSurrogate(text[at])) continue;
            if (!char.IsHighSurrogate(text[at]) || at + 1 >= text.Length || !char.IsLowSurrogate(text[at + 1])) return false;
            at++;
        }
        return true;
    }

    private static InvalidInputException Wrong(string where, string found, string supported) => new(Doing, new Problem(where, found, supported));

    private static JsonElement? Property(Dictionary<string, object?> fields, string name) =>
        fields.TryGetValue(name, out var value) && value is JsonElement { ValueKind: not JsonValueKind.Null } element ? element : null;

    private static List<JsonElement>? List(Dictionary<string, object?> fields, string name)
    {
        if (Property(fields, name) is not { } value) return null;
        return value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : throw Wrong(name, $"a JSON {value.ValueKind}", "a list");
    }

    private static bool Flag(Dictionary<string, object?> fields, string name) => Property(fields, name) switch
    {
        null => false,
        { ValueKind: JsonValueKind.True or JsonValueKind.False } flag => flag.GetBoolean(),
        { } other => throw Wrong(name, $"a JSON {other.ValueKind}", "true or false"),
    };

    private static Dictionary<string, object?> Fields(JsonElement element)
    {
        var fields = new Dictionary<string, object?>(StringComparer.Ordinal);
        foreach (var (name, value) in JsonTexts.Fields(element)) fields[name] = value;
        return fields;
    }

    private static DateTime? Time(Dictionary<string, object?> fields)
    {
        if (Property(fields, "now") is not { } now) return null;
        return now.ValueKind == JsonValueKind.String && DateTime.TryParse(now.GetString(), CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind, out var time)
            ? time
            : throw Wrong("now", now.GetRawText(), "a date and time as ISO 8601 has it");
    }
}
