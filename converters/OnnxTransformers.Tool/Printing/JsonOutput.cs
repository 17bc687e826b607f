using System.Text.Encodings.Web;
using System.Text.Json;

namespace OnnxTransformers.Tool.Printing;

/// <summary>One line of JSON on standard output.</summary>
internal static class JsonOutput
{
    internal static void WriteLine(Action<Utf8JsonWriter> write)
    {
        using var output = Console.OpenStandardOutput();
        using (var json = new Utf8JsonWriter(output, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            write(json);
        output.Write("\n"u8);
    }
}
