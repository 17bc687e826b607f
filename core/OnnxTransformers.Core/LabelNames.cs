using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;

namespace OnnxTransformers;

/// <summary>The labels of a config.json. Reference: transformers, configuration_utils.py.</summary>
public static class LabelNames
{
    private const int Most = 1 << 20;

    /// <summary>How many labels a head has: as many as id2label names, else num_labels (or _num_labels, as older versions wrote it), else two.</summary>
    public static int Count(ConfigReader config) => Named(config)?.GetPropertyCount() ?? Math.Clamp(config.IntOrNull("num_labels") ?? config.IntOrNull("_num_labels") ?? 2, 0, Most);

    /// <summary>Their names by index: those of id2label, else LABEL_0 and so on. What is wrong stays in the reader.</summary>
    public static ImmutableArray<string> Read(ConfigReader config)
    {
        var names = new string[Count(config)];
        if (Named(config) is not { } labels) return [.. Enumerable.Range(0, names.Length).Select(i => $"LABEL_{i}")];
        foreach (var label in labels.EnumerateObject())
        {
            if (!int.TryParse(label.Name, NumberStyles.None, CultureInfo.InvariantCulture, out var id) || label.Value.ValueKind != JsonValueKind.String)
                config.Problem("id2label", $"\"{label.Name}\": {label.Value}", "whole numbers with a text each");
            else if (id >= names.Length || names[id] is not null) config.Problem("id2label", $"{names.Length} labels, and \"{label.Name}\"", "numbers from 0 without a gap");
            else names[id] = label.Value.GetString()!;
        }
        return [.. names];
    }

    /// <summary>An empty list names nothing.</summary>
    private static JsonElement? Named(ConfigReader config) => config.Raw("id2label") is { ValueKind: JsonValueKind.Object } labels && labels.GetPropertyCount() > 0 ? labels : null;
}
