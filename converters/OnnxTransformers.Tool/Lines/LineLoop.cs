using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using OnnxTransformers.Tool.Printing;

namespace OnnxTransformers.Tool.Lines;

/// <summary>Answers a line of JSON.</summary>
internal delegate void LineAnswerer(JsonElement line, Utf8JsonWriter answer, CancellationToken cancellation);

/// <summary>Reads JSON lines and writes one JSON line for each, in order. A line that can't be answered gives an error in its place, and the others are answered all the same.</summary>
internal static class LineLoop
{
    private const int MaxDepth = 256;
    private static readonly JsonWriterOptions Writing = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, MaxDepth = 1000 };

    /// <summary>Answers all lines.</summary>
    /// <param name="input">A file, or null or "-" for standard input.</param>
    /// <param name="output">A file, or null or "-" for standard output.</param>
    /// <param name="answer">Answers one.</param>
    /// <param name="cancellation">Ends the loop.</param>
    /// <returns>The exit code.</returns>
    internal static async Task<int> RunAsync(string? input, string? output, LineAnswerer answer, CancellationToken cancellation)
    {
        var fromFile = input is not (null or "-");
        using var reading = fromFile ? OpenInput(input!) : Console.OpenStandardInput();
        if (output is null or "-")
        {
            using var writing = Console.OpenStandardOutput();
            return await RunAsync(reading, writing, answer, flushEarly: !fromFile, cancellation).ConfigureAwait(false);
        }
        using var file = AtomicFile.Create(output);
        var code = await RunAsync(reading, file.Stream, answer, flushEarly: false, cancellation).ConfigureAwait(false);
        file.Commit();
        return code;
    }

    /// <summary>Answers all lines of a stream.</summary>
    internal static async Task<int> RunAsync(Stream input, Stream output, LineAnswerer answer, bool flushEarly, CancellationToken cancellation)
    {
        var reader = new LineReader(input);
        var buffer = new ArrayBufferWriter<byte>(1 << 12);
        using var writer = new Utf8JsonWriter(buffer, Writing);
        using var buffered = new BufferedStream(output, 1 << 16);
        var code = ExitCodes.Done;
        while (await reader.ReadAsync(cancellation).ConfigureAwait(false) is { } line)
        {
            if (IsBlank(line.Span)) continue;
            if (!Answer(line, answer, buffer, writer, cancellation)) code = ExitCodes.SomeLinesFailed;
            buffer.Write("\n"u8);
            buffered.Write(buffer.WrittenSpan);
            if (flushEarly && !reader.HasBufferedLine) await buffered.FlushAsync(cancellation).ConfigureAwait(false);
        }
        return code;
    }

    private static bool Answer(ReadOnlyMemory<byte> line, LineAnswerer answer, ArrayBufferWriter<byte> buffer, Utf8JsonWriter writer, CancellationToken cancellation)
    {
        Restart(buffer, writer);
        try
        {
            using var document = JsonDocument.Parse(line, new JsonDocumentOptions { MaxDepth = MaxDepth });
            answer(document.RootElement, writer, cancellation);
            writer.Flush();
            return true;
        }
        catch (Exception e) when (e is not (OperationCanceledException or ProviderUnavailableException or OutOfMemoryException))
        {
            Restart(buffer, writer);
            ErrorJson.Write(writer, e, problems: false);
            writer.Flush();
            return false;
        }
    }

    private static void Restart(ArrayBufferWriter<byte> buffer, Utf8JsonWriter writer)
    {
        buffer.ResetWrittenCount();
        writer.Reset(buffer);
    }

    private static bool IsBlank(ReadOnlySpan<byte> line) => line.Trim(" \t\r"u8).IsEmpty;

    /// <summary>Opens a file of lines.</summary>
    internal static FileStream OpenInput(string path)
    {
        if (!File.Exists(path)) throw new InvalidInputException("reading lines", new Problem(path, "no such file", "a file of JSON lines, or - for standard input"));
        return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
    }
}
