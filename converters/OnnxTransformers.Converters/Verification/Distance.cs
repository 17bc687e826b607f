using System.Collections.Immutable;

namespace OnnxTransformers.Converters.Verification;

/// <summary>How far results are apart; several are taken together by the worst of each.</summary>
internal readonly record struct Distance(double MaxAbs, double Relative, double Cosine)
{
    // Below this, a whole output is rounding noise of computations in the order of 1.
    private const double Smallest = 1e-6;

    internal static Distance Zero { get; } = new(0, 0, 1);

    internal static Distance Infinite { get; } = new(double.PositiveInfinity, double.PositiveInfinity, -1);

    internal Distance Worse(Distance other) => new(Math.Max(MaxAbs, other.MaxAbs), Math.Max(Relative, other.Relative), Math.Min(Cosine, other.Cosine));

    internal bool Within(Bounds bounds) => Relative <= bounds.Relative && Cosine >= bounds.Cosine;

    /// <summary>Between two results for the same input, at real positions.</summary>
    /// <param name="wanted">All outputs.</param>
    /// <param name="got">The same outputs of the other run.</param>
    /// <param name="real">The real positions of each row.</param>
    /// <param name="scales">The magnitude of each output, where more results than these tell it: a single small number says little about its own scale.</param>
    /// <param name="fewest">Outputs of fewer numbers have no cosine: after coarse rounding, a few numbers may point anywhere.</param>
    internal static Distance Between(ImmutableArray<Tensor> wanted, ImmutableArray<Tensor> got, ImmutableArray<Range> real, IReadOnlyDictionary<string, double>? scales = null, int fewest = 0) =>
        wanted.Zip(got).Select(p => Between(p.First, p.Second, real, scales?.GetValueOrDefault(p.First.Spec.Name) ?? 0, fewest)).Aggregate(Zero, (a, b) => a.Worse(b));

    internal static Distance Between(Tensor want, Tensor got, ImmutableArray<Range> real, double scale = 0, int fewest = 0)
    {
        var count = 0;
        if (!want.Shape.SequenceEqual(got.Shape)) return Infinite;
        double largest = Math.Max(Smallest, scale), max = 0, dot = 0, ww = 0, gg = 0;
        for (var i = 0; i < want.Values.Length; i++)
        {
            if (!want.IsReal(i, real)) continue;
            double w = want.Values[i], g = got.Values[i];
            if (w == g && double.IsInfinity(w)) continue;
            if (!double.IsFinite(w) || !double.IsFinite(g)) return Infinite;
            largest = Math.Max(largest, Math.Abs(w));
            max = Math.Max(max, Math.Abs(w - g));
            count++;
            (dot, ww, gg) = (dot + w * g, ww + w * w, gg + g * g);
        }
        return new(max, max / largest, count < fewest ? 1 : ww == 0 || gg == 0 ? (ww == gg || max <= Smallest ? 1 : 0) : Math.Min(1, dot / Math.Sqrt(ww * gg)));
    }

    /// <summary>The largest finite magnitude of each output over several results, at real positions.</summary>
    internal static IReadOnlyDictionary<string, double> Scales(IEnumerable<(ImmutableArray<Tensor> Outputs, ImmutableArray<Range> Real)> results) =>
        results.SelectMany(r => r.Outputs.Select(t => (t.Spec.Name, Largest: Largest(t, r.Real)))).GroupBy(t => t.Name, t => t.Largest).ToDictionary(g => g.Key, g => g.Max());

    private static double Largest(Tensor tensor, ImmutableArray<Range> real) =>
        Enumerable.Range(0, tensor.Values.Length).Where(i => double.IsFinite(tensor.Values[i]) && tensor.IsReal(i, real)).Select(i => Math.Abs(tensor.Values[i])).DefaultIfEmpty().Max();
}
