using System.Collections.Immutable;
using System.Globalization;

namespace OnnxTransformers;

/// <summary>One dimension of an input or output: a number, a name that stands for one, or neither.</summary>
/// <param name="Size">The number, or null where it is free.</param>
/// <param name="Symbol">The name of a free dimension, as "batch_size"; empty where it has none.</param>
public readonly record struct Dimension(long? Size, string Symbol)
{
    /// <summary>The dimension as "768", "batch_size" or "?".</summary>
    public override string ToString() => Size is { } size ? size.ToString(CultureInfo.InvariantCulture) : Symbol.Length > 0 ? Symbol : "?";
}

/// <summary>An input or output as the graph itself declares it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">The type of its elements.</param>
/// <param name="Shape">Its dimensions.</param>
public sealed record TensorSpec(string Name, ElementType Type, ImmutableArray<Dimension> Shape)
{
    /// <summary>The whole as "input_ids int64 [batch_size, sequence_length]".</summary>
    public override string ToString() => $"{Name} {Type.ToString().ToLowerInvariant()} [{string.Join(", ", Shape)}]";
}
