using System.Buffers;
using System.Text.Json;

namespace OnnxTransformers.Pipelines;

/// <summary>Asks a pipeline as the command line does.</summary>
internal static class Asking
{
    /// <summary>The answer to a line, as JSON text with floats cut to four digits after the point.</summary>
    internal static string Ask(this IPipeline pipeline, string line) => Shorten(pipeline.Answer(line));

    internal static JsonElement Answer(this IPipeline pipeline, string line)
    {
        using var asked = JsonDocument.Parse(line);
        return pipeline.Answer(asked.RootElement);
    }

    internal static JsonElement Answer(this IPipeline pipeline, JsonElement line)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer)) pipeline.Answer(line, writer);
        using var answer = JsonDocument.Parse(buffer.WrittenMemory);
        return answer.RootElement.Clone();
    }

    private static string Shorten(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => $"{{{string.Join(",", value.EnumerateObject().Select(p => $"\"{p.Name}\":{Shorten(p.Value)}"))}}}",
        JsonValueKind.Array => $"[{string.Join(",", value.EnumerateArray().Select(Shorten))}]",
        JsonValueKind.Number => Math.Round(value.GetDouble(), 4).ToString(System.Globalization.CultureInfo.InvariantCulture),
        JsonValueKind.String => $"\"{value.GetString()}\"",
        _ => value.GetRawText(),
    };
}
