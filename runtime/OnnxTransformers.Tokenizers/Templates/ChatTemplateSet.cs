using System.Collections.Concurrent;
using System.Text.Json;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>The chat templates of a checkpoint, by name, with its special tokens. A template is parsed when it is first used. Safe for use from many
/// threads.</summary>
public sealed class ChatTemplateSet
{
    private const string Default = "default", ToolUse = "tool_use";

    private readonly ConcurrentDictionary<string, ChatTemplate> _parsed;
    private readonly TemplateLimits _limits;

    /// <summary>Creates a set.</summary>
    /// <param name="sources">Templates by name; a single one is named "default".</param>
    /// <param name="specialTokens">Variables that every rendering gets: bos_token, eos_token, ...</param>
    /// <param name="limits">What a rendering may use.</param>
    public ChatTemplateSet(IReadOnlyDictionary<string, string> sources, IReadOnlyDictionary<string, object?>? specialTokens = null, TemplateLimits? limits = null)
        : this(sources, specialTokens ?? new Dictionary<string, object?>(), limits ?? TemplateLimits.Default, new(StringComparer.Ordinal)) { }

    private ChatTemplateSet(
        IReadOnlyDictionary<string, string> sources, IReadOnlyDictionary<string, object?> specialTokens, TemplateLimits limits, ConcurrentDictionary<string, ChatTemplate> parsed) =>
        (Sources, SpecialTokens, _limits, _parsed) = (sources, specialTokens, limits, parsed);

    /// <summary>The templates' texts by name.</summary>
    public IReadOnlyDictionary<string, string> Sources { get; }

    /// <summary>Variables that every rendering gets.</summary>
    public IReadOnlyDictionary<string, object?> SpecialTokens { get; }

    /// <summary>Reads a checkpoint's templates: chat_template.jinja and additional_chat_templates/*.jinja, else chat_template.json, else
    /// tokenizer_config.json's chat_template (a text, or named ones), else processor_config.json's;
    /// the special tokens from tokenizer_config.json and special_tokens_map.json. A path to a file is a template itself.</summary>
    /// <param name="path">The folder, or one template's file.</param>
    /// <param name="limits">What a rendering may use.</param>
    /// <returns>The set; it is empty where the checkpoint has no template.</returns>
    /// <exception cref="CorruptCheckpointException">A file is not what it should be.</exception>
    /// <exception cref="UnsupportedCheckpointException">A key has a value of the wrong kind.</exception>
    public static ChatTemplateSet Load(string path, TemplateLimits? limits = null) => File.Exists(path)
        ? new ChatTemplateSet(new Dictionary<string, string> { [Default] = File.ReadAllText(path) }, null, limits)
        : TemplateFolder.Read(path, limits);

    /// <summary>The same templates with other special tokens, for those that a tokenizer class knows by itself.</summary>
    public ChatTemplateSet With(IReadOnlyDictionary<string, object?> specialTokens) => new(Sources, specialTokens, _limits, _parsed);

    /// <summary>The template to use: the named one (or the given text itself, where it is a template), else "tool_use" where there are tools, else
    /// "default".</summary>
    /// <param name="name">A name, a template's text, or null.</param>
    /// <param name="hasTools">Tools are given.</param>
    /// <exception cref="InvalidInputException">There is none of that name, or none at all, or it is no valid template.</exception>
    public ChatTemplate Choose(string? name = null, bool hasTools = false)
    {
        if (name is not null && !Sources.ContainsKey(name))
            return name.Contains('{')
                ? ChatTemplate.Parse(name, _limits)
                : throw Refused($"no template is named \"{name}\"", Names(), "use one of these names, or pass a template's text");
        if (Sources.Count == 0 && name is null)
            throw Refused("the checkpoint has no chat template", null, "pass a template's text as chat_template, or add chat_template.jinja to the folder");
        name ??= hasTools && Sources.ContainsKey(ToolUse) ? ToolUse : Default;
        if (!Sources.ContainsKey(name)) throw Refused("there are several chat templates and none is the default", Names(), "name one of them in chat_template");
        return _parsed.GetOrAdd(name, n => ChatTemplate.Parse(Sources[n], _limits));
    }

    private string Names() => Sources.Count == 0 ? "no names: there are no templates" : string.Join(", ", Sources.Keys);

    private static InvalidInputException Refused(string found, string? supported, string next) =>
        new("choosing a chat template", new Problem("chat_template", found, supported, next));

    /// <summary>Renders a conversation with the template that fits; the special tokens are added to the request's variables.</summary>
    /// <param name="request">The conversation.</param>
    /// <param name="name">The template's name, or null.</param>
    /// <param name="cancellation">Stops the rendering.</param>
    /// <exception cref="InvalidInputException">As for <see cref="Choose"/> and <see cref="ChatTemplate.Render(ChatRequest, CancellationToken)"/>.</exception>
    public RenderedChat Render(ChatRequest request, string? name = null, CancellationToken cancellation = default)
    {
        var variables = new Dictionary<string, object?>(SpecialTokens, StringComparer.Ordinal);
        foreach (var (key, value) in request.Variables) variables[key] = value;
        return Choose(name, request.Tools is not null).Render(request with { Variables = variables }, cancellation);
    }
}

