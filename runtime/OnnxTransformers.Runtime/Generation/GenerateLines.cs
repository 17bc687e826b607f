using System.Text.Json;

namespace OnnxTransformers.Generation;

/// <summary>The command <c>generate</c>, one line at a time: input_ids and arguments in, sequences out.</summary>
public sealed class GenerateLines : IDisposable
{
    private const string Doing = "reading a line for generate";
    private static readonly string[] Known = ["input_ids", "attention_mask", "negative_prompt_ids", "negative_prompt_attention_mask", "arguments"];
    private readonly TokenGenerator _generator;

    private GenerateLines(TokenGenerator generator) => _generator = generator;

    /// <summary>Opens a package.</summary>
    /// <exception cref="UnsupportedCheckpointException">The package is no decoder that reads tokens.</exception>
    /// <exception cref="CorruptCheckpointException">A file is missing or damaged.</exception>
    /// <exception cref="ProviderUnavailableException">A provider can't be loaded.</exception>
    public static GenerateLines Load(string folder, RuntimeOptions? options = null) => new(TokenGenerator.Load(folder, options));

    /// <summary>Answers one line.</summary>
    /// <param name="line">An object with <c>input_ids</c>, and where wanted <c>attention_mask</c>, <c>negative_prompt_ids</c>, <c>negative_prompt_attention_mask</c> and <c>arguments</c>, the fields of GenerationConfig.</param>
    /// <param name="output">Gets <c>{"sequences"}</c>, with beams also <c>"sequences_scores"</c>.</param>
    /// <param name="cancellation">Stops between two operators.</param>
    /// <exception cref="InvalidInputException">The line can't be answered; the reason is told.</exception>
    public void Answer(JsonElement line, Utf8JsonWriter output, CancellationToken cancellation = default)
    {
        if (line.ValueKind != JsonValueKind.Object) throw new InvalidInputException(Doing, new Problem("line", $"a JSON {line.ValueKind}", "an object with input_ids"));
        var others = line.EnumerateObject().Where(p => !Known.Contains(p.Name)).ToList();
        if (others.Count > 0) throw new InvalidInputException(Doing, others.Select(o => new Problem(o.Name, "no input of this model", string.Join(", ", Known))));
        var result = _generator.Generate(new GenerationRequest
        {
            InputIds = Matrix(line, "input_ids") ?? throw new InvalidInputException(Doing, new Problem("input_ids", "not given", "a list of prompts, each a list of ids")),
            AttentionMask = Matrix(line, "attention_mask"),
            NegativePromptIds = Matrix(line, "negative_prompt_ids"),
            NegativePromptAttentionMask = Matrix(line, "negative_prompt_attention_mask"),
            Config = line.TryGetProperty("arguments", out var arguments) ? GenerationConfig.FromArguments(arguments) : GenerationConfig.Default,
        }, cancellation);
        Write(result, output);
    }

    /// <summary>Lets go of the graphs.</summary>
    public void Dispose() => _generator.Dispose();

    private static void Write(GenerationResult result, Utf8JsonWriter output)
    {
        output.WriteStartObject();
        output.WriteStartArray("sequences");
        foreach (var sequence in result.Sequences)
        {
            output.WriteStartArray();
            foreach (var id in sequence) output.WriteNumberValue(id);
            output.WriteEndArray();
        }
        output.WriteEndArray();
        if (result.SequencesScores is { } scores)
        {
            output.WritePropertyName("sequences_scores");
            output.WriteVector([.. scores]);
        }
        output.WriteEndObject();
    }

    private static int[][]? Matrix(JsonElement line, string name)
    {
        if (!line.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null) return null;
        if (value.ValueKind != JsonValueKind.Array || value.EnumerateArray().Any(r => r.ValueKind != JsonValueKind.Array || r.EnumerateArray().Any(i => i.ValueKind != JsonValueKind.Number || !i.TryGetInt32(out _))))
            throw new InvalidInputException(Doing, new Problem(name, "another kind of value", "a list of lists of whole numbers"));
        return [.. value.EnumerateArray().Select(r => r.EnumerateArray().Select(i => i.GetInt32()).ToArray())];
    }
}
