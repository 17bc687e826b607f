using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;

namespace OnnxTransformers;

/// <summary>The labels of a config.json. Reference: transformers, configuration_utils.py; for timm's own files models/timm_wrapper/configuration_timm_wrapper.py.</summary>
public static class LabelNames
{
    private const int Most = 1 << 20;

    /// <summary>How many labels a head has: as many as id2label names, else num_labels (or _num_labels, as older versions wrote it), else two; in timm's files num_classes.</summary>
    public static int Count(ConfigReader config) => Named(config)?.GetPropertyCount() ?? (IsTimm(config) ? config.IntOrNull("num_classes") : null) ?? Math.Clamp(config.IntOrNull("num_labels") ?? config.IntOrNull("_num_labels") ?? 2, 0, Most);

    /// <summary>Their names by index: those of id2label, else LABEL_0 and so on. What is wrong stays in the reader.</summary>
    public static ImmutableArray<string> Read(ConfigReader config)
    {
        var names = new string[Count(config)];
        if (Named(config) is null && IsTimm(config) && config.Raw("label_names") is { ValueKind: JsonValueKind.Array } timm && timm.GetArrayLength() == names.Length) return [.. timm.EnumerateArray().Select(n => n.ToString())];
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

    // transformers writes num_labels beside them.
    private static bool IsTimm(ConfigReader config) => config.Has("pretrained_cfg") && config.Has("num_classes");

    /// <summary>An empty list names nothing.</summary>
    private static JsonElement? Named(ConfigReader config) => config.Raw("id2label") is { ValueKind: JsonValueKind.Object } labels && labels.GetPropertyCount() > 0 ? labels : null;
}
