using System.Collections.Immutable;

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
        var config = new ModelConfig(json.String("model_type", ""), json.Strings("architectures", []), LabelNames.Read(json), json.String("problem_type"), json);
        json.ThrowIfInvalid();
        return config;
    }
}
