using System.Collections.Immutable;
using System.Runtime.InteropServices;

namespace OnnxTransformers.Tokenizers;

/// <summary>A range of a text.</summary>
/// <param name="Start">Its first unit.</param>
/// <param name="End">The unit after its last.</param>
public readonly record struct Offset(int Start, int End);

/// <summary>A stretch of tokens of an encoding that have all but their id in common.</summary>
internal readonly record struct Run(int Start, int End, int TypeId, int Sequence, bool Special, bool Attended);

/// <summary>What a text became: ids, and where each came from. Everything is in the order of the tokens.</summary>
public sealed class Encoding
{
    private readonly Tokenizer _owner;
    private readonly object? _source;
    private readonly object? _pairSource;
    private readonly byte[] _places;
    private TokenNames? _names;
    private int[] _ids;
    private Run[] _runs;
    private Offset[]? _offsets;
    private int[]? _words;

    internal Encoding(Tokenizer owner, object? source, object? pairSource, int[] ids, byte[] places, Run[] runs, TokenNames? names)
    {
        (_owner, _source, _pairSource, _ids, _places, _runs, _names) = (owner, source, pairSource, ids, places, runs, names);
    }

    /// <summary>Number of tokens.</summary>
    public int Length => _ids.Length;

    /// <summary>The ids.</summary>
    public ImmutableArray<int> Ids => ImmutableCollectionsMarshal.AsImmutableArray(_ids);

    /// <summary>Where each token came from: UTF-16 units of the original text (of its word, where words were given); (0, 0) for special tokens and padding. Unpacked when first asked for.</summary>
    public ImmutableArray<Offset> Offsets => ImmutableCollectionsMarshal.AsImmutableArray(_offsets ??= UnpackOffsets());

    /// <summary>The number of the word that each token belongs to, in its sequence; -1 for special tokens and padding. Unpacked when first asked for.</summary>
    public ImmutableArray<int> WordIds => ImmutableCollectionsMarshal.AsImmutableArray(_words ??= UnpackWords());

    /// <summary>The type of each token: which part of the input it belongs to, as the model wants to be told.</summary>
    public ImmutableArray<int> TypeIds => Fill(run => run.TypeId);

    /// <summary>1 for tokens, 0 for padding.</summary>
    public ImmutableArray<int> AttentionMask => Fill(run => run.Attended ? 1 : 0);

    /// <summary>1 for tokens that were added to the text: special ones and padding.</summary>
    public ImmutableArray<int> SpecialTokensMask
    {
        get
        {
            var mask = Fill(run => run.Special ? 1 : 0);
            return _owner.MarksSpecialInText && mask.Contains(1) ? [.. mask.Select((m, i) => m == 1 || _owner.IsMarked(_ids[i]) ? 1 : 0)] : mask;
        }
    }

    /// <summary>0 for tokens of the first text, 1 for those of the second, -1 for the others.</summary>
    public ImmutableArray<int> SequenceIds => Fill(run => run.Sequence);

    /// <summary>The tokens' names.</summary>
    public ImmutableArray<string> Tokens
    {
        get
        {
            var tokens = new string[_ids.Length];
            for (var i = 0; i < tokens.Length; i++) tokens[i] = Token(i);
            return ImmutableCollectionsMarshal.AsImmutableArray(tokens);
        }
    }

    /// <summary>What truncation cut off, in pieces that are encodings of their own.</summary>
    public ImmutableArray<Encoding> Overflowing { get; internal set; } = [];

    /// <summary>The offsets in code points instead of UTF-16 units.</summary>
    public ImmutableArray<Offset> CodePointOffsets()
    {
        var (result, words) = (UnpackOffsets(), _source is string ? [] : UnpackWords());
        foreach (var run in _runs)
        {
            var source = run.Sequence == 1 ? _pairSource : _source;
            if (run.Sequence < 0 || source is null) continue;
            if (source is string text) new CodePointCounter(text).Convert(result.AsSpan(run.Start, run.End - run.Start));
            else
                for (var i = run.Start; i < run.End; i++)
                    new CodePointCounter(((IReadOnlyList<string>)source)[words[i]]).Convert(result.AsSpan(i, 1));
        }
        return ImmutableCollectionsMarshal.AsImmutableArray(result);
    }

    internal string Token(int i) => _names is not null && !_owner.NamesTokensById && _names.TryGet(i, out var name) ? name.ToString() : _owner.IdToToken(_ids[i]) ?? "";

    private Offset[] UnpackOffsets()
    {
        var result = new Offset[_ids.Length];
        var places = new PlaceReader(_places);
        foreach (var run in _runs)
        {
            if (run.Sequence < 0) continue;
            places.Begin();
            for (var i = run.Start; i < run.End; i++) result[i] = places.Next().Offset;
        }
        return result;
    }

    private int[] UnpackWords()
    {
        var result = new int[_ids.Length];
        var places = new PlaceReader(_places);
        foreach (var run in _runs)
        {
            places.Begin();
            for (var i = run.Start; i < run.End; i++) result[i] = run.Sequence < 0 ? -1 : places.Next().Word;
        }
        return result;
    }

    private ImmutableArray<int> Fill(Func<Run, int> value)
    {
        var result = new int[_ids.Length];
        foreach (var run in _runs) result.AsSpan(run.Start, run.End - run.Start).Fill(value(run));
        return ImmutableCollectionsMarshal.AsImmutableArray(result);
    }

    /// <summary>Lengthens this encoding, and what overflowed, to <paramref name="length"/> tokens. Nobody else has seen it yet.</summary>
    internal void Pad(int length, bool left, int id, int typeId, string? token)
    {
        foreach (var other in Overflowing) other.Pad(length, left, id, typeId, token);
        var more = length - _ids.Length;
        if (more <= 0) return;
        var start = left ? 0 : _ids.Length;
        var ids = new int[length];
        _ids.CopyTo(ids, left ? more : 0);
        ids.AsSpan(start, more).Fill(id);
        var padding = new Run(start, start + more, typeId, -1, Special: true, Attended: false);
        _runs = left ? [padding, .. _runs.Select(r => r with { Start = r.Start + more, End = r.End + more })] : [.. _runs, padding];
        _ids = ids;
        var named = token is not null && token != _owner.IdToToken(id);
        if (!named && _names is null) return;
        var names = new TokenNames();
        if (!left) Append(0);
        if (named)
            for (var i = start; i < start + more; i++) names.Add(i, token);
        if (left) Append(more);
        _names = names;

        void Append(int shift)
        {
            for (var i = 0; i < (_names?.Count ?? 0); i++) names.Add(_names!.Token(i) + shift, _names.Name(i));
        }
    }
}

/// <summary>Converts places in a text from UTF-16 units to code points; fastest when they ascend.</summary>
internal struct CodePointCounter(string text)
{
    private readonly bool _plain = text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF') < 0;
    private int _unit;
    private int _point;

    internal void Convert(Span<Offset> offsets)
    {
        if (_plain) return;
        foreach (ref var offset in offsets) offset = new(Point(offset.Start), Point(offset.End));
    }

    private int Point(int unit)
    {
        while (_unit < unit && _unit < text.Length)
        {
            _unit += char.IsHighSurrogate(text[_unit]) && _unit + 1 < text.Length && char.IsLowSurrogate(text[_unit + 1]) ? 2 : 1;
            _point++;
        }
        while (_unit > unit)
        {
            _unit -= char.IsLowSurrogate(text[_unit - 1]) && _unit > 1 && char.IsHighSurrogate(text[_unit - 2]) ? 2 : 1;
            _point--;
        }
        return _point;
    }
}
