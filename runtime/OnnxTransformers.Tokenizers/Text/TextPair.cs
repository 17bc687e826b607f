namespace OnnxTransformers.Tokenizers;

/// <summary>A text being rewritten: every rewriting reads the current text and writes the spare one, which then takes its place.</summary>
internal sealed class TextPair
{
    private AlignedText _spare = new();
    private int _position;

    internal AlignedText Current { get; private set; } = new();

    /// <summary>Room for characters and changes on their way to <see cref="Put"/>.</summary>
    internal List<(int Char, int Change)> Edits { get; } = [];

    internal Normalization Normalization { get; } = new();

    /// <summary>Begins a rewriting that reads from the first character on; <paramref name="skipped"/> characters are dropped before it.</summary>
    internal void Begin(int skipped = 0)
    {
        Current.Materialize();
        _spare.BeginRewrite(Current.Origin, Current.Length + 16);
        _position = 0;
        Skip(skipped);
    }

    /// <summary>Drops characters of the current text.</summary>
    internal void Skip(int characters)
    {
        for (; characters > 0 && _position < Current.Length; characters--)
            _position += char.IsHighSurrogate(Current.Chars[_position]) ? 2 : 1;
    }

    /// <summary>Writes a character. A change of 1 means that it is inserted, sharing the alignment of the character before; 0, that it stands for the next character of the
    /// current text; -n, that n more characters of the current text vanish with it.</summary>
    internal void Put(int c, int change)
    {
        if (change > 0)
        {
            if (_position < 1) _spare.Append(c, Current.Origin, Current.Origin);
            else _spare.Append(c, Current.StartOf(_position - 1), Current.EndOf(_position - 1));
            return;
        }
        var at = Math.Min(_position, Current.Length - 1);
        _spare.Append(c, Current.StartOf(at), Current.EndOf(at));
        Skip(1 - change);
    }

    /// <summary>Writes a text that stands for a range of the original, without moving on in the current text.</summary>
    internal void Insert(string text, int start, int end)
    {
        foreach (var unit in text) _spare.Append(unit, start, end);
    }

    /// <summary>Drops units up to <paramref name="unit"/>.</summary>
    internal void MoveTo(int unit) => _position = unit;

    /// <summary>Writes a text that shares the alignment of the character before.</summary>
    internal void InsertHere(string text)
    {
        if (_position < 1) Insert(text, Current.Origin, Current.Origin);
        else Insert(text, Current.StartOf(_position - 1), Current.EndOf(_position - 1));
    }

    /// <summary>Copies units as they are up to <paramref name="end"/>.</summary>
    internal void CopyTo(int end)
    {
        if (end <= _position) return;
        _spare.Append(Current, _position, end);
        _position = end;
    }

    /// <summary>Hands the current text out and goes on with another object.</summary>
    internal AlignedText Exchange(AlignedText other)
    {
        var current = Current;
        Current = other;
        return current;
    }

    /// <summary>Ends a rewriting: what was written is the current text.</summary>
    internal void End() => (Current, _spare) = (_spare, Current);

    /// <summary>Keeps the characters that a test accepts; those dropped before a kept one belong to nothing, as in the reference.</summary>
    internal void Filter(Func<int, bool> keep)
    {
        var source = Current;
        var first = 0;
        while (first < source.Length && keep(source.CodePointAt(first, out var width))) first += width;
        if (first == source.Length) return;
        Begin();
        // A removed character leaves no trace in the alignment of the others, so kept runs are copied whole.
        for (var i = 0; i < source.Length;)
        {
            var start = i;
            var units = 0;
            while (i < source.Length && keep(source.CodePointAt(i, out units))) i += units;
            _position = start;
            CopyTo(i);
            if (i < source.Length) i += units;
        }
        End();
    }
}
