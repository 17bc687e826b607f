using System.Collections.Immutable;

namespace OnnxTransformers.Processors;

/// <summary>What a processor is called with.</summary>
/// <param name="Groups">Pictures that belong together, a list for each prompt or video; processors that don't group take them one after the other.</param>
public sealed record ImageInputs(IReadOnlyList<IReadOnlyList<Image>> Groups)
{
    /// <summary>Pictures in one plain list.</summary>
    public ImageInputs(IReadOnlyList<Image> images) : this([images]) => IsNested = false;

    /// <summary>False where the pictures came as one plain list: some processors then take each as a prompt of its own.</summary>
    public bool IsNested { get; private init; } = true;

    /// <summary>ViTPose: for each picture the boxes to look at, as x, y, width, height.</summary>
    public ImmutableArray<ImmutableArray<ImmutableArray<double>>> Boxes { get; init; } = [];

    /// <summary>ViTMatte: for each picture what is known to be foreground (255) and background (0), in gray.</summary>
    public IReadOnlyList<Image> Trimaps { get; init; } = [];

    /// <summary>All pictures.</summary>
    internal IReadOnlyList<Image> Flat => Groups.Count == 1 ? Groups[0] : [.. Groups.SelectMany(g => g)];
}
