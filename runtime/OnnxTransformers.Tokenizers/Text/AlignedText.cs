using System.Runtime.CompilerServices;

namespace OnnxTransformers.Tokenizers;

/// <summary>A text that normalizers rewrite, and for each of its UTF-16 units the range of the original text that it came from.</summary>
internal sealed class AlignedText
{
    private int[] _starts = [];
    private int[] _ends = [];

    internal char[] Chars { get; private set; } = new char[256];

    internal int Length { get; set; }

    /// <summary>Where the text begins in the original.</summary>
    internal int Origin { get; private set; }

    /// <summary>True while unit i is unit Origin + i of the original, so that nothing has to be written down.</summary>
    internal bool Identity { get; private set; } = true;

    internal Span<char> Span => Chars.AsSpan(0, Length);

    /// <summary>Takes a piece of the original, which is well-formed.</summary>
    internal void Load(ReadOnlySpan<char> text, int origin)
    {
        Clear(origin);
        Reserve(text.Length);
        text.CopyTo(Chars);
        Length = text.Length;
    }

    /// <summary>The text, with U+FFFD for halves of surrogate pairs that stand alone: they can't be encoded.</summary>
    internal static string WellFormed(string text)
    {
        char[]? mended = null;
        for (var i = text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF'); i >= 0 && i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i])) continue;
            if (i + 1 < text.Length && char.IsSurrogatePair(text[i], text[i + 1])) i++;
            else (mended ??= text.ToCharArray())[i] = '\uFFFD';
        }
        return mended is null ? text : new(mended);
    }

    internal void Clear(int origin)
    {
        (Length, Origin, Identity) = (0, origin, true);
    }

    internal void Reserve(int length)
    {
        if (length > Chars.Length)
        {
            var bigger = new char[Math.Max(length, Chars.Length * 2)];
            Span.CopyTo(bigger);
            Chars = bigger;
        }
        if (Identity || length <= _starts.Length) return;
        Array.Resize(ref _starts, Chars.Length);
        Array.Resize(ref _ends, Chars.Length);
    }

    /// <summary>Writes the alignment down, so that units may be inserted and removed.</summary>
    internal void Materialize()
    {
        if (!Identity) return;
        Identity = false;
        if (_starts.Length < Chars.Length) (_starts, _ends) = (new int[Chars.Length], new int[Chars.Length]);
        var chars = Span;
        var (starts, ends) = (_starts, _ends);
        for (var i = 0; i < chars.Length; i++)
        {
            var start = Origin + i;
            (starts[i], ends[i]) = (start, start + 1);
            if (!char.IsHighSurrogate(chars[i])) continue;
            ends[i++] = start + 2;
            (starts[i], ends[i]) = (start, start + 2);
        }
    }

    /// <summary>The start in the original of what unit <paramref name="i"/> came from.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal int StartOf(int i) => Identity ? Origin + i : _starts[i];

    /// <summary>The end in the original of what unit <paramref name="i"/>, the last of a character, came from.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal int EndOf(int i) => Identity ? Origin + i + 1 : _ends[i];

    /// <summary>The code point at <paramref name="i"/> and how many units it takes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal int CodePointAt(int i, out int units)
    {
        int c = Chars[i];
        units = 1;
        if ((c & 0xFC00) != 0xD800) return c;
        units = 2;
        return char.ConvertToUtf32((char)c, Chars[i + 1]);
    }

    /// <summary>Appends a code point aligned with a range of the original. The text must be materialized.</summary>
    internal void Append(int c, int start, int end)
    {
        if (Length + 2 > Chars.Length || Length + 2 > _starts.Length) Reserve(Math.Max(Length + 2, Length * 2));
        if (c >= 0x10000)
        {
            (Chars[Length], _starts[Length], _ends[Length]) = ((char)(0xD7C0 + (c >> 10)), start, end);
            Length++;
            c = 0xDC00 | c & 0x3FF;
        }
        (Chars[Length], _starts[Length], _ends[Length]) = ((char)c, start, end);
        Length++;
    }

    /// <summary>Appends units of another text with their alignment. The text must be materialized.</summary>
    internal void Append(AlignedText other, int from, int to)
    {
        var count = to - from;
        Reserve(Length + count);
        other.Chars.AsSpan(from, count).CopyTo(Chars.AsSpan(Length));
        if (!other.Identity)
        {
            other._starts.AsSpan(from, count).CopyTo(_starts.AsSpan(Length));
            other._ends.AsSpan(from, count).CopyTo(_ends.AsSpan(Length));
        }
        else
        {
            for (var i = 0; i < count; i++)
            {
                var pair = char.IsLowSurrogate(other.Chars[from + i]) ? -1 : 0;
                var end = char.IsHighSurrogate(other.Chars[from + i]) ? 2 : 1;
                (_starts[Length + i], _ends[Length + i]) = (other.Origin + from + i + pair, other.Origin + from + i + end);
            }
        }
        Length += count;
    }

    /// <summary>Makes room for a text that is not the identity of its original.</summary>
    internal void BeginRewrite(int origin, int capacity)
    {
        (Length, Origin, Identity) = (0, origin, false);
        Reserve(capacity);
    }
}
