namespace OnnxTransformers.Converters.Verification;

/// <summary>Runs an invariant.</summary>
internal static class InvariantCheck
{
    /// <summary>The largest distance over all pairs, and the pair that has it.</summary>
    internal static Distance Run(GraphRunner runner, Invariant invariant, CancellationToken cancellation, out InvariantPair worst)
    {
        worst = invariant.Pairs[0];
        var (total, largest) = (Distance.Zero, Distance.Zero);
        foreach (var group in invariant.Pairs.GroupBy(p => p.Batch))
        {
            var batch = runner.Run(group.Key, cancellation);
            var scales = Distance.Scales([(batch, group.Key.Real)]);
            foreach (var pair in group)
            {
                var distance = Distance.Between([.. batch.Where(pair.Compares).Select(pair.Part)], [.. runner.Run(pair.Other, cancellation).Where(pair.Compares)], pair.Other.Real, scales);
                if (distance.Relative > largest.Relative) (largest, worst) = (distance, pair);
                total = total.Worse(distance);
            }
        }
        return total;
    }
}
