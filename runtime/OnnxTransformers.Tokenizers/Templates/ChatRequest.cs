namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>What a chat template is applied to: the arguments of the reference's apply_chat_template.</summary>
public sealed record ChatRequest
{
    /// <summary>The conversation.</summary>
    public required IReadOnlyList<ChatMessage> Messages { get; init; }

    /// <summary>Tools that the model may call; null is none.</summary>
    public IReadOnlyList<ChatTool>? Tools { get; init; }

    /// <summary>Documents to answer from, as objects with title and text; null is none.</summary>
    public IReadOnlyList<IReadOnlyDictionary<string, object?>>? Documents { get; init; }

    /// <summary>Ends with what starts the assistant's answer.</summary>
    public bool AddGenerationPrompt { get; init; }

    /// <summary>Ends inside the last message, so that the model continues it.</summary>
    public bool ContinueFinalMessage { get; init; }

    /// <summary>Asks for the places of the assistant's text; the template must have generation blocks.</summary>
    public bool MarkAssistant { get; init; }

    /// <summary>Variables of the template, special tokens among them; values as in <see cref="ChatMessage"/>.</summary>
    public IReadOnlyDictionary<string, object?> Variables { get; init; } = new Dictionary<string, object?>();

    /// <summary>The time that strftime_now tells; null is the clock.</summary>
    public DateTime? Now { get; init; }
}
