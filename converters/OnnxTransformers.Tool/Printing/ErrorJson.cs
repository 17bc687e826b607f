using System.Text.Json;

namespace OnnxTransformers.Tool.Printing;

/// <summary>An error as a JSON object: in a line's place, or as the last line of a command that was asked for JSON.</summary>
internal static class ErrorJson
{
    /// <param name="writer">Where it goes.</param>
    /// <param name="e">What went wrong.</param>
    /// <param name="problems">Whether each problem is told on its own as well.</param>
    internal static void Write(Utf8JsonWriter writer, Exception e, bool problems)
    {
        writer.WriteStartObject();
        writer.WriteStartObject("error");
        writer.WriteString("code", e is JsonException ? "invalid_json" : ExitCodes.Word(e));
        writer.WriteString("message", e is JsonException ? $"not a line of JSON: {e.Message}" : e is OnnxTransformersException ? e.Message : $"{e.GetType().Name}: {e.Message}");
        if (e is VerificationFailedException { FirstDivergingModule: { } module }) writer.WriteString("first_diverging_module", module);
        if (problems && e is OnnxTransformersException known) WriteProblems(writer, known);
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private static void WriteProblems(Utf8JsonWriter writer, OnnxTransformersException e)
    {
        writer.WriteStartArray("problems");
        foreach (var (where, found, supported, next) in e.Problems)
        {
            writer.WriteStartObject();
            writer.WriteString("where", where);
            writer.WriteString("found", found);
            if (supported is not null) writer.WriteString("supported", supported);
            if (next is not null) writer.WriteString("next", next);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
    }
}
