using System.Collections.Immutable;

namespace OnnxTransformers.Converters.Verification;

/// <summary>Where the padding of a batch stands.</summary>
internal enum Padding
{
    None,
    Right,
    Left,
}

/// <summary>One batch of generated inputs for a graph.</summary>
/// <param name="Name">What is special about it.</param>
/// <param name="Real">The real positions of each row.</param>
/// <param name="Tensors">All inputs of the graph.</param>
internal sealed record TestInput(string Name, ImmutableArray<Range> Real, ImmutableArray<Tensor> Tensors)
{
    /// <summary>One row alone.</summary>
    /// <param name="row">Which.</param>
    /// <param name="trim">Whether its padding is cut off.</param>
    internal TestInput Row(int row, bool trim)
    {
        var (start, length) = (Real[row].Start.Value, Real[row].End.Value - Real[row].Start.Value);
        var tensors = Tensors.Select(t => t.Row(row)).Select(t => trim ? t.Positions(start, length) : t);
        return new($"row {row} of {Name}", [trim ? new Range(0, length) : Real[row]], [.. tensors]);
    }
}
