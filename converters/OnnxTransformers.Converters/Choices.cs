using System.Collections.Immutable;
using OnnxTransformers.Graphs;

namespace OnnxTransformers.Converters;

/// <summary>The words that stand for options on a command line, in file names and in receipts.</summary>
public static class Choices
{
    /// <summary>Precisions, each with the suffix of its files.</summary>
    public static ImmutableArray<(string Word, Graphs.Precision Value, string Suffix)> Precisions { get; } =
        [("fp32", Graphs.Precision.Fp32, ""), ("fp16", Graphs.Precision.Fp16, "_fp16"), ("bf16", Graphs.Precision.Bf16, "_bf16"), ("int8", Graphs.Precision.Int8, "_int8"), ("int4", Graphs.Precision.Int4, "_q4")];

    /// <summary>Targets.</summary>
    public static ImmutableArray<(string Word, Target Value)> Targets { get; } =
        [("portable", Target.Portable), ("cpu", Target.Cpu), ("cuda", Target.Cuda), ("tensorrt", Target.TensorRt)];

    /// <summary>Placements of weights.</summary>
    public static ImmutableArray<(string Word, WeightPlacement Value)> Weights { get; } = [("copy", WeightPlacement.Copy), ("link", WeightPlacement.Link)];

    /// <summary>Levels of verification.</summary>
    public static ImmutableArray<(string Word, VerificationLevel Value)> Levels { get; } =
        [("run", VerificationLevel.Run), ("load", VerificationLevel.Load), ("none", VerificationLevel.None)];

    internal static string Word(this Graphs.Precision value) => Precisions.First(c => c.Value == value).Word;

    internal static string Suffix(this Graphs.Precision value) => Precisions.First(c => c.Value == value).Suffix;

    internal static string Word(this Target value) => Targets.First(c => c.Value == value).Word;

    internal static string Word(this WeightPlacement value) => Weights.First(c => c.Value == value).Word;

    internal static string Word(this VerificationLevel value) => Levels.First(c => c.Value == value).Word;
}
