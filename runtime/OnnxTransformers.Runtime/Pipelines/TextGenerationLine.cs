using System.Runtime.CompilerServices;
using System.Text.Json;
using OnnxTransformers.Generation;
using OnnxTransformers.Tokenizers;
using OnnxTransformers.Tokenizers.Templates;

namespace OnnxTransformers;

/// <summary>One line of text-generation: texts or chats, the pipeline's arguments, and the fields of GenerationConfig beside them.</summary>
internal sealed class TextGenerationLine
{
    /// <summary>Arguments of the pipeline itself; everything else is a field of GenerationConfig.</summary>
    private static readonly string[] Own =
    [
        "inputs", "text_inputs", "messages", "pipeline", "batch_size", "num_workers", "return_full_text", "return_tensors", "return_text", "clean_up_tokenization_spaces", "prefix", "handle_long_generation",
        "stop_sequence", "truncation", "padding", "add_special_tokens", "continue_final_message", "skip_special_tokens", "tokenizer_encode_kwargs", "tools", "documents",
    ];

    private readonly TextGeneration _pipeline;
    private readonly CallArguments _call;
    private readonly GenerationConfig _config;
    private readonly CallArguments? _encoding;
    private readonly int? _batch;
    private readonly string? _prefix;
    private readonly bool _skipSpecial;
    private readonly bool _cleanUp;

    internal TextGenerationLine(TextGeneration pipeline, JsonElement line)
    {
        _pipeline = pipeline;
        _call = new CallArguments(TextGeneration.Name, line);
        _batch = _call.Count("batch_size", 1);
        _prefix = _call.Text("prefix");
        _skipSpecial = _call.Bool("skip_special_tokens") ?? true;
        _cleanUp = _call.Bool("clean_up_tokenization_spaces") ?? true;
        _encoding = _call.Raw("tokenizer_encode_kwargs") is { } own ? new CallArguments($"{TextGeneration.Name}, tokenizer_encode_kwargs", own) : null;
        _config = ConfigOf(line);
    }

    internal void Answer(Utf8JsonWriter output, CancellationToken cancellation)
    {
        var inputs = _call.Inputs("inputs", "text_inputs", "messages");
        var several = inputs.ValueKind == JsonValueKind.Array && !IsChat(inputs);
        JsonElement[] all = several ? [.. inputs.EnumerateArray()] : [inputs];
        var continues = all.Select(i => IsChat(i) && Continues(i)).ToArray();
        int[][] rows = [.. all.Select((input, i) => Encode(input, continues[i]))];
        var results = Generate(rows, cancellation);
        if (several) output.WriteStartArray();
        for (var i = 0; i < all.Length; i++)
        {
            output.WriteStartArray();
            foreach (var result in results[i]) Write(output, all[i], continues[i], result);
            output.WriteEndArray();
        }
        if (several) output.WriteEndArray();
    }

