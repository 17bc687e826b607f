using System.Collections.Immutable;

namespace OnnxTransformers.Generation;

/// <summary>How far a sequence has come with the words that it must bring in. One word is worked on at a time. Reference: beam_constraints.py of 4.46, ConstraintListState.</summary>
internal sealed class WordProgress
{
    private readonly ImmutableArray<ForcedWords> _words;
    private readonly List<ForcedWords> _pending;
    private readonly int _longest;
    private int _complete;
    private ForcedWords? _current;
    private ImmutableArray<int> _begun = [];

    internal WordProgress(ImmutableArray<ForcedWords> words)
    {
        (_words, _pending) = (words, [.. words]);
        _longest = words.Max(Length);
    }

    private WordProgress(WordProgress other)
    {
        (_words, _pending, _longest) = (other._words, [.. other._pending], other._longest);
        (_complete, _current, _begun, IsComplete) = (other._complete, other._current, other._begun, other.IsComplete);
    }

    /// <summary>Whether all words are in.</summary>
    internal bool IsComplete { get; private set; }

    /// <summary>How far it is, as a number: sequences that are equally far compete with each other.</summary>
    internal int Bank => (_complete * _longest) + (_current is null ? 0 : _longest - (Length(_current) - _begun.Length));

    /// <summary>The progress of a whole sequence.</summary>
    internal static WordProgress Of(ImmutableArray<ForcedWords> words, IEnumerable<int> ids)
    {
        var progress = new WordProgress(words);
        foreach (var id in ids)
        {
            progress.Add(id);
            if (progress.IsComplete) break;
        }
        return progress;
    }

    internal WordProgress Copy() => new(this);

    /// <summary>Tokens that bring it forward.</summary>
    internal IEnumerable<int> Advances() => _current is null ? [.. _pending.SelectMany(w => Following(w, []))] : Following(_current, _begun);

    internal void Add(int id)
    {
        if (IsComplete) return;
        if (_current is { } current)
        {
            if (Following(current, _begun).Contains(id)) Step(current, id);
            else
            {
                // What was begun must begin again.
                _pending.Add(current);
                (_current, _begun) = (null, []);
            }
            return;
        }
        if (_pending.Find(w => Following(w, []).Contains(id)) is not { } word) return;
        _pending.Remove(word);
        Step(word, id);
    }

    private void Step(ForcedWords word, int id)
    {
        (_current, _begun) = (word, _begun.Add(id));
        if (Following(word, _begun).Any()) return;
        (_current, _begun) = (null, []);
        _complete++;
        IsComplete = _pending.Count == 0;
    }

    private static int Length(ForcedWords word) => word.Alternatives.Max(a => a.Length);

    private static IEnumerable<int> Following(ForcedWords word, ImmutableArray<int> begun) =>
        word.Alternatives.Where(a => a.Length > begun.Length && a.AsSpan().StartsWith(begun.AsSpan())).Select(a => a[begun.Length]).Distinct();
}
