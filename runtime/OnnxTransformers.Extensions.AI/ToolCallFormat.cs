using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Text.Json;
using Microsoft.Extensions.AI;
using OnnxTransformers.Tokenizers;
using OnnxTransformers.Tokenizers.Templates;

namespace OnnxTransformers;

/// <summary>How a family of models writes calls of tools.</summary>
/// <param name="Name">The family.</param>
/// <param name="Sign">What stands in the chat templates of its models.</param>
/// <param name="Begin">What begins a call.</param>
/// <param name="End">What ends it; empty for the end of the answer.</param>
/// <param name="Arguments">The key of the arguments.</param>
/// <param name="WholeAnswer">Whether a call is the whole answer, which <paramref name="Begin"/> is then part of.</param>
internal sealed record ToolCallFormat(string Name, string Sign, string Begin, string End, string Arguments, bool WholeAnswer = false)
{
    private static readonly ImmutableArray<ToolCallFormat> Table =
    [
        new("Hermes, Qwen", "<tool_call>", "<tool_call>", "</tool_call>", "arguments"),
        new("Mistral", "[TOOL_CALLS]", "[TOOL_CALLS]", "", "arguments"),
        new("Llama 3", "\"parameters\": ", "{", "", "parameters", WholeAnswer: true),
    ];

    /// <summary>The format that a template's models write.</summary>
    /// <exception cref="InvalidInputException">The template takes no tools, or its format isn't known.</exception>
    internal static ToolCallFormat Of(ChatTemplate template, ChatTemplateSet templates)
    {
        var source = template.Source;
        var found = !source.Contains("tools", StringComparison.Ordinal) ? "the chat template takes none" : "the chat template's models write calls in a form that isn't known here";
        return (source.Contains("tools", StringComparison.Ordinal) ? Table.FirstOrDefault(f => source.Contains(f.Sign, StringComparison.Ordinal)) : null)
            ?? throw new InvalidInputException("reading tools", new Problem("Tools", found, $"templates of {string.Join("; ", Table.Select(f => f.Name))}", $"leave tools out; the package has the templates {string.Join(", ", templates.Sources.Keys)}"));
    }

    /// <summary>Special tokens that must be seen in the answer.</summary>
    internal IReadOnlySet<int> Shown(Tokenizer tokenizer) => new[] { Begin, End }.Select(tokenizer.TokenToId).OfType<int>().Where(id => tokenizer.Special.AllIds.Contains(id)).ToFrozenSet();

    /// <summary>The calls that a text between begin and end holds; nothing where it is none.</summary>
    internal IReadOnlyList<FunctionCallContent> Parse(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            var root = document.RootElement;
            JsonElement[] calls = root.ValueKind == JsonValueKind.Array ? [.. root.EnumerateArray()] : [root];
            return calls.Length > 0 && calls.All(IsCall) ? [.. calls.Select(CallOf)] : [];
        }
        catch (JsonException)
        {
            return [];
        }
    }

    private bool IsCall(JsonElement call) => call.ValueKind == JsonValueKind.Object && call.TryGetProperty("name", out var name) && name.ValueKind == JsonValueKind.String
        && (!call.TryGetProperty(Arguments, out var arguments) || arguments.ValueKind == JsonValueKind.Object);

    private FunctionCallContent CallOf(JsonElement call)
    {
        var arguments = call.TryGetProperty(Arguments, out var given) ? given.EnumerateObject().ToDictionary(a => a.Name, a => (object?)a.Value.Clone(), StringComparer.Ordinal) : [];
        // Nine letters and digits: templates of Mistral ask for just that.
        return new FunctionCallContent(Guid.NewGuid().ToString("N")[..9], call.GetProperty("name").GetString()!, arguments);
    }
}
