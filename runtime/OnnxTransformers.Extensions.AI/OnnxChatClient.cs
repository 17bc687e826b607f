using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;
using OnnxTransformers.Generation;
using ChatMessage = Microsoft.Extensions.AI.ChatMessage;

namespace OnnxTransformers;

/// <summary>A package's chat as <see cref="IChatClient"/>: streaming, tools, options and usage. Thread-safe: calls run side by side.</summary>
/// <remarks>What one call has read is kept, so that the next message of the same conversation need not read it again; one conversation at a time gains from it.</remarks>
public sealed class OnnxChatClient : IChatClient
{
    private readonly TextGeneration _pipeline;
    private readonly bool _owns;
    private readonly ChatClientMetadata _metadata;
    private PromptCache? _kept;
    private bool _disposed;

    /// <summary>Wraps a pipeline.</summary>
    /// <param name="pipeline">The pipeline.</param>
    /// <param name="model">What the model is called in answers; null for nothing.</param>
    /// <param name="leaveOpen">Whether the pipeline stays open when this is disposed.</param>
    public OnnxChatClient(TextGeneration pipeline, string? model = null, bool leaveOpen = false)
    {
        (_pipeline, _owns) = (pipeline, !leaveOpen);
        _metadata = new ChatClientMetadata("onnx-transformers", providerUri: null, model);
    }

    /// <summary>Opens a package of a decoder with a chat template.</summary>
    /// <param name="package">The folder.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <exception cref="UnsupportedCheckpointException">It is no decoder that reads tokens, or its configuration asks for what is not supported.</exception>
    /// <exception cref="CorruptCheckpointException">A file is missing or damaged.</exception>
    /// <exception cref="ProviderUnavailableException">A provider can't be loaded.</exception>
    public static OnnxChatClient Load(string package, PipelineOptions? options = null) =>
        new(TextGeneration.Load(package, options), Path.GetFileName(Path.TrimEndingDirectorySeparator(package)));

    /// <inheritdoc/>
    /// <exception cref="InvalidInputException">A message, tool or option can't be worked with.</exception>
    public Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
        GetStreamingResponseAsync(messages, options, cancellationToken).ToChatResponseAsync(cancellationToken);

    /// <inheritdoc/>
    /// <exception cref="InvalidInputException">A message, tool or option can't be worked with.</exception>
    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (options?.ModelId is { } wanted && _metadata.DefaultModelId is { } model && wanted != model) throw new InvalidInputException("reading chat options", new Problem("ModelId", wanted, model));
        var (config, variables) = ChatOptionsMapping.Read(options);
        var tools = options?.ToolMode is NoneChatToolMode ? [] : ToolMapping.Read(options?.Tools);
        var template = _pipeline.Templates.Choose(null, hasTools: tools.Count > 0);
        ChatOptionsMapping.Check(variables, template);
        var format = tools.Count == 0 ? null : ToolCallFormat.Of(template, _pipeline.Templates);
        var prompt = _pipeline.Encode(TextGeneration.RequestOf(MessageMapping.Read(messages, options?.Instructions)) with { Tools = tools.Count == 0 ? null : tools, Variables = variables });
        var (id, created) = (Guid.NewGuid().ToString("N"), DateTimeOffset.UtcNow);
        ChatResponseUpdate Update(params AIContent[] contents) => new(ChatRole.Assistant, contents) { ResponseId = id, MessageId = id, CreatedAt = created, ModelId = _metadata.DefaultModelId };

        var reader = new AnswerReader(format, config.StopStrings ?? [], options?.AllowMultipleToolCalls != false);
        var (count, calls, ended) = (0, 0, (StopReason?)null);
        using var cache = new Lease(this, config);
        await foreach (var piece in _pipeline.StreamAsync(prompt, config, cache.Cache, format?.Shown(_pipeline.Tokenizer), cancellationToken).ConfigureAwait(false))
        {
            (count, ended) = (piece.Tokens, piece.Ended);
            foreach (var content in reader.Read(piece.Text, last: ended is not null))
            {
                if (content is FunctionCallContent) calls++;
                yield return Update(content);
            }
            if (reader.IsComplete) break;
        }
        var last = Update(new UsageContent(new UsageDetails { InputTokenCount = prompt.Length, OutputTokenCount = count, TotalTokenCount = prompt.Length + count }));
        last.FinishReason = calls > 0 ? ChatFinishReason.ToolCalls : ended is StopReason.Length or StopReason.Time ? ChatFinishReason.Length : ChatFinishReason.Stop;
        yield return last;
    }

    /// <inheritdoc/>
    public object? GetService(Type serviceType, object? serviceKey = null) => serviceKey is not null ? null
        : serviceType == typeof(ChatClientMetadata) ? _metadata
        : serviceType.IsInstanceOfType(this) ? this
        : serviceType.IsInstanceOfType(_pipeline) ? _pipeline
        : null;

    /// <summary>Lets go of the graph: a step that has begun ends as usual, and the next one throws <see cref="ObjectDisposedException"/>.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        Interlocked.Exchange(ref _kept, null)?.Dispose();
        if (_owns) _pipeline.Dispose();
    }

    /// <summary>The kept cache for one call, if no other has it.</summary>
    private sealed class Lease : IDisposable
    {
        private readonly OnnxChatClient _client;

        internal Lease(OnnxChatClient client, GenerationConfig config)
        {
            _client = client;
            // Searches that follow several sequences or guess have caches of their own, and some graphs none.
            var (all, generator) = (config.Over(client._pipeline.Generator.Defaults), client._pipeline.Generator);
            if (!generator.Model.Remembers || all.NumBeams is > 1 || all.NumReturnSequences is > 1 || all.PromptLookupNumTokens is not null || all.AssistantModel is not null || all.PenaltyAlpha is > 0) return;
            Cache = Interlocked.Exchange(ref client._kept, null) ?? generator.CreateCache();
        }

        internal PromptCache? Cache { get; }

        public void Dispose()
        {
            if (Cache is null) return;
            if (Interlocked.CompareExchange(ref _client._kept, Cache, null) is not null) Cache.Dispose();
            // Looked at afterwards: a client that is disposed from here on frees what is kept itself.
            else if (_client._disposed) Interlocked.Exchange(ref _client._kept, null)?.Dispose();
        }
    }
}
