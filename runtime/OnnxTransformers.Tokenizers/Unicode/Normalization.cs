using System.Runtime.InteropServices;

namespace OnnxTransformers.Tokenizers;

/// <summary>Unicode normalization that also says which characters of the input became which of the output. Tables and order of changes are those of the reference's crate
/// unicode-normalization-alignments (Unicode 9), so results do not depend on the machine.</summary>
internal sealed class Normalization
{
    private readonly List<(int Char, int Change)> _decomposed = [];
    private readonly List<(int Char, int Change)> _waiting = [];

    /// <summary>Normalizes the current text of a pair.</summary>
    internal void Apply(TextPair text, bool compatible, bool compose)
    {
        if (IsNormal(text.Current.Span, compatible, compose)) return;
        Decompose(text.Current, compatible);
        text.Begin();
        if (compose) Recompose(text);
        else
            foreach (var (c, change) in CollectionsMarshal.AsSpan(_decomposed)) text.Put(c, change);
        text.End();
    }

    private static bool IsNormal(ReadOnlySpan<char> text, bool compatible, bool compose)
    {
        // Below these, nothing decomposes (or everything that does composes again).
        var safe = (compatible, compose) switch { (false, true) => '\u02FF', (false, false) => '\u00BF', _ => '\u009F' };
        var flag = (compatible, compose) switch
        {
            (false, true) => UnicodeData.NotNfc,
            (false, false) => UnicodeData.NotNfd,
            (true, true) => UnicodeData.NotNfkc,
            _ => UnicodeData.NotNfkd,
        };
        for (var i = text.IndexOfAnyExceptInRange('\0', safe); i >= 0 && i < text.Length; i++)
        {
            int c = text[i];
            if (char.IsHighSurrogate((char)c)) c = char.ConvertToUtf32((char)c, text[++i]);
            if (UnicodeData.Is(c, flag)) return false;
        }
        return true;
    }

    private void Decompose(AlignedText text, bool compatible)
    {
        _decomposed.Clear();
        var pending = 0;
        for (var i = 0; i < text.Length;)
        {
            var c = text.CodePointAt(i, out var units);
            i += units;
            if (c is >= 0xAC00 and < 0xAC00 + 11172)
            {
                var s = c - 0xAC00;
                Push(0x1100 + s / 588, 0, ref pending);
                Push(0x1161 + s % 588 / 28, 1, ref pending);
                if (s % 28 > 0) Push(0x11A7 + s % 28, 1, ref pending);
            }
            else if (UnicodeData.TryDecompose(c, compatible, out var parts))
                for (var k = 0; k < parts.Length; k++) Push(parts[k], k == 0 ? 0 : 1, ref pending);
            else Push(c, 0, ref pending);
        }
        Sort(pending);
    }

    private void Push(int c, int change, ref int pending)
    {
        if (UnicodeData.CombiningClass(c) == 0)
        {
            Sort(pending);
            pending = _decomposed.Count;
        }
        _decomposed.Add((c, change));
    }

    /// <summary>Brings the marks from <paramref name="start"/> on into the order of their classes; equal ones keep theirs.</summary>
    private void Sort(int start)
    {
        var marks = CollectionsMarshal.AsSpan(_decomposed)[start..];
        if (marks.Length < 2) return;
        if (marks.Length > 32)
        {
            var ordered = marks.ToArray().OrderBy(m => UnicodeData.CombiningClass(m.Char)).ToArray();
            ordered.CopyTo(marks);
            return;
        }
        for (var i = 1; i < marks.Length; i++)
        {
            var mark = marks[i];
            var rank = UnicodeData.CombiningClass(mark.Char);
            var k = i - 1;
            for (; k >= 0 && UnicodeData.CombiningClass(marks[k].Char) > rank; k--) marks[k + 1] = marks[k];
            marks[k + 1] = mark;
        }
    }

    private void Recompose(TextPair text)
    {
        _waiting.Clear();
        (int Char, int Change)? starter = null;
        var last = -1;
        foreach (var (c, change) in CollectionsMarshal.AsSpan(_decomposed))
        {
            var rank = UnicodeData.CombiningClass(c);
            if (starter is not { } s)
            {
                if (rank != 0) text.Put(c, change);
                else starter = (c, change);
                continue;
            }
            var blocked = last >= 0 && last >= rank;
            if (!blocked && Compose(s.Char, c) is var composed and >= 0)
            {
                starter = (composed, s.Change + change - 1);
                continue;
            }
            if (rank == 0 && (blocked || last < 0))
            {
                text.Put(s.Char, s.Change);
                Flush(text);
                starter = (c, change);
                last = -1;
                continue;
            }
            _waiting.Add((c, change));
            last = rank;
        }
        if (starter is { } end) text.Put(end.Char, end.Change);
        Flush(text);
    }

    private void Flush(TextPair text)
    {
        foreach (var (c, change) in CollectionsMarshal.AsSpan(_waiting)) text.Put(c, change);
        _waiting.Clear();
    }

    private static int Compose(int a, int b)
    {
        if (a is >= 0x1100 and <= 0x1112 && b is >= 0x1161 and <= 0x1175) return 0xAC00 + (a - 0x1100) * 588 + (b - 0x1161) * 28;
        if (a is >= 0xAC00 and < 0xAC00 + 11172 && b is >= 0x11A8 and <= 0x11C2 && (a - 0xAC00) % 28 == 0) return a + (b - 0x11A7);
        return UnicodeData.Compose(a, b);
    }
}