    /// <summary>The same as one text, piece by piece.</summary>
    internal async IAsyncEnumerable<TextPiece> StreamAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        var input = _call.Inputs("inputs", "text_inputs", "messages");
        var isChat = IsChat(input);
        if (input.ValueKind == JsonValueKind.Array && !isChat) throw _call.Error("inputs", $"{input.GetArrayLength()} inputs, which can't be answered piece by piece", "one text or chat");
        if (_call.Bool("return_tensors") == true) throw _call.Error("return_tensors", "true, and ids are no text", "false where pieces are shown");
        var prompt = Encode(input, isChat && Continues(input));
        if (!isChat && _call.Bool("return_full_text") != false) yield return new(input.GetString()!, 0, null);
        await foreach (var piece in _pipeline.StreamAsync(prompt, _config, null, null, _skipSpecial, cancellation).ConfigureAwait(false)) yield return piece;
    }

    /// <summary>Without a batch size each prompt is continued alone; with one, as many together, filled at the tokenizer's side as the reference does.</summary>
    private IReadOnlyList<GeneratedText>[] Generate(int[][] rows, CancellationToken cancellation)
    {
        var results = new List<IReadOnlyList<GeneratedText>>();
        foreach (var batch in rows.Chunk(_batch ?? 1))
        {
            var texts = _pipeline.Continue(batch, _pipeline.Tokenizer.PaddingSide, _config, cancellation, _skipSpecial, _cleanUp);
            results.AddRange(texts.Chunk(texts.Count / batch.Length));
        }
        return [.. results];
    }

    private GenerationConfig ConfigOf(JsonElement line)
    {
        var fields = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        if (line.ValueKind == JsonValueKind.Object)
        {
            if (line.TryGetProperty("pipeline", out var made) && made.ValueKind == JsonValueKind.Object) Add(made);
            Add(line);
        }
        var buffer = new System.Buffers.ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            foreach (var (name, value) in fields)
            {
                writer.WritePropertyName(name);
                value.WriteTo(writer);
            }
            writer.WriteEndObject();
        }
        using var document = JsonDocument.Parse(buffer.WrittenMemory);
        var config = GenerationConfig.FromArguments(document.RootElement);
        if (_call.Text("stop_sequence") is { } stop) config = config with { EosTokenId = [.. _pipeline.Encode(stop, addSpecialTokens: false)] };
        return WithPrefix(config);

        void Add(JsonElement from)
        {
            foreach (var field in from.EnumerateObject())
                if (!Own.Contains(field.Name)) fields[field.Name] = field.Value;
        }
    }

    /// <summary>A prefix does not count for lengths that include the prompt.</summary>
    private GenerationConfig WithPrefix(GenerationConfig config)
    {
        var prefix = _prefix ?? _pipeline.Prefix;
        if (prefix.Length == 0) return config;
        var length = _pipeline.Encode(prefix, _call.Bool("add_special_tokens") ?? false).Length;
        var all = config.Over(_pipeline.Generator.Defaults);
        if (all.MaxNewTokens is null) config = config with { MaxLength = (all.MaxLength ?? 20) + length };
        return all.MinNewTokens is null && config.Says("min_length") && config.MinLength is { } least ? config with { MinLength = least + length } : config;
    }

    private int[] Encode(JsonElement input, bool continues)
    {
        var truncation = Truncation();
        var special = _encoding?.Bool("add_special_tokens") ?? _call.Bool("add_special_tokens") ?? true;
        var ids = IsChat(input) ? _pipeline.Encode(Render(input, continues), addSpecialTokens: false, truncation)
            : input.ValueKind == JsonValueKind.String ? _pipeline.Encode((_prefix ?? _pipeline.Prefix) + input.GetString(), special, truncation)
            : throw _call.Wrong("inputs", input, "a text, a list of messages with role and content, or a list of these");
        return _call.OneOf<bool>("handle_long_generation", ("hole", true)) == true ? LeaveRoom(ids) : ids;
    }

    private string Render(JsonElement chat, bool continues)
    {
        ChatMessage[] messages = [.. chat.EnumerateArray().Select(ChatMessage.FromJson)];
        return _pipeline.Templates.Render(new ChatRequest
        {
            Messages = messages,
            AddGenerationPrompt = !continues,
            ContinueFinalMessage = continues,
            Tools = _call.Raw("tools") is { ValueKind: JsonValueKind.Array } tools ? [.. tools.EnumerateArray().Select(ChatTool.FromJson)] : null,
            Documents = _call.Raw("documents") is { ValueKind: JsonValueKind.Array } documents
                ? [.. documents.EnumerateArray().Select(d => (IReadOnlyDictionary<string, object?>)d.EnumerateObject().ToDictionary(f => f.Name, f => (object?)f.Value))] : null,
            Variables = _call.Raw("tokenizer_encode_kwargs") is { } variables ? variables.EnumerateObject().ToDictionary(v => v.Name, v => (object?)v.Value, StringComparer.Ordinal) : new Dictionary<string, object?>(),
        }).Text;
    }

    /// <summary>A length without a word on truncation cuts, as in the reference.</summary>
    private Truncation? Truncation()
    {
        var from = _encoding ?? _call;
        var cuts = from.Raw("truncation") is { } said ? said.ValueKind is not (JsonValueKind.False or JsonValueKind.Null) && !(said.ValueKind == JsonValueKind.String && said.ValueEquals("do_not_truncate")) : (bool?)null;
        var most = _encoding?.Count("max_length", 1) ?? (_config.Says("max_length") ? _config.MaxLength : null);
        if (cuts == false || (cuts is null && most is null)) return null;
        return (most ?? _pipeline.Tokenizer.ModelMaxLength) is var limit and < int.MaxValue ? new Truncation(limit) : null;
    }

    /// <summary>Keeps the end of a prompt, so that the new tokens have room.</summary>
    private int[] LeaveRoom(int[] ids)
    {
        var most = _pipeline.Tokenizer.ModelMaxLength;
        var more = _config.Says("max_new_tokens") && _config.MaxNewTokens is { } said ? said : (_config.Over(_pipeline.Generator.Defaults).MaxLength ?? 20) - ids.Length;
        if (more < 0) throw _call.Error("handle_long_generation", "hole, and no length for the answer follows from the arguments", "max_new_tokens beside it");
        if (ids.Length + more <= most) return ids;
        return most > more ? ids[^(most - more)..] : throw _call.Error("handle_long_generation", $"hole, and {more} new tokens leave no room in {most}", "fewer max_new_tokens");
    }

    private bool Continues(JsonElement chat) =>
        _call.Bool("continue_final_message") ?? (chat.GetArrayLength() > 0 && chat[chat.GetArrayLength() - 1].TryGetProperty("role", out var role) && role.ValueEquals("assistant"));

    private static bool IsChat(JsonElement input) =>
        input.ValueKind == JsonValueKind.Array && input.GetArrayLength() > 0 && input.EnumerateArray().All(m => m.ValueKind == JsonValueKind.Object && m.TryGetProperty("role", out _) && m.TryGetProperty("content", out _));

    private void Write(Utf8JsonWriter output, JsonElement input, bool continues, GeneratedText result)
    {
        output.WriteStartObject();
        if (_call.Bool("return_tensors") == true)
        {
            output.WriteStartArray("generated_token_ids");
            foreach (var id in result.Tokens) output.WriteNumberValue(id);
            output.WriteEndArray();
        }
        else
        {
            output.WritePropertyName("generated_text");
            if (_call.Bool("return_full_text") == false) output.WriteStringValue(result.Added);
            else if (IsChat(input)) WriteChat(output, input, continues, result.Added);
            else output.WriteStringValue(input.GetString() + result.Added);
        }
        output.WriteEndObject();
    }

    private static void WriteChat(Utf8JsonWriter output, JsonElement chat, bool continues, string added)
    {
        output.WriteStartArray();
        var count = chat.GetArrayLength();
        for (var i = 0; i < count - (continues ? 1 : 0); i++) chat[i].WriteTo(output);
        output.WriteStartObject();
        output.WriteString("role", continues ? chat[count - 1].GetProperty("role").GetString() : "assistant");
        output.WriteString("content", continues ? chat[count - 1].GetProperty("content").GetString() + added : added);
        output.WriteEndObject();
        output.WriteEndArray();
    }
}
