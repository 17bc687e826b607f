using System.Text;
using System.Text.Json;

namespace OnnxTransformers.Tool.Lines;

/// <summary>Continues texts and chats on a terminal, piece by piece. A line is JSON as for <see cref="LineLoop"/>, or just a text.</summary>
internal static class TextLoop
{
    /// <summary>Whether a person watches.</summary>
    internal static bool IsWatched(string? output) => output is null && !Console.IsOutputRedirected;

    /// <summary>Answers all lines.</summary>
    /// <param name="pipeline">What continues them.</param>
    /// <param name="input">A file, or null or "-" for standard input.</param>
    /// <param name="output">Takes the texts.</param>
    /// <param name="error">Takes what went wrong with a line.</param>
    /// <param name="cancellation">Ends the loop.</param>
    /// <returns>The exit code.</returns>
    internal static async Task<int> RunAsync(TextGeneration pipeline, Stream input, TextWriter output, TextWriter error, CancellationToken cancellation)
    {
        var reader = new LineReader(input);
        var code = ExitCodes.Done;
        while (await reader.ReadAsync(cancellation).ConfigureAwait(false) is { } line)
        {
            if (line.Span.Trim(" \t\r"u8).IsEmpty) continue;
            try
            {
                await foreach (var piece in pipeline.StreamAsync(Parse(line), cancellation).ConfigureAwait(false))
                {
                    await output.WriteAsync(piece.Text).ConfigureAwait(false);
                    await output.FlushAsync(cancellation).ConfigureAwait(false);
                }
                await output.WriteLineAsync().ConfigureAwait(false);
            }
            catch (OnnxTransformersException e) when (e is not ProviderUnavailableException)
            {
                await error.WriteLineAsync(e.Message).ConfigureAwait(false);
                code = ExitCodes.SomeLinesFailed;
            }
        }
        return code;
    }

    private static JsonElement Parse(ReadOnlyMemory<byte> line)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            if (document.RootElement.ValueKind is JsonValueKind.String or JsonValueKind.Object) return document.RootElement.Clone();
        }
        catch (JsonException)
        {
            // A person's text need not be JSON.
        }
        // Terminals may have other encodings: bytes that are no UTF-8 are read as unknown characters.
        using var text = JsonDocument.Parse($"\"{JsonEncodedText.Encode(Encoding.UTF8.GetString(line.Span))}\"");
        return text.RootElement.Clone();
    }
}
