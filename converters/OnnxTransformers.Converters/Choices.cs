using System.Collections.Immutable;
using OnnxTransformers.Graphs;

namespace OnnxTransformers.Converters;

/// <summary>The words that stand for options on a command line, in file names and in receipts.</summary>
public static class Choices
{
    /// <summary>The precisions that export makes, each with its word and the suffix of its files.</summary>
    public static ImmutableArray<PrecisionName> Precisions { get; } = [.. OnnxTransformers.Precisions.All.Where(p => BuildOptions.Precisions.Contains(p.Precision)).OrderBy(p => p.Precision)];

    /// <summary>Targets.</summary>
    public static ImmutableArray<(string Word, Target Value)> Targets { get; } =
        [("portable", Target.Portable), ("cpu", Target.Cpu), ("cuda", Target.Cuda), ("tensorrt", Target.TensorRt)];

    /// <summary>Placements of weights.</summary>
    public static ImmutableArray<(string Word, WeightPlacement Value)> Weights { get; } = [("copy", WeightPlacement.Copy), ("link", WeightPlacement.Link)];

    /// <summary>Levels of verification.</summary>
    public static ImmutableArray<(string Word, VerificationLevel Value)> Levels { get; } =
        [("run", VerificationLevel.Run), ("load", VerificationLevel.Load), ("none", VerificationLevel.None)];

    internal static string Word(this Target value) => Targets.First(c => c.Value == value).Word;

    internal static string Word(this WeightPlacement value) => Weights.First(c => c.Value == value).Word;

    internal static string Word(this VerificationLevel value) => Levels.First(c => c.Value == value).Word;
}
