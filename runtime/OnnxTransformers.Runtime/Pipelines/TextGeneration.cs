using System.Runtime.CompilerServices;
using System.Text.Json;
using OnnxTransformers.Generation;
using OnnxTransformers.Tokenizers;
using OnnxTransformers.Tokenizers.Templates;

namespace OnnxTransformers;

/// <summary>Continues texts and answers chats. Reference: pipelines/text_generation.py. Thread-safe.</summary>
/// <remarks>Where the call doesn't say otherwise, 256 tokens are drawn with a temperature of 0.7, as in the reference; what else the package says of generation holds.</remarks>
public sealed class TextGeneration : IPipeline
{
    internal const string Name = "text-generation";
    private static readonly GenerationConfig PipelineDefaults = new() { MaxNewTokens = 256, DoSample = true, Temperature = 0.7 };
    private readonly TokenGenerator _generator;
    private readonly Lazy<ChatTemplateSet> _templates;

    /// <summary>Wraps a generator of tokens.</summary>
    /// <param name="generator">The generator; it is disposed with this.</param>
    /// <param name="tokenizer">What turns texts into its tokens.</param>
    /// <param name="templates">Chat templates; null for none.</param>
    public TextGeneration(TokenGenerator generator, Tokenizer tokenizer, ChatTemplateSet? templates = null) : this(generator, tokenizer, () => templates ?? new ChatTemplateSet(new Dictionary<string, string>()), "") { }

    private TextGeneration(TokenGenerator generator, Tokenizer tokenizer, Func<ChatTemplateSet> templates, string prefix)
    {
        (_generator, Tokenizer, Prefix) = (generator, tokenizer, prefix);
        _templates = new(templates);
    }

    /// <inheritdoc/>
    public string Task => Name;

    /// <summary>What turns texts into tokens and back.</summary>
    public Tokenizer Tokenizer { get; }

    /// <summary>The generator of tokens behind it, with what holds where a call says nothing.</summary>
    public TokenGenerator Generator => _generator;

    /// <summary>The chat templates of the package.</summary>
    public ChatTemplateSet Templates => _templates.Value;

    /// <summary>What the package puts before each text.</summary>
    internal string Prefix { get; }

    /// <summary>Opens a package of a decoder.</summary>
    /// <exception cref="UnsupportedCheckpointException">It is no decoder that reads tokens, or its configuration asks for what is not supported.</exception>
    /// <exception cref="CorruptCheckpointException">A file is missing or damaged.</exception>
    /// <exception cref="ProviderUnavailableException">A provider can't be loaded.</exception>
    public static TextGeneration Load(string package, PipelineOptions? options = null)
    {
        var opened = Package.Open(package);
        // Graph and tokenizer take about as long.
        var opening = System.Threading.Tasks.Task.Run(() => CausalModel.Open(opened, options));
        try
        {
            var tokenizer = Tokenizer.Load(package);
            var defaults = DefaultsOf(opened, tokenizer);
            var prefix = PrefixOf(opened);
            return new TextGeneration(new TokenGenerator(opening.GetAwaiter().GetResult(), defaults, () => tokenizer, new Assistants(package, options)), tokenizer, () => ChatTemplateSet.Load(package), prefix);
        }
        catch
        {
            opening.ContinueWith(static t => t.Result.Dispose(), CancellationToken.None, TaskContinuationOptions.OnlyOnRanToCompletion, TaskScheduler.Default);
            throw;
        }
    }

    /// <summary>Continues a text.</summary>
    /// <param name="prompt">The text.</param>
    /// <param name="config">How; null for the defaults.</param>
    /// <param name="cancellation">Stops between two operators.</param>
    /// <exception cref="InvalidInputException">The text or the configuration can't be worked with.</exception>
    public GeneratedText Run(string prompt, GenerationConfig? config = null, CancellationToken cancellation = default) => Run([prompt], config, cancellation)[0];

    /// <summary>Continues texts together; each as if it were alone.</summary>
    /// <param name="prompts">The texts.</param>
    /// <param name="config">How; null for the defaults.</param>
    /// <param name="cancellation">Stops between two operators.</param>
    /// <returns>So many for each text as the configuration says.</returns>
    /// <exception cref="InvalidInputException">A text or the configuration can't be worked with.</exception>
    public IReadOnlyList<GeneratedText> Run(IReadOnlyList<string> prompts, GenerationConfig? config = null, CancellationToken cancellation = default)
    {
        int[][] rows = [.. prompts.Select(p => Encode(Prefix + p, addSpecialTokens: true))];
        var results = Continue(rows, Side.Left, config ?? GenerationConfig.Default, cancellation);
        var each = results.Count / Math.Max(1, prompts.Count);
        return [.. results.Select((r, i) => r with { Text = prompts[i / each] + r.Added })];
    }

