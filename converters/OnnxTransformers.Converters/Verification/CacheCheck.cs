using System.Collections.Immutable;

namespace OnnxTransformers.Converters.Verification;

/// <summary>Runs a batch in one pass, and again as a prompt and steps on its own cache: both give the same.</summary>
internal static class CacheCheck
{
    internal const string What = "a prompt and steps equal one pass";
    private const string Present = "present";
    private const string PastPrefix = "past_";

    /// <summary>How far both are apart; null for a graph without a cache.</summary>
    /// <remarks>Rows are padded on the left, as generation pads them.</remarks>
    internal static Distance? Of(GraphRunner runner, NetworkLimits limits, CancellationToken cancellation)
    {
        if (!runner.Inputs.Any(i => i.Name.StartsWith(PastPrefix, StringComparison.Ordinal))) return null;
        var whole = new InputGenerator(runner.Inputs, limits).Make("rows padded on the left", Padding.Left);
        var wanted = runner.Run(whole, cancellation);
        var scales = Distance.Scales([(wanted, whole.Real)]);
        var length = whole.Real[0].End.Value;
        var states = whole.Tensors.Where(t => t.Spec.Name.StartsWith(PastPrefix, StringComparison.Ordinal)).ToImmutableArray();
        var total = Distance.Zero;
        // A prompt, several tokens at once, and one.
        foreach (var (from, to) in Pieces(length))
        {
            var input = new TestInput($"positions {from} to {to}", [.. whole.Real.Select(r => Within(r, from, to))], [.. whole.Tensors.Select(t => Part(t, states, from, to))]);
            var got = runner.Run(input, cancellation);
            var ends = to == length;
            foreach (var (want, have) in wanted.Zip(got))
            {
                var state = want.Spec.Name.StartsWith(Present, StringComparison.Ordinal);
                if (state && !ends) continue;
                var real = state ? whole.Real : input.Real;
                total = total.Worse(Distance.Between([state ? want : want.Positions(from, to - from)], [have], real, scales));
            }
            states = [.. states.Select(s => s with { Shape = Next(s, got).Shape, Values = Next(s, got).Values })];
        }
        return total;
    }

    private static IEnumerable<(int From, int To)> Pieces(int length)
    {
        int[] cuts = [.. new[] { 0, length - 4, length - 1, length }.Where(c => c >= 0).Distinct()];
        return cuts.Zip(cuts.Skip(1));
    }

    private static Range Within(Range real, int from, int to) => Math.Clamp(real.Start.Value - from, 0, to - from)..(to - from);

    private static Tensor Part(Tensor tensor, ImmutableArray<Tensor> states, int from, int to) =>
        states.FirstOrDefault(s => s.Spec.Name == tensor.Spec.Name) ?? tensor.Slice(d => d.Symbol == Tensor.Total, 0, to).Slice(d => d.Symbol == Tensor.Sequence, from, to - from);

    private static Tensor Next(Tensor state, ImmutableArray<Tensor> outputs)
    {
        var name = state.Spec.Name.StartsWith("past_key_values", StringComparison.Ordinal) ? state.Spec.Name.Replace("past_key_values", Present, StringComparison.Ordinal) : state.Spec.Name.Replace(PastPrefix, Present + "_", StringComparison.Ordinal);
        return outputs.Single(o => o.Spec.Name == name);
    }
}
