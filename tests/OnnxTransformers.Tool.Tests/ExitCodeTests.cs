using NUnit.Framework;

namespace OnnxTransformers.Tool;

internal sealed class ExitCodeTests
{
    private static readonly Problem Any = new("here", "something");

    private static IEnumerable<TestCaseData> Errors() =>
    [
        new(new InvalidInputException("a", Any), 2, "invalid_input"),
        new(new UnsupportedCheckpointException("a", Any), 3, "unsupported"),
        new(new CorruptCheckpointException("a", Any), 4, "corrupt"),
        new(new VerificationFailedException("a", [Any]), 5, "verification_failed"),
        new(new ProviderUnavailableException("a", "CUDA", [Any]), 6, "provider_unavailable"),
        new(new TaskCanceledException(), 130, "cancelled"),
        new(new FileNotFoundException("gone"), 4, "io"),
        new(new UnauthorizedAccessException("not yours"), 4, "io"),
        new(new InvalidOperationException("a bug"), 70, "internal"),
    ];

    [TestCaseSource(nameof(Errors))]
    public async Task An_error_has_its_code_and_its_words(Exception e, int code, string word)
    {
        using var error = new StringWriter();
        Assert.Multiple(async () =>
        {
            Assert.That(ExitCodes.Of(e), Is.EqualTo(code));
            Assert.That(ExitCodes.Word(e), Is.EqualTo(word));
            Assert.That(await ExitCodes.ReportAsync(e, error), Is.EqualTo(code));
        });
        Assert.That(error.ToString().Trim(), code is 70 ? Does.StartWith("A fault of onnx-transformers itself") : code is 130 ? Is.EqualTo("cancelled") : Is.EqualTo(e.Message));
    }
}