    /// <summary>Answers a chat.</summary>
    /// <param name="messages">The messages so far; one that ends with the assistant's is continued.</param>
    /// <param name="config">How; null for the defaults.</param>
    /// <param name="cancellation">Stops between two operators.</param>
    /// <returns>The answer; its text is that alone.</returns>
    /// <exception cref="InvalidInputException">The chat or the configuration can't be worked with, or the package has no chat template.</exception>
    public GeneratedText Run(IReadOnlyList<ChatMessage> messages, GenerationConfig? config = null, CancellationToken cancellation = default)
    {
        var result = Continue([Encode(RequestOf(messages))], Side.Left, config ?? GenerationConfig.Default, cancellation)[0];
        return result with { Text = result.Added };
    }

    /// <summary>Continues a text and tells each piece as soon as it is certain.</summary>
    /// <param name="prompt">The text.</param>
    /// <param name="config">How; null for the defaults.</param>
    /// <param name="cancellation">Stops between two operators.</param>
    /// <exception cref="InvalidInputException">The text or the configuration can't be worked with; beams can't be streamed.</exception>
    public IAsyncEnumerable<TextPiece> StreamAsync(string prompt, GenerationConfig? config = null, CancellationToken cancellation = default) =>
        StreamAsync(Encode(Prefix + prompt, addSpecialTokens: true), config, null, null, cancellation);

    /// <summary>Answers a chat and tells each piece as soon as it is certain.</summary>
    /// <param name="messages">The messages so far; one that ends with the assistant's is continued.</param>
    /// <param name="config">How; null for the defaults.</param>
    /// <param name="cancellation">Stops between two operators.</param>
    /// <exception cref="InvalidInputException">The chat or the configuration can't be worked with, or the package has no chat template.</exception>
    public IAsyncEnumerable<TextPiece> StreamAsync(IReadOnlyList<ChatMessage> messages, GenerationConfig? config = null, CancellationToken cancellation = default) =>
        StreamAsync(RequestOf(messages), config, null, cancellation);

    /// <summary>Answers a chat with everything that a template takes, and tells each piece as soon as it is certain.</summary>
    /// <param name="request">The chat.</param>
    /// <param name="config">How; null for the defaults.</param>
    /// <param name="cache">What earlier calls have read, so that the same beginning is not read again; see <see cref="TokenGenerator.CreateCache"/>.</param>
    /// <param name="cancellation">Stops between two operators.</param>
    /// <exception cref="InvalidInputException">The chat or the configuration can't be worked with, or the package has no chat template.</exception>
    public IAsyncEnumerable<TextPiece> StreamAsync(ChatRequest request, GenerationConfig? config, PromptCache? cache, CancellationToken cancellation = default) =>
        StreamAsync(Encode(request), config, cache, null, cancellation);

    /// <summary>Continues tokens and tells each piece of text as soon as it is certain; never half a character.</summary>
    /// <param name="prompt">The tokens.</param>
    /// <param name="config">How; null for the defaults.</param>
    /// <param name="cache">What earlier calls have read, or null.</param>
    /// <param name="shown">Special tokens that appear in the text all the same, as those that begin calls of tools; null for none.</param>
    /// <param name="cancellation">Stops between two operators.</param>
    /// <exception cref="InvalidInputException">The tokens or the configuration can't be worked with.</exception>
    public IAsyncEnumerable<TextPiece> StreamAsync(IReadOnlyList<int> prompt, GenerationConfig? config, PromptCache? cache, IReadOnlySet<int>? shown, CancellationToken cancellation = default) =>
        StreamAsync(prompt, config ?? GenerationConfig.Default, cache, shown, skipSpecialTokens: true, cancellation);

    internal async IAsyncEnumerable<TextPiece> StreamAsync(IReadOnlyList<int> prompt, GenerationConfig config, PromptCache? cache, IReadOnlySet<int>? shown, bool skipSpecialTokens, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var decoder = Tokenizer.CreateDecodeStream(skipSpecialTokens);
        // Decoders treat the first token of a text differently, so the end of the prompt goes before.
        foreach (var id in prompt.Skip(Math.Max(0, prompt.Count - 8))) decoder.Step(id);
        var count = 0;
        var begun = Begun(prompt, config);
        await foreach (var step in _generator.StreamAsync(new GenerationRequest { InputIds = [begun], AttentionMask = [Ones(begun.Count)], Config = config, Cache = cache }, cancellation).ConfigureAwait(false))
            if (step.Sequence == 0) yield return new((shown?.Contains(step.Token) == true ? Tokenizer.IdToToken(step.Token) : decoder.Step(step.Token)) ?? (step.Ended is null ? "" : decoder.Finish()), ++count, step.Ended);
    }

    /// <summary>The tokens of a text.</summary>
    internal int[] Encode(string text, bool addSpecialTokens, Truncation? truncation = null) =>
        [.. Tokenizer.Encode(text, null, new EncodeOptions { AddSpecialTokens = addSpecialTokens, Truncation = truncation }).Ids];

    /// <summary>The tokens of a rendered chat.</summary>
    public int[] Encode(ChatRequest request) => Encode(Templates.Render(request).Text, addSpecialTokens: false);

    /// <inheritdoc/>
    public void Answer(JsonElement line, Utf8JsonWriter output, CancellationToken cancellation = default) => new TextGenerationLine(this, line).Answer(output, cancellation);

