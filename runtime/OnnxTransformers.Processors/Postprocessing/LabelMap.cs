using System.Collections.Immutable;

namespace OnnxTransformers.Processors;

/// <summary>A whole number for each pixel: a class, or a segment.</summary>
/// <param name="Width">Pixels across.</param>
/// <param name="Height">Pixels down.</param>
/// <param name="Values">[height, width].</param>
public sealed record LabelMap(int Width, int Height, ImmutableArray<int> Values);
