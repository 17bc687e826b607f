using System.Collections.Immutable;

namespace OnnxTransformers.Tool;

/// <summary>What the process ends with, and the word for it in a line's error.</summary>
internal static class ExitCodes
{
    internal const int Done = 0;
    internal const int SomeLinesFailed = 1;
    internal const int WrongUsage = 2;
    internal const int Internal = 70;

    /// <summary>The first row whose type fits counts.</summary>
    private static readonly ImmutableArray<(Type Exception, int Code, string Word)> Table =
    [
        (typeof(InvalidInputException), WrongUsage, "invalid_input"),
        (typeof(UnsupportedCheckpointException), 3, "unsupported"),
        (typeof(CorruptCheckpointException), 4, "corrupt"),
        (typeof(VerificationFailedException), 5, "verification_failed"),
        (typeof(ProviderUnavailableException), 6, "provider_unavailable"),
        (typeof(OperationCanceledException), 130, "cancelled"),
        (typeof(IOException), 4, "io"),
        (typeof(UnauthorizedAccessException), 4, "io"),
        (typeof(Exception), Internal, "internal"),
    ];

    /// <summary>The exit code of an error.</summary>
    internal static int Of(Exception e) => Row(e).Code;

    /// <summary>The word for an error.</summary>
    internal static string Word(Exception e) => Row(e).Word;

    /// <summary>Tells a person what went wrong, without a stack trace unless it is a fault of the program itself.</summary>
    internal static async Task<int> ReportAsync(Exception e, TextWriter error)
    {
        var (_, code, word) = Row(e);
        await error.WriteLineAsync(code == Internal ? $"A fault of onnx-transformers itself; please report it with what follows.\n{e}" : word == "cancelled" ? "cancelled" : e.Message).ConfigureAwait(false);
        return code;
    }

    private static (Type Exception, int Code, string Word) Row(Exception e) => Table.First(r => r.Exception.IsInstanceOfType(e));
}
