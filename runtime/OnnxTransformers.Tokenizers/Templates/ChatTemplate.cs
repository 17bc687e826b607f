using System.Text.RegularExpressions;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>A chat template, parsed: it turns a conversation into the text that a model was trained on. Templates are Jinja with the reference's
/// environment (ImmutableSandboxedEnvironment, trim_blocks, lstrip_blocks,
/// break and continue, generation blocks, its own tojson, raise_exception, strftime_now). They can reach nothing but what they are given, and are
/// bounded in time, memory and depth. Safe for use from many threads.
/// Reference: transformers, utils/chat_template_utils.py; Jinja 3.1.</summary>
public sealed partial class ChatTemplate
{
    private const string ContinueTag = "CONTINUE_FINAL_MESSAGE_TAG ";
    private const int LongestMessage = 4000;

    private readonly CompiledTemplate _compiled;
    private readonly TemplateLimits _limits;

    private ChatTemplate(string source, TemplateLimits limits)
    {
        (Source, _limits) = (source, limits);
        try
        {
            _compiled = Compiler.Compile(source);
        }
        catch (TemplateFault fault)
        {
            throw Refused("parsing the chat template", fault);
        }
    }

    /// <summary>The template's text.</summary>
    public string Source { get; }

    /// <summary>True where the template tells, with generation blocks, which text is the assistant's.</summary>
    public bool HasGenerationBlocks => GenerationTag().IsMatch(Source);

    [GeneratedRegex(@"\{%[-+]?\s*generation\s*[-+]?%\}")]
    private static partial Regex GenerationTag();

    /// <summary>Parses a template.</summary>
    /// <param name="source">Its text.</param>
    /// <param name="limits">What a rendering may use.</param>
    /// <exception cref="InvalidInputException">It is no valid template; the message has Jinja's words and the line.</exception>
    public static ChatTemplate Parse(string source, TemplateLimits? limits = null) => new(source, limits ?? TemplateLimits.Default);

    /// <summary>Renders the template with variables and nothing else.</summary>
    /// <param name="variables">Values as in <see cref="ChatMessage"/>.</param>
    /// <param name="now">The time that strftime_now tells; null is the clock.</param>
    /// <param name="cancellation">Stops the rendering.</param>
    /// <exception cref="InvalidInputException">The template failed, by its own raise_exception or otherwise, or passed a limit.</exception>
    public string Render(IReadOnlyDictionary<string, object?> variables, DateTime? now = null, CancellationToken cancellation = default) => Run(variables, now, cancellation).Text;

    /// <summary>Renders a conversation.</summary>
    /// <param name="request">The conversation and what belongs to it.</param>
    /// <param name="cancellation">Stops the rendering.</param>
    /// <exception cref="InvalidInputException">The request contradicts itself, the template failed, by its own raise_exception or otherwise, or
    /// passed a limit.</exception>
    public RenderedChat Render(ChatRequest request, CancellationToken cancellation = default)
    {
        Check(request);
        var variables = new Dictionary<string, object?>(request.Variables, StringComparer.Ordinal)
        {
            ["messages"] = request.Messages,
            ["tools"] = request.Tools?.Select(t => t.Schema).ToArray(),
            ["documents"] = request.Documents,
            ["add_generation_prompt"] = request.AddGenerationPrompt,
        };
        if (!request.ContinueFinalMessage)
        {
            var (text, spans) = Run(variables, request.Now, cancellation);
            return new RenderedChat(text, spans);
        }
        var (messages, final) = FinalMessage.Mark(request.Messages, ContinueTag);
        variables["messages"] = messages;
        return new RenderedChat(FinalMessage.Cut(Run(variables, request.Now, cancellation).Text, final, ContinueTag), []);
    }

    private void Check(ChatRequest request)
    {
        if (request is { ContinueFinalMessage: true, AddGenerationPrompt: true })
            throw Contradiction("add_generation_prompt", "continue_final_message is set as well", "continue_final_message to continue the last message, or add_generation_prompt to start a new one");
        if (request is { ContinueFinalMessage: true, MarkAssistant: true })
            throw Contradiction("continue_final_message", "the assistant's text is to be marked as well", "one of both: a message that is cut has no end to mark");
        if (request.MarkAssistant && !HasGenerationBlocks)
            throw Contradiction("chat_template", "it has no {% generation %} block, so nothing tells which text is the assistant's", "a template that has them");
    }

    private static InvalidInputException Contradiction(string where, string found, string supported) =>
        new("rendering the chat template", new Problem(where, found, supported));

    private (string Text, IReadOnlyList<CharacterSpan> Spans) Run(IReadOnlyDictionary<string, object?> variables, DateTime? now, CancellationToken cancellation)
    {
        var rendering = new Rendering(_limits, now, cancellation);
        try
        {
            var values = new Dictionary<string, Value>(StringComparer.Ordinal);
            foreach (var (name, value) in variables) values[name] = Inputs.From(value, rendering, name);
            return (_compiled.Render(values, rendering), rendering.Generated);
        }
        catch (TemplateFault fault)
        {
            throw Refused("rendering the chat template", fault);
        }
    }

    private static InvalidInputException Refused(string doing, TemplateFault fault)
    {
        var message = fault.Message.Length > LongestMessage ? fault.Message[..LongestMessage] + "..." : fault.Message;
        var where = fault.Line > 0 ? $"line {fault.Line}" : "the template";
        return fault.Kind switch
        {
            // What the template itself says, in its own words.
            "TemplateError" => new InvalidInputException(doing, new Problem(where, message), fault),
            "LimitExceeded" => new InvalidInputException(doing, new Problem(where, message, Next: "if the template is to be trusted, give it larger TemplateLimits"), fault),
            _ => new InvalidInputException(doing, new Problem(where, $"{fault.Kind}: {message}"), fault),
        };
    }
}
