using System.Text.Json;
using NUnit.Framework;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>What Jinja2 itself made of some 1800 templates: every operator, filter, test, method and statement, and random combinations. jinja.json is written by record.py.</summary>
[TestFixture]
internal sealed class RecordedJinjaTests
{
    private static readonly string Folder = Path.Combine(Testing.Fixtures.Root, "tests", "OnnxTransformers.Tokenizers.Tests", "Templates");

    /// <summary>Errors whose words are Jinja's own, and so ours; those of Python (TypeError, ValueError, ...) only have to be errors.</summary>
    private static readonly string[] SameWords = ["TemplateError", "UndefinedError", "SecurityError", "TemplateSyntaxError", "TemplateAssertionError", "TemplateRuntimeError"];

    [Test]
    public void AllTemplatesGiveWhatJinjaGives()
    {
        using var variables = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder, "jinja.vars.json")));
        using var recorded = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder, "jinja.json")));
        var values = variables.RootElement.EnumerateObject().ToDictionary(p => p.Name, p => (object?)p.Value);
        var wrong = new List<string>();
        var count = 0;
        foreach (var one in recorded.RootElement.GetProperty("cases").EnumerateArray())
        {
            var template = one[0].GetString()!;
            var (text, error) = Render(template, values);
            var expected = one[1].GetString();
            count++;
            if (expected is not null ? text != expected : error is null)
                wrong.Add($"{template}\n  expected: {expected ?? one[2].GetString()}\n  found:    {text ?? error}");
            else if (expected is null && one[2].GetString() is { } words && SameWords.Contains(words[..words.IndexOf(':')]) && !error!.Contains(words[(words.IndexOf(':') + 2)..], StringComparison.Ordinal))
                wrong.Add($"{template}\n  expected: {words}\n  found:    {error}");
        }
        Assert.Multiple(() =>
        {
            Assert.That(count, Is.GreaterThan(1500));
            Assert.That(wrong, Is.Empty, string.Join("\n", wrong.Take(20)));
        });
    }

    private static (string? Text, string? Error) Render(string template, Dictionary<string, object?> values)
    {
        try
        {
            return (ChatTemplate.Parse(template).Render(values, new DateTime(2025, 3, 9, 16, 5, 7)), null);
        }
        catch (InvalidInputException e)
        {
            return (null, e.Message);
        }
    }
}
