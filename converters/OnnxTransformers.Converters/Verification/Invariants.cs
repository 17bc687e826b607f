using System.Collections.Immutable;

namespace OnnxTransformers.Converters.Verification;

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
    /// <summary>Whether a result is compared: padding behind a row goes on through states of fixed size, as nobody pads who reads on.</summary>
    internal bool Compares(Tensor result) => !Trim || Row is not { } row || Batch.Real[row].Start.Value > 0 || !result.Spec.Name.StartsWith("present_", StringComparison.Ordinal);

    /// <summary>The part of the batch's result that the other's has to equal.</summary>
    internal Tensor Part(Tensor result)
    {
        if (Row is not { } row) return result;
        var part = result.Row(row);
        var range = Batch.Real[row];
        return Trim ? part.Positions(range.Start.Value, range.End.Value - range.Start.Value) : part;
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
            // Where a network counts positions itself, it counts the padding on the left, so that rows keep theirs.
            yield return Alone("a batch padded on the left equals its rows", generator.Make("rows padded on the left", Padding.Left), trim: generator.HasPositions);
        }
        if (traits.MaskedIdsAreNeutral) yield return new Invariant("ids under the mask change nothing", [new InvariantPair(right, null, generator.Make("rows padded with other ids", Padding.Right, fill: true), Trim: false)]);
    }

    private static Invariant Alone(string what, TestInput batch, bool trim) =>
        new(what, [.. Enumerable.Range(0, batch.Real.Length).Select(row => new InvariantPair(batch, row, batch.Row(row, trim), trim))]);
}
