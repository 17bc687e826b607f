using System.Collections.Immutable;

namespace OnnxTransformers.Converters.Verification;

/// <summary>What holds for a network. The reference's own network breaks one of these in some families.</summary>
/// <param name="RowsAreIndependent">A row gives the same alone as in a batch.</param>
/// <param name="PaddingIsNeutral">A row gives the same with padding as without.</param>
internal sealed record NetworkTraits(bool RowsAreIndependent = true, bool PaddingIsNeutral = true);

/// <summary>A check that compares two results of one graph.</summary>
/// <param name="What">What should hold.</param>
/// <param name="Pairs">Inputs for two runs, and what is compared of the first.</param>
internal sealed record Invariant(string What, ImmutableArray<InvariantPair> Pairs);

/// <summary>Two inputs whose results agree.</summary>
/// <param name="Batch">A batch.</param>
/// <param name="Row">The row of it that is compared, or null for all rows.</param>
/// <param name="Other">The other input: the row alone, or another batch.</param>
/// <param name="Trim">Whether the other has no padding.</param>
internal sealed record InvariantPair(TestInput Batch, int? Row, TestInput Other, bool Trim)
{
    /// <summary>The part of the batch's result that the other's has to equal.</summary>
    internal Tensor Part(Tensor result)
    {
        if (Row is not { } row) return result;
        var part = result.Slice(Tensor.Batch, row, 1);
        var range = Batch.Real[row];
        return Trim ? part.Slice(Tensor.Sequence, range.Start.Value, range.End.Value - range.Start.Value) : part;
    }
}

/// <summary>The invariants of a graph.</summary>
internal static class Invariants
{
    internal static IEnumerable<Invariant> Of(InputGenerator generator, NetworkTraits traits)
    {
        var even = generator.Make("rows of one length", Padding.None);
        if (traits.RowsAreIndependent) yield return Alone("a batch equals its rows", even, trim: false);
        if (!generator.HasMask || !traits.PaddingIsNeutral) yield break;
        var right = generator.Make("rows padded on the right", Padding.Right);
        if (traits.RowsAreIndependent)
        {
            yield return Alone("padding changes nothing", right, trim: true);
            // Absolute positions count the padding on the left, so that rows keep theirs.
            yield return Alone("a batch padded on the left equals its rows", generator.Make("rows padded on the left", Padding.Left), trim: false);
        }
        yield return new Invariant("ids under the mask change nothing", [new InvariantPair(right, null, generator.Make("rows padded with other ids", Padding.Right, fill: true), Trim: false)]);
    }

    private static Invariant Alone(string what, TestInput batch, bool trim) =>
        new(what, [.. Enumerable.Range(0, batch.Real.Length).Select(row => new InvariantPair(batch, row, batch.Row(row, trim), trim))]);
}
