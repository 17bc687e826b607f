using System.Collections.Immutable;

namespace OnnxTransformers.Checkpoints;

/// <summary>The table of original names. A network is a row and its rules, in a file of its kind.</summary>
internal static partial class OriginalLayouts
{
    /// <summary>All of them.</summary>
    internal static readonly ImmutableArray<OriginalLayout> All = [.. Dense, .. Images, .. Texts];
}
