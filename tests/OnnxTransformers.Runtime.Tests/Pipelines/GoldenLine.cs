using System.Buffers;
using System.Text.Json;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Pipelines;

/// <summary>From a case of golden.json to the line that asks the same, and to what the answer must be.</summary>
internal static class GoldenLine
{
    /// <summary>Inputs and arguments side by side, as the command line takes them.</summary>
    internal static JsonElement Of(GoldenCase c, string? similarity)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            foreach (var input in c.Json.GetProperty("inputs").EnumerateObject()) Write(writer, input.Name, input.Value.GetProperty("value"));
            if (c.Json.TryGetProperty("arguments", out var arguments))
                foreach (var argument in arguments.EnumerateObject())
                {
                    if (argument.Name != "call") Write(writer, argument.Name, argument.Value);
                    else
                        foreach (var inner in argument.Value.EnumerateObject()) Write(writer, inner.Name, inner.Value);
                }
            // Fixtures of text/ record similarities that were not asked for as an argument.
            if (similarity is not null) writer.WriteString("similarity_fn_name", similarity);
            writer.WriteEndObject();
        }
        using var document = JsonDocument.Parse(buffer.WrittenMemory);
        return document.RootElement.Clone();
    }

    /// <summary>What differs between an answer and the case's outputs; null where nothing does.</summary>
    /// <param name="c">The case.</param>
    /// <param name="answer">The answer.</param>
    /// <param name="files">The folder that pictures of the answer were written into.</param>
    internal static string? Difference(GoldenCase c, JsonElement answer, string files)
    {
        foreach (var output in c.Json.GetProperty("outputs").EnumerateObject())
        {
            var got = Part(answer, output.Name);
            var wrong = output.Value.TryGetProperty("value", out var value)
                ? new AnswerAgreement(c, files).Difference(got, value, output.Name)
                : AnswerAgreement.Difference(got, c.Output(output.Name), output.Name);
            if (wrong is not null) return wrong;
        }
        return null;
    }

    /// <summary>Where an output of the fixtures stands in an answer of the command line.</summary>
    private static JsonElement Part(JsonElement answer, string name) => name switch
    {
        "result" when answer.ValueKind == JsonValueKind.Object && answer.TryGetProperty(name, out var result) => result,
        "output" or "result" => answer,
        "sentence_embedding" => answer.GetProperty("embeddings"),
        "corpus_id" or "score" => Column(answer.GetProperty("ranking"), name),
        _ => answer.GetProperty(name),
    };

    private static JsonElement Column(JsonElement rows, string name)
    {
        using var document = JsonDocument.Parse($"[{string.Join(",", rows.EnumerateArray().Select(r => r.GetProperty(name).GetRawText()))}]");
        return document.RootElement.Clone();
    }

    private static void Write(Utf8JsonWriter writer, string name, JsonElement value)
    {
        writer.WritePropertyName(name);
        value.WriteTo(writer);
    }
}
