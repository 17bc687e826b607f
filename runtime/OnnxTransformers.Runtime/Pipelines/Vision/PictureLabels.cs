using System.Globalization;
using System.Text.Json;

namespace OnnxTransformers;

/// <summary>What pipelines share that label whole pictures or videos.</summary>
internal static class PictureLabels
{
    internal static ImageClassificationOptions Options(CallArguments call)
    {
        var defaults = new ImageClassificationOptions();
        return new()
        {
            TopK = call.Count("top_k", 1) ?? defaults.TopK,
            Function = call.OneOf<ScoreFunction>("function_to_apply", ("sigmoid", ScoreFunction.Sigmoid), ("softmax", ScoreFunction.Softmax), ("none", ScoreFunction.None)),
        };
    }

    /// <summary>The best labels for these logits.</summary>
    internal static IReadOnlyList<LabelScore> Best(Package package, ReadOnlySpan<float> logits, ImageClassificationOptions options)
    {
        Labels.Match(package, logits.Length);
        var config = package.Config;
        var scores = Scores.Apply(options.Function ?? Function(config), logits);
        return Array.ConvertAll(Scores.Top(scores, options.TopK), l => new LabelScore(config.Labels[l], scores[l]));
    }

    internal static void Write(Utf8JsonWriter output, IReadOnlyList<LabelScore> labels)
    {
        output.WriteStartArray();
        foreach (var label in labels)
        {
            output.WriteStartObject();
            output.WriteString("label", label.Label);
            output.WriteFinite("score", label.Score);
            output.WriteEndObject();
        }
        output.WriteEndArray();
    }

    /// <summary>As they are drawn onto a picture.</summary>
    internal static IEnumerable<string> Lines(IEnumerable<LabelScore> labels) => labels.Select(l => Line(l.Label, l.Score));

    internal static string Line(string label, float score) => string.Create(CultureInfo.InvariantCulture, $"{label} {score:F2}");

    private static ScoreFunction Function(ModelConfig config) =>
        config.ProblemType == "multi_label_classification" || config.Labels.Length == 1 ? ScoreFunction.Sigmoid : ScoreFunction.Softmax;
}
