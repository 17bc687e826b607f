using System.Collections.Frozen;
using System.Collections.Immutable;

namespace OnnxTransformers.Converters.Receipts;

/// <summary>Which fixtures of the reference each model type is compared with in this library's tests: coverage.txt, a line each, which the tests write and keep complete.</summary>
internal static class Coverage
{
    private static readonly FrozenDictionary<string, ImmutableArray<string>> Table = Read().GroupBy(l => l.Type, l => l.Fixture).ToFrozenDictionary(g => g.Key, g => g.ToImmutableArray());

    /// <summary>The fixtures of a model type, as "text/bert-base".</summary>
    internal static ImmutableArray<string> Of(string modelType) => Table.GetValueOrDefault(modelType, []);

    private static IEnumerable<(string Type, string Fixture)> Read()
    {
        using var reader = new StreamReader(typeof(Coverage).Assembly.GetManifestResourceStream("coverage.txt")!);
        while (reader.ReadLine() is { } line)
        {
            var space = line.IndexOf(' ', StringComparison.Ordinal);
            yield return (line[..space], line[(space + 1)..]);
        }
    }
}
