using System.Text.Json;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Generation;

/// <summary>Reading the fixtures of generation.</summary>
internal static class GenerationFixtures
{
    /// <summary>The cases of a fixture of some kinds; none where the fixtures are not here.</summary>
    internal static IEnumerable<GoldenCase> Cases(string fixture, params string[] kinds) =>
        Fixtures.TryFind($"generation/{fixture}") is { } folder ? Golden.Load(folder).Cases.Where(c => kinds.Contains(c.Kind)) : [];

    internal static JsonElement Arguments(this GoldenCase golden) => golden.Json.GetProperty("arguments");

    /// <summary>A value that stands in golden.json instead of the tensors.</summary>
    internal static JsonElement Value(this GoldenCase golden, string side, string name) => golden.Json.GetProperty(side).GetProperty(name).GetProperty("value");

    internal static int[][] Ids(this GoldenCase golden, string name) => Rows(golden.Input(name));

    internal static int[][] Rows(GoldenTensor tensor)
    {
        var all = tensor.Longs().Select(i => (int)i).ToArray();
        var width = (int)tensor.Shape[^1];
        return [.. Enumerable.Range(0, tensor.Shape.Count == 1 ? 1 : (int)tensor.Shape[0]).Select(r => all[(r * width)..((r + 1) * width)])];
    }

    internal static ConfigReader? Reader(JsonElement json, string name) => json.ValueKind == JsonValueKind.Object ? ConfigReader.Of(json, name) : null;

    /// <summary>Null where numbers agree to 1e-5 of the larger of 1 and their size, else where they don't.</summary>
    internal static string? Difference(ReadOnlySpan<float> got, GoldenTensor want)
    {
        if (got.Length != want.Count) return $"{got.Length} numbers, expected {want.Count}";
        for (var i = 0; i < got.Length; i++)
        {
            var expected = want[i];
            if (got[i] == expected || Math.Abs(got[i] - expected) <= 1e-5 * Math.Max(1, Math.Abs(expected))) continue;
            return $"{got[i]} at {i}, expected {expected}";
        }
        return null;
    }
}
