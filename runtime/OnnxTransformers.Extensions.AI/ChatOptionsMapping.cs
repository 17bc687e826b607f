using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.Extensions.AI;
using OnnxTransformers.Generation;
using OnnxTransformers.Tokenizers.Templates;

namespace OnnxTransformers;

/// <summary>From the options of a call to a generation configuration and to variables of the chat template.</summary>
internal static class ChatOptionsMapping
{
    private const string Doing = "reading chat options";

    /// <summary>Reads options; additional properties are fields of GenerationConfig by the reference's names, or else variables of the template.</summary>
    /// <exception cref="InvalidInputException">An option is not supported or has a value of the wrong kind.</exception>
    internal static (GenerationConfig Config, IReadOnlyDictionary<string, object?> Variables) Read(ChatOptions? options)
    {
        var variables = new Dictionary<string, object?>(StringComparer.Ordinal);
        if (options is null) return (GenerationConfig.Default, variables);
        Refuse(options);
        var fields = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (var (name, value) in options.AdditionalProperties ?? [])
        {
            if (GenerationConfig.IsField(name)) fields[name] = ToolMapping.Json(value);
            else variables[name] = ToolMapping.Json(value);
        }
        var config = GenerationConfig.FromArguments(JsonSerializer.SerializeToElement(fields, AIJsonUtilities.DefaultOptions.GetTypeInfo(typeof(Dictionary<string, JsonElement>))));
        if (options.MaxOutputTokens is { } most) config = config with { MaxNewTokens = most };
        // Zero asks for the best token, which the reference says with do_sample.
        if (options.Temperature is { } temperature) config = temperature == 0 ? config with { DoSample = false } : config with { DoSample = true, Temperature = temperature };
        if (options.TopP is { } p) config = config with { TopP = p };
        if (options.TopK is { } k) config = config with { TopK = k };
        if (options.Seed is { } seed) config = config with { Seed = unchecked((int)seed) };
        if (options.StopSequences is { Count: > 0 } stops) config = config with { StopStrings = [.. stops] };
        return (config, variables);
    }

    /// <summary>Refuses variables that the template never looks at, as misspelt fields.</summary>
    /// <exception cref="InvalidInputException">There are such.</exception>
    internal static void Check(IReadOnlyDictionary<string, object?> variables, ChatTemplate template)
    {
        var unknown = variables.Keys.Where(v => !Regex.IsMatch(template.Source, $@"(?<!\w){Regex.Escape(v)}(?!\w)")).Order(StringComparer.Ordinal).ToList();
        if (unknown.Count > 0) throw new InvalidInputException(Doing, unknown.Select(v => new Problem($"AdditionalProperties[\"{v}\"]", "neither a field of GenerationConfig nor a variable of the chat template")));
    }

    private static void Refuse(ChatOptions options)
    {
        var problems = new List<Problem>();
        if (options.FrequencyPenalty is not (null or 0)) problems.Add(new("FrequencyPenalty", string.Create(CultureInfo.InvariantCulture, $"{options.FrequencyPenalty}"), "0", "give repetition_penalty in AdditionalProperties"));
        if (options.PresencePenalty is not (null or 0)) problems.Add(new("PresencePenalty", string.Create(CultureInfo.InvariantCulture, $"{options.PresencePenalty}"), "0", "give repetition_penalty in AdditionalProperties"));
        if (options.ResponseFormat is not (null or ChatResponseFormatText)) problems.Add(new("ResponseFormat", options.ResponseFormat.GetType().Name, "text: nothing holds the tokens to a form", "ask for the form in a message, and check the answer"));
        if (options.ToolMode is RequiredChatToolMode) problems.Add(new("ToolMode", "a call is required", "Auto, None: nothing holds the tokens to a call"));
        if (options.Reasoning is not null) problems.Add(new("Reasoning", "set", "null", "give the chat template's own variable, as enable_thinking, in AdditionalProperties"));
        if (options.ConversationId is not null) problems.Add(new("ConversationId", options.ConversationId, "null: every call gets all messages"));
        if (problems.Count > 0) throw new InvalidInputException(Doing, problems);
    }
}
