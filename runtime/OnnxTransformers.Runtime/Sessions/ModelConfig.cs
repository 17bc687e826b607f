using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;

namespace OnnxTransformers;

/// <summary>What pipelines read of config.json. It is written by the model's authors and read by many programs, so other keys are nobody's business here.</summary>
/// <param name="ModelType">The <c>model_type</c>; empty where there is none.</param>
/// <param name="Architectures">The class names of the reference that it was saved from.</param>
/// <param name="Labels">Names of labels, by index.</param>
/// <param name="ProblemType">regression, single_label_classification, multi_label_classification, or null.</param>
/// <param name="Json">The whole file; null where there is none.</param>
public sealed record ModelConfig(string ModelType, ImmutableArray<string> Architectures, ImmutableArray<string> Labels, string? ProblemType, ConfigReader? Json)
{
    /// <summary>Index of a label, or -1.</summary>
    public int IndexOf(Func<string, bool> label)
    {
        for (var i = 0; i < Labels.Length; i++)
            if (label(Labels[i])) return i;
        return -1;
    }

    internal static ModelConfig Read(ConfigReader? json)
    {
        if (json is null) return new("", [], ["LABEL_0", "LABEL_1"], null, null);
        var config = new ModelConfig(json.String("model_type", ""), json.Strings("architectures", []), ReadLabels(json), json.String("problem_type"), json);
        json.ThrowIfInvalid();
        return config;
    }

    /// <summary>id2label, or as many numbered labels as num_labels says: two where it says nothing, as in the reference.</summary>
    private static ImmutableArray<string> ReadLabels(ConfigReader json)
    {
        if (json.Raw("id2label") is not { ValueKind: JsonValueKind.Object } labels || !labels.EnumerateObject().Any())
            return [.. Enumerable.Range(0, Math.Clamp(json.Int("num_labels", 2), 0, 1 << 20)).Select(i => $"LABEL_{i}")];
        var names = new string[labels.EnumerateObject().Count()];
        foreach (var label in labels.EnumerateObject())
        {
            if (!int.TryParse(label.Name, NumberStyles.None, CultureInfo.InvariantCulture, out var id) || label.Value.ValueKind != JsonValueKind.String)
                json.Problem("id2label", $"\"{label.Name}\": {label.Value}", "whole numbers with a text each");
            else if (id >= names.Length || names[id] is not null) json.Problem("id2label", $"{names.Length} labels, and \"{label.Name}\"", "numbers from 0 without a gap");
            else names[id] = label.Value.GetString()!;
        }
        return [.. names];
    }
}
