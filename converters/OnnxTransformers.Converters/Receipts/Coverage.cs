using System.Collections.Immutable;

namespace OnnxTransformers.Converters.Receipts;

/// <summary>Which fixtures of the reference each model type is compared with in this library's tests: coverage.txt, a line each, which the tests write and keep complete.</summary>
internal static class Coverage
{
    /// <summary>The fixtures of a model type, as "text/bert-base".</summary>
    internal static ImmutableArray<string> Of(string modelType)
    {
        var fixtures = ImmutableArray.CreateBuilder<string>();
        using var reader = new StreamReader(typeof(Coverage).Assembly.GetManifestResourceStream("coverage.txt")!);
        while (reader.ReadLine() is { } line)
        {
            var space = line.IndexOf(' ', StringComparison.Ordinal);
            if (line.AsSpan(0, space).SequenceEqual(modelType)) fixtures.Add(line[(space + 1)..]);
        }
        return fixtures.ToImmutable();
    }
}
