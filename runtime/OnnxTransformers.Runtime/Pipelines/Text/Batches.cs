namespace OnnxTransformers;

/// <summary>Which rows may share a run.</summary>
internal enum Sharing
{
    /// <summary>Any: padding changes nothing.</summary>
    Any,
    /// <summary>Rows of equal length, as padding would change the answer, or there is none.</summary>
    SameLength,
    /// <summary>None: rows of a batch depend on each other.</summary>
    Alone,
}

/// <summary>Rows that share a run.</summary>
/// <param name="Order">Indices of rows, those of other groups included.</param>
/// <param name="Start">Where the group begins in it.</param>
/// <param name="Count">Number of rows.</param>
internal sealed record RowGroup(int[] Order, int Start, int Count)
{
    /// <summary>The index of the group's i-th row; the first is the longest.</summary>
    internal int this[int i] => Order[Start + i];
}

/// <summary>Groups rows for runs by a budget of tokens.</summary>
internal static class Batches
{
    internal static Sharing Of(NetworkTraits traits, bool hasMask, bool hasPadding)
    {
        if (!traits.RowsAreIndependent) return Sharing.Alone;
        return hasMask && hasPadding && traits.PaddingIsNeutral ? Sharing.Any : Sharing.SameLength;
    }

    /// <summary>Splits rows into groups of indices, the longest rows first.</summary>
    /// <param name="lengths">Tokens of each row.</param>
    /// <param name="tokens">Tokens that a group may hold, padding included; a longer row is a group of its own.</param>
    /// <param name="rows">Rows that a group may hold.</param>
    /// <param name="sharing">Which rows may share a group.</param>
    internal static List<RowGroup> Plan(ReadOnlySpan<int> lengths, int tokens, int rows, Sharing sharing)
    {
        var order = new int[lengths.Length];
        var keys = new long[lengths.Length];
        for (var i = 0; i < order.Length; i++) (order[i], keys[i]) = (i, ((long)(int.MaxValue - lengths[i]) << 32) | (uint)i);
        Array.Sort(keys, order);
        var groups = new List<RowGroup>();
        for (var start = 0; start < order.Length;)
        {
            var longest = Math.Max(1, lengths[order[start]]);
            var end = start + 1;
            while (end < order.Length && sharing != Sharing.Alone && end - start < rows && (long)(end - start + 1) * longest <= tokens
                && (sharing == Sharing.Any || lengths[order[end]] == lengths[order[start]])) end++;
            groups.Add(new(order, start, end - start));
            start = end;
        }
        return groups;
    }
}
