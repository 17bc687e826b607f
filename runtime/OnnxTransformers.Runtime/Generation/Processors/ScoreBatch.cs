using System.Runtime.InteropServices;

namespace OnnxTransformers.Generation;

/// <summary>The scores of the next token of several sequences, which processors change in place. All sequences have the same length, padding included.</summary>
public sealed class ScoreBatch
{
    private readonly IReadOnlyList<List<int>> _ids;
    private readonly IReadOnlyList<int> _numbers;
    private readonly Memory<float> _scores;

    /// <summary>Wraps sequences and their scores.</summary>
    /// <param name="ids">The tokens of each sequence, prompt and padding included.</param>
    /// <param name="numbers">Each sequence's number in the request, which stays the same when others end.</param>
    /// <param name="scores">[rows, vocabulary], row-major.</param>
    /// <param name="vocabulary">Number of tokens.</param>
    public ScoreBatch(IReadOnlyList<List<int>> ids, IReadOnlyList<int> numbers, Memory<float> scores, int vocabulary) => (_ids, _numbers, _scores, Vocabulary) = (ids, numbers, scores, vocabulary);

    /// <summary>Number of sequences.</summary>
    public int Rows => _ids.Count;

    /// <summary>Number of tokens.</summary>
    public int Vocabulary { get; }

    /// <summary>The tokens of a sequence so far.</summary>
    public ReadOnlySpan<int> Ids(int row) => CollectionsMarshal.AsSpan(_ids[row]);

    /// <summary>The scores of its next token.</summary>
    public Span<float> Scores(int row) => _scores.Span.Slice(row * Vocabulary, Vocabulary);

    /// <summary>Its number in the request: with n sequences for a prompt, those of the first prompt are 0 to n - 1.</summary>
    public int Number(int row) => _numbers[row];
}

/// <summary>Changes the scores of next tokens before one is chosen. One object serves one request and may keep a state.</summary>
public interface ILogitsProcessor
{
    /// <summary>Changes the scores in place; minus infinity takes a token out.</summary>
    void Process(ScoreBatch batch);
}

/// <summary>A processor that looks at one sequence at a time.</summary>
internal abstract class RowProcessor : ILogitsProcessor
{
    public void Process(ScoreBatch batch)
    {
        for (var row = 0; row < batch.Rows; row++) Process(batch.Ids(row), batch.Scores(row), batch.Number(row));
    }

    protected abstract void Process(ReadOnlySpan<int> ids, Span<float> scores, int number);
}
