using System.Numerics.Tensors;

namespace OnnxTransformers.Generation;

/// <summary>The processed log probabilities of all beams in a step.</summary>
internal sealed class BeamScores(GenerationRun run, StepRunner runner) : IDisposable
{
    private readonly ScoreBuffer _buffer = new();
    private Memory<float> _scores;
    private bool _begun;

    /// <summary>Reads the beams' last tokens. The prompts are read once, and their scores stand for all beams of each.</summary>
    /// <param name="beams">All beams; those of a prompt stand together.</param>
    /// <param name="cancellation">Stops between two operators.</param>
    /// <returns>The scores that follow, as log probabilities that no processor has seen yet.</returns>
    internal ScoreBatch Read(IReadOnlyList<Sequence> beams, CancellationToken cancellation)
    {
        var (vocabulary, each) = (run.Model.Vocabulary, _begun ? 1 : run.Plan.Beams);
        _scores = _buffer.Take(beams.Count * vocabulary);
        using var output = runner.Run([.. beams.Where((_, i) => i % each == 0)], 1, states: false, cancellation);
        if (!_begun) runner.Cache.Select([.. Enumerable.Range(0, beams.Count).Select(i => i / each)]);
        _begun = true;
        for (var row = 0; row < beams.Count; row++)
        {
            var scores = Of(row, 1);
            output.CopyScores(row / each, 0, scores);
            Distribution.LogSoftMax(scores);
        }
        return new ScoreBatch([.. beams.Select(b => b.Ids)], [.. beams.Select(b => b.Number)], _scores, vocabulary);
    }

    /// <summary>The scores of some beams that stand together.</summary>
    internal Span<float> Of(int row, int count) => _scores.Span.Slice(row * run.Model.Vocabulary, count * run.Model.Vocabulary);

    /// <summary>Adds each beam's own score to those that follow it.</summary>
    internal static void Add(ReadOnlySpan<float> beams, Span<float> scores)
    {
        var vocabulary = scores.Length / beams.Length;
        for (var b = 0; b < beams.Length; b++)
        {
            var own = scores.Slice(b * vocabulary, vocabulary);
            TensorPrimitives.Add(own, beams[b], own);
        }
    }

    public void Dispose() => _buffer.Dispose();
}

/// <summary>A continuation of a beam.</summary>
/// <param name="Score">The sum of its log probabilities.</param>
/// <param name="Beam">The beam that it continues, counted within its prompt or group.</param>
/// <param name="Token">The token that it adds.</param>
internal readonly record struct Continuation(float Score, int Beam, int Token)
{
    /// <summary>The best continuations of some beams.</summary>
    /// <param name="scores">The scores of all of them, the beams' own added: [beams, vocabulary].</param>
    /// <param name="vocabulary">Number of tokens.</param>
    /// <param name="count">How many.</param>
    internal static Continuation[] Best(ReadOnlySpan<float> scores, int vocabulary, int count)
    {
        var best = new Scored[Math.Min(count, scores.Length)];
        Distribution.Top(scores, best);
        return [.. best.Select(b => Of(b, vocabulary))];
    }

    internal static Continuation Of(Scored at, int vocabulary) => new(at.Score, at.Token / vocabulary, at.Token % vocabulary);
}