    /// <summary>Answers one line as <see cref="Answer"/> does, piece by piece: a text with its continuation, or the answer to a chat.</summary>
    /// <param name="line">A text, or an object with one text or chat and the keyword arguments of the reference's pipeline beside it.</param>
    /// <param name="cancellation">Stops between two operators.</param>
    /// <exception cref="InvalidInputException">The line can't be answered, or not by pieces: several inputs, several sequences, ids instead of text.</exception>
    public IAsyncEnumerable<TextPiece> StreamAsync(JsonElement line, CancellationToken cancellation = default) => new TextGenerationLine(this, line).StreamAsync(cancellation);

    /// <summary>Lets go of the graph: a step that has begun ends as usual, and the next one throws <see cref="ObjectDisposedException"/>.</summary>
    public void Dispose() => _generator.Dispose();

    /// <summary>A chat that ends with the assistant's message is continued; otherwise the assistant begins one.</summary>
    public static ChatRequest RequestOf(IReadOnlyList<ChatMessage> messages)
    {
        var continues = messages.Count > 0 && messages[^1].Fields.Any(f => f.Key == "role" && f.Value?.ToString() == "assistant");
        return new() { Messages = messages, AddGenerationPrompt = !continues, ContinueFinalMessage = continues };
    }

    /// <summary>Continues prompts of tokens, filled to one length at a side.</summary>
    internal IReadOnlyList<GeneratedText> Continue(int[][] rows, Side padding, GenerationConfig config, CancellationToken cancellation, bool skipSpecialTokens = true, bool cleanUp = true)
    {
        if (rows.Length == 0) return [];
        rows = [.. rows.Select(r => (int[])[.. Begun(r, config)])];
        var width = rows.Max(r => r.Length);
        // What the mask hides may be any token, but a token it must be.
        var fill = new[] { Tokenizer.Special.Pad?.Id, config.Over(_generator.Defaults).PadTokenId }.FirstOrDefault(p => p >= 0 && p < _generator.Model.Vocabulary) ?? 0;
        int[][] Filled(Func<int[], IEnumerable<int>> content, int with) => [.. rows.Select(r =>
        {
            var filling = Enumerable.Repeat(with, width - r.Length);
            return (int[])(padding == Side.Left ? [.. filling, .. content(r)] : [.. content(r), .. filling]);
        })];
        var result = _generator.Generate(new GenerationRequest { InputIds = Filled(r => r, fill), AttentionMask = Filled(r => Ones(r.Length), 0), Config = config }, cancellation);
        var each = result.Sequences.Count / rows.Length;
        return [.. result.Sequences.Select((s, i) => TextOf(s, rows[i / each], result, i, skipSpecialTokens, cleanUp))];
    }

    private GeneratedText TextOf(int[] sequence, int[] prompt, GenerationResult result, int at, bool skipSpecialTokens, bool cleanUp)
    {
        var width = result.PromptLength + result.NewTokens[at];
        int[] tokens = [.. prompt, .. sequence[result.PromptLength..width]];
        var text = Tokenizer.Decode(tokens, skipSpecialTokens, cleanUp);
        var before = CodePoints.Count(Tokenizer.Decode(prompt, skipSpecialTokens, cleanUp));
        // As in the reference the prompt is cut off by the length of its text.
        var points = new CodePoints(text);
        var start = 0;
        while (start < text.Length && points.At(start) < before) start++;
        return new(text, text[start..], tokens, prompt.Length, result.Reasons[at]);
    }

    /// <summary>An empty prompt begins with the first special token, as in the reference.</summary>
    private IReadOnlyList<int> Begun(IReadOnlyList<int> prompt, GenerationConfig config) => prompt.Count == 0 && config.Over(_generator.Defaults).BosTokenId is { } first ? [first] : prompt;

    private static int[] Ones(int count) => [.. Enumerable.Repeat(1, count)];

    private static GenerationConfig DefaultsOf(Package package, Tokenizer tokenizer)
    {
        var defaults = PipelineDefaults.AsArgumentOver(TokenGenerator.DefaultsOf(package), fileVersion: null);
        // A length that the package says beats the pipeline's own.
        if (defaults.MaxNewTokens == PipelineDefaults.MaxNewTokens && defaults.MaxLength is { } length && length != 20) defaults = defaults with { MaxNewTokens = null };
        if (TaskSettings(package) is { } settings) defaults = GenerationConfig.FromFile(ConfigReader.Of(settings, "config.json")).Over(defaults);
        return defaults.PadTokenId is null && tokenizer.Special.Pad is { } pad ? defaults with { PadTokenId = pad.Id } : defaults;
    }

    private static string PrefixOf(Package package)
    {
        if (TaskSettings(package) is { } settings && settings.TryGetProperty("prefix", out var own) && own.ValueKind == JsonValueKind.String) return own.GetString()!;
        return package.Config.Json?.Raw("prefix") is { ValueKind: JsonValueKind.String } prefix ? prefix.GetString()! : "";
    }

    private static JsonElement? TaskSettings(Package package) =>
        package.Config.Json?.Raw("task_specific_params") is { ValueKind: JsonValueKind.Object } all && all.TryGetProperty(Name, out var own) && own.ValueKind == JsonValueKind.Object ? own : null;
}
