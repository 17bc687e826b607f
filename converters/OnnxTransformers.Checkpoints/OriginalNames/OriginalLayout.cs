using System.Collections.Immutable;

namespace OnnxTransformers.Checkpoints;

/// <summary>The names that a program gave to the tensors of a network, before transformers had the network: who publishes weights so still pairs them with transformers' config.json.</summary>
/// <param name="Program">Whose names they are.</param>
/// <param name="ModelTypes">The model types of config.json that they are read for.</param>
/// <param name="Marker">A tensor that files with these names have, and files of transformers don't.</param>
/// <param name="Rules">What the names become; the first that fits counts. Tensors that none fits keep their names; where those would not be the network's,
/// a last rule puts what is left of it there, so that what the reference has no place for is refused and not left out.</param>
internal sealed record OriginalLayout(string Program, ImmutableArray<string> ModelTypes, string Marker, ImmutableArray<NameRule> Rules)
{
    /// <summary>The layout of a file, or null where it has transformers' names or unknown ones.</summary>
    internal static OriginalLayout? Of(string? modelType, IReadOnlyDictionary<string, TensorInfo> tensors) =>
        modelType is null ? null : OriginalLayouts.All.FirstOrDefault(layout => layout.ModelTypes.Contains(modelType) && tensors.ContainsKey(layout.Marker));
}
