namespace OnnxTransformers;

/// <summary>A label and how well it fits.</summary>
/// <param name="Label">Its name in config.json.</param>
/// <param name="Score">A probability, or the graph's raw value where no function was applied.</param>
public readonly record struct LabelScore(string Label, float Score);

/// <summary>A text, or two that belong together.</summary>
/// <param name="Text">The first text.</param>
/// <param name="Pair">The second, or null.</param>
public readonly record struct TextInput(string Text, string? Pair = null)
{
    /// <summary>A text alone.</summary>
    public static implicit operator TextInput(string text) => new(text);
}
