using System.Runtime.InteropServices;

namespace OnnxTransformers.Generation;

/// <summary>Lowers the scores of tokens that earlier groups of the same prompt have chosen in this step (Vijayakumar et al., 2016).</summary>
/// <param name="penalty">What each costs.</param>
/// <param name="rowsOfPrompt">Beams of each prompt.</param>
internal sealed class HammingDiversity(double penalty, int rowsOfPrompt) : RowProcessor
{
    private readonly Dictionary<int, List<int>> _chosen = [];

    /// <summary>Begins a step: nothing is chosen.</summary>
    internal void Clear() => _chosen.Clear();

    /// <summary>Notes the tokens that a group has chosen.</summary>
    internal void Choose(int prompt, IEnumerable<int> tokens)
    {
        ref var all = ref CollectionsMarshal.GetValueRefOrAddDefault(_chosen, prompt, out _);
        (all ??= []).AddRange(tokens);
    }

    protected override void Process(ReadOnlySpan<int> ids, Span<float> scores, int number)
    {
        if (!_chosen.TryGetValue(number / rowsOfPrompt, out var tokens)) return;
        foreach (var token in tokens.GroupBy(t => t)) scores[token.Key] -= (float)penalty * token.Count();
    }
}
