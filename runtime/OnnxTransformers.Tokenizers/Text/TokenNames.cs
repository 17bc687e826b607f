namespace OnnxTransformers.Tokenizers;

/// <summary>Names of tokens that may differ from what their id is called: added tokens with the spaces they took, unknown pieces. In the order of the tokens.</summary>
internal sealed class TokenNames
{
    private int[] _tokens = [];
    private int[] _ends = [];
    private char[] _chars = [];

    internal int Count { get; private set; }

    internal void Clear() => Count = 0;

    /// <summary>Adds the name of a token after all those that have one.</summary>
    internal void Add(int token, ReadOnlySpan<char> name)
    {
        var start = Count == 0 ? 0 : _ends[Count - 1];
        if (Count == _tokens.Length)
        {
            Array.Resize(ref _tokens, Math.Max(16, Count * 2));
            Array.Resize(ref _ends, _tokens.Length);
        }
        if (start + name.Length > _chars.Length) Array.Resize(ref _chars, Math.Max(start + name.Length, Math.Max(64, _chars.Length * 2)));
        name.CopyTo(_chars.AsSpan(start));
        (_tokens[Count], _ends[Count]) = (token, start + name.Length);
        Count++;
    }

    /// <summary>Takes away the names of <paramref name="token"/> and all after it.</summary>
    internal void RemoveFrom(int token) => Count = From(token);

    internal int Token(int i) => _tokens[i];

    internal ReadOnlySpan<char> Name(int i) => _chars.AsSpan((i == 0 ? 0 : _ends[i - 1]).._ends[i]);

    /// <summary>The first name that belongs to <paramref name="token"/> or one after it; <see cref="Count"/> where there is none.</summary>
    internal int From(int token)
    {
        var at = _tokens.AsSpan(0, Count).BinarySearch(token);
        return at < 0 ? ~at : at;
    }

    internal bool TryGet(int token, out ReadOnlySpan<char> name)
    {
        var i = From(token);
        var known = i < Count && _tokens[i] == token;
        name = known ? Name(i) : default;
        return known;
    }

    /// <summary>The same names, no larger than they must be; null where there are none.</summary>
    internal TokenNames? ToCopy()
    {
        if (Count == 0) return null;
        return new() { _tokens = _tokens[..Count], _ends = _ends[..Count], _chars = _chars[.._ends[Count - 1]], Count = Count };
    }
}