/// <summary>Where a checkpoint keeps its templates and special tokens. Reference: transformers, tokenization_utils_base.py, from_pretrained.</summary>
internal static class TemplateFolder
{
    internal static ChatTemplateSet Read(string folder, TemplateLimits? limits)
    {
        InputFolder.Require(folder, $"reading the chat templates of {folder}", "a checkpoint's folder, or a template's file");
        var config = Json(folder, "tokenizer_config.json");
        var sources = Files(folder);
        if (sources.Count == 0) sources = Named(Json(folder, "chat_template.json"));
        if (sources.Count == 0) sources = Named(config);
        if (sources.Count == 0) sources = Named(Json(folder, "processor_config.json"));
        return new ChatTemplateSet(sources, SpecialTokens(config, Json(folder, "special_tokens_map.json")), limits);
    }

    private static ConfigReader? Json(string folder, string name)
    {
        var path = Path.Combine(folder, name);
        return File.Exists(path) ? ConfigReader.Parse(File.ReadAllBytes(path), name) : null;
    }

    private static Dictionary<string, string> Files(string folder)
    {
        var sources = new Dictionary<string, string>(StringComparer.Ordinal);
        var main = Path.Combine(folder, "chat_template.jinja");
        if (File.Exists(main)) sources["default"] = File.ReadAllText(main);
        var more = Path.Combine(folder, "additional_chat_templates");
        if (Directory.Exists(more))
            foreach (var file in Directory.EnumerateFiles(more, "*.jinja").Order(StringComparer.Ordinal)) sources[Path.GetFileNameWithoutExtension(file)] = File.ReadAllText(file);
        return sources;
    }

    private static Dictionary<string, string> Named(ConfigReader? config)
    {
        var sources = new Dictionary<string, string>(StringComparer.Ordinal);
        switch (config?.Raw("chat_template"))
        {
            case null:
                break;
            case { ValueKind: JsonValueKind.String } text:
                sources["default"] = text.GetString()!;
                break;
            case { ValueKind: JsonValueKind.Array } list when list.EnumerateArray().All(IsNamed):
                foreach (var one in list.EnumerateArray()) sources[one.GetProperty("name").GetString()!] = one.GetProperty("template").GetString()!;
                break;
            case { ValueKind: JsonValueKind.Object } map when map.EnumerateObject().All(p => p.Value.ValueKind == JsonValueKind.String):
                foreach (var one in map.EnumerateObject()) sources[one.Name] = one.Value.GetString()!;
                break;
            case { } other:
                config!.Problem("chat_template", $"a JSON {other.ValueKind}", "a text, or a list of objects with name and template");
                config.ThrowIfInvalid();
                break;
        }
        return sources;
    }

    private static bool IsNamed(JsonElement one) => one.ValueKind == JsonValueKind.Object && one.TryGetProperty("name", out var name) && name.ValueKind == JsonValueKind.String
        && one.TryGetProperty("template", out var template) && template.ValueKind == JsonValueKind.String;

    /// <summary>All keys that end in "_token", as texts; the list of additional ones; extra_special_tokens by their names. The map counts only for
    /// checkpoints older than added_tokens_decoder.</summary>
    private static Dictionary<string, object?> SpecialTokens(ConfigReader? config, ConfigReader? map)
    {
        var tokens = new Dictionary<string, object?>(StringComparer.Ordinal);
        if (config is not null) Add(config.Element);
        if (map is not null && config?.Has("added_tokens_decoder") != true) Add(map.Element);
        return tokens;

        void Add(JsonElement element)
        {
            foreach (var property in element.EnumerateObject())
            {
                if (property.Name.EndsWith("_token", StringComparison.Ordinal) && TokenText(property.Value) is { } text) tokens[property.Name] = text;
                else if (property.Name == "additional_special_tokens" && property.Value.ValueKind == JsonValueKind.Array)
                    tokens[property.Name] = property.Value.EnumerateArray().Select(TokenText).OfType<string>().ToArray();
                else if (property.Name == "extra_special_tokens" && property.Value.ValueKind == JsonValueKind.Object)
                    foreach (var extra in property.Value.EnumerateObject())
                        if (TokenText(extra.Value) is { } named) tokens[extra.Name] = named;
            }
        }
    }

    private static string? TokenText(JsonElement token) => token.ValueKind switch
    {
        JsonValueKind.String => token.GetString(),
        JsonValueKind.Object when token.TryGetProperty("content", out var content) && content.ValueKind == JsonValueKind.String => content.GetString(),
        _ => null,
    };
}
