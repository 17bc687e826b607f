using System.Collections.Immutable;

namespace OnnxTransformers.Graphs.Models;

/// <summary>What to name to somebody whose model type is not supported.</summary>
internal static class NearestType
{
    private const int MostShown = 8;

    /// <summary>Of the types that do the same task, where that is known: the one of the most similar name, else the first. Null where nothing is near.</summary>
    internal static string? Of(string modelType, ImmutableArray<string> architectures)
    {
        var task = architectures.Select(a => ModelTask.OfClass(a)).FirstOrDefault(t => t is not null);
        var candidates = ModelCatalog.Families.Where(f => task is null || f.Tasks.Contains(task.Graph)).Select(f => f.ModelType).ToList();
        return candidates.Where(t => IsNear(t, modelType)).MinBy(t => EditDistance.Of(t, modelType)) ?? (task is null ? null : candidates.FirstOrDefault());
    }

    private static bool IsNear(string a, string b) =>
        a.StartsWith(b, StringComparison.Ordinal) || b.StartsWith(a, StringComparison.Ordinal) || EditDistance.Of(a, b) <= Math.Max(2, b.Length / 3);

    /// <summary>Some of the types, those of similar names first, and how many more there are.</summary>
    internal static string Shown(string? modelType)
    {
        var types = ModelCatalog.Families.Select(f => f.ModelType).Distinct().OrderBy(t => modelType is null ? 0 : EditDistance.Of(t, modelType)).ToList();
        return $"{string.Join(", ", types.Take(MostShown))} and {types.Count - MostShown} others (docs/families)";
    }
}
