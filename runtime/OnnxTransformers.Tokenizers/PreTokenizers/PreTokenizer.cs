using System.Runtime.InteropServices;

namespace OnnxTransformers.Tokenizers;

/// <summary>A step that cuts the pieces of a text into smaller ones.</summary>
internal abstract class PreTokenizer
{
    /// <summary>Replaces the pieces of the workspace; those that are added tokens stay as they are.</summary>
    internal abstract void Split(Workspace work);
}

/// <summary>Pre-tokenizers one after the other.</summary>
internal sealed class PreTokenizerSequence(PreTokenizer[] steps) : PreTokenizer
{
    internal PreTokenizer[] Steps => steps;

    internal override void Split(Workspace work)
    {
        foreach (var step in steps) step.Split(work);
    }
}

/// <summary>A pre-tokenizer that leaves the characters as they are and only cuts.</summary>
internal abstract class Cutter : PreTokenizer
{
    internal override void Split(Workspace work)
    {
        var output = work.SparePieces;
        output.Clear();
        foreach (var piece in CollectionsMarshal.AsSpan(work.Pieces))
        {
            if (piece.Token >= 0) output.Add(piece);
            else Cut(work.Main.Chars.AsSpan(piece.Start, piece.End - piece.Start), piece.Start, output);
        }
        work.SwapPieces();
    }

    /// <summary>Adds the parts of <paramref name="text"/> that are not empty; their places count from <paramref name="offset"/>.</summary>
    protected abstract void Cut(ReadOnlySpan<char> text, int offset, List<Piece> output);

    protected static int CodePointAt(ReadOnlySpan<char> text, int i, out int units)
    {
        int c = text[i];
        units = 1;
        if ((c & 0xFC00) != 0xD800 || i + 1 >= text.Length) return c;
        units = 2;
        return char.ConvertToUtf32((char)c, text[i + 1]);
    }
}

/// <summary>What becomes of the parts that a pattern matches.</summary>
internal enum SplitBehavior { Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous }

/// <summary>Turns the matches of a pattern, given from left to right, into pieces.</summary>
internal struct MatchCutter(SplitBehavior behavior, bool invert, int offset, List<Piece> output) : IMatches
{
    private int _end;
    private int _heldStart;
    private int _heldEnd = -1;
    private bool _heldMatch;

    /// <summary>The next match; what lies before it and after the last one did not match.</summary>
    public void Match(int start, int end)
    {
        if (start > _end) Part(_end, start, invert);
        Part(start, end, !invert);
        _end = end;
    }

    internal void Finish(int length)
    {
        if (length > _end) Part(_end, length, invert);
        if (_heldEnd >= 0) Emit(_heldStart, _heldEnd);
    }

    private void Part(int start, int end, bool match)
    {
        switch (behavior)
        {
            case SplitBehavior.Removed:
                if (!match) Emit(start, end);
                break;
            case SplitBehavior.Isolated:
                Emit(start, end);
                break;
            case SplitBehavior.Contiguous:
                Hold(start, end, match, join: _heldMatch == match);
                break;
            case SplitBehavior.MergedWithPrevious:
                Hold(start, end, match, join: match && !_heldMatch);
                break;
            case SplitBehavior.MergedWithNext:
                Hold(start, end, match, join: !match && _heldMatch);
                break;
        }
    }

    private void Hold(int start, int end, bool match, bool join)
    {
        if (_heldEnd >= 0 && !join) Emit(_heldStart, _heldEnd);
        if (_heldEnd < 0 || !join) _heldStart = start;
        _heldEnd = end;
        _heldMatch = match;
    }

    private readonly void Emit(int start, int end)
    {
        if (end > start) output.Add(new(offset + start, offset + end, -1));
    }
}

/// <summary>Cuts at single characters.</summary>
internal sealed class CharacterCutter(Func<int, bool> isDelimiter, SplitBehavior behavior) : Cutter
{
    protected override void Cut(ReadOnlySpan<char> text, int offset, List<Piece> output)
    {
        var cutter = new MatchCutter(behavior, invert: false, offset, output);
        for (var i = 0; i < text.Length;)
        {
            var c = CodePointAt(text, i, out var units);
            if (isDelimiter(c)) cutter.Match(i, i + units);
            i += units;
        }
        cutter.Finish(text.Length);
    }
}

/// <summary>BERT's: white space goes, punctuation stands alone.</summary>
internal sealed class BertPreTokenizer : Cutter
{
    // 1: white space, 2: punctuation
    private static readonly byte[] Ascii = [.. Enumerable.Range(0, 128).Select(c => (byte)(UnicodeData.IsWhite(c) ? 1 : UnicodeData.IsPunctuation(c) ? 2 : 0))];

    protected override void Cut(ReadOnlySpan<char> text, int offset, List<Piece> output)
    {
        var start = 0;
        var ascii = Ascii;
        for (var i = 0; i < text.Length;)
        {
            int c = text[i];
            var units = 1;
            int kind;
            if (c < 128) kind = ascii[c];
            else
            {
                c = CodePointAt(text, i, out units);
                var flags = UnicodeData.Flags(c);
                kind = (flags & UnicodeData.White) != 0 ? 1 : (flags & UnicodeData.Punctuation) != 0 ? 2 : 0;
            }
            if (kind != 0)
            {
                if (i > start) output.Add(new(offset + start, offset + i, -1));
                if (kind == 2) output.Add(new(offset + i, offset + i + units, -1));
                start = i + units;
            }
            i += units;
        }
        if (text.Length > start) output.Add(new(offset + start, offset + text.Length, -1));
    }
}

/// <summary>Runs of word characters, and runs of what is neither word nor white space.</summary>
internal sealed class WhitespacePreTokenizer : Cutter
{
    protected override void Cut(ReadOnlySpan<char> text, int offset, List<Piece> output)
    {
        var (start, kind) = (0, 0);
        for (var i = 0; i < text.Length;)
        {
            var c = CodePointAt(text, i, out var units);
            var next = UnicodeData.Is(c, UnicodeData.RegexWord) ? 1 : UnicodeData.IsWhite(c) ? 0 : 2;
            if (next != kind)
            {
                if (kind != 0) output.Add(new(offset + start, offset + i, -1));
                (start, kind) = (i, next);
            }
            i += units;
        }
        if (kind != 0) output.Add(new(offset + start, offset + text.Length, -1));
    }
}

/// <summary>Cuts where the script changes; the kana count as Han.</summary>
internal sealed class UnicodeScriptsPreTokenizer : Cutter
{
    private static readonly int Han = UnicodeData.Script('中'), Hiragana = UnicodeData.Script('あ'), Katakana = UnicodeData.Script('ア');

    protected override void Cut(ReadOnlySpan<char> text, int offset, List<Piece> output)
    {
        var (start, last) = (-1, -1);
        for (var i = 0; i < text.Length;)
        {
            var c = CodePointAt(text, i, out var units);
            var script = c == 0x30FC ? Han : c == ' ' ? 0 : UnicodeData.Script(c);
            if (script == Hiragana || script == Katakana) script = Han;
            if (script != 0)
            {
                if (last != script)
                {
                    if (start >= 0) output.Add(new(offset + start, offset + i, -1));
                    start = i;
                }
                last = script;
            }
            i += units;
        }
        if (start >= 0) output.Add(new(offset + start, offset + text.Length, -1));
    }
}

/// <summary>Pieces of so many characters.</summary>
internal sealed class FixedLengthPreTokenizer(int length) : Cutter
{
    protected override void Cut(ReadOnlySpan<char> text, int offset, List<Piece> output)
    {
        var (start, count) = (0, 0);
        for (var i = 0; i < text.Length;)
        {
            CodePointAt(text, i, out var units);
            i += units;
            if (++count < length && i < text.Length) continue;
            output.Add(new(offset + start, offset + i, -1));
            (start, count) = (i, 0);
        }
    }
}

/// <summary>Sentencepiece's: spaces become a visible character, one is put before the text, and words begin with it.</summary>
internal sealed class MetaspacePreTokenizer(char replacement, PrependScheme scheme, bool split) : PreTokenizer
{
    internal override void Split(Workspace work)
    {
        foreach (var piece in CollectionsMarshal.AsSpan(work.Pieces))
            if (piece.Token < 0) work.Main.Chars.AsSpan(piece.Start, piece.End - piece.Start).Replace(' ', replacement);
        if (scheme != PrependScheme.Never) PieceRewriter.Prepend(work, replacement, onlyFirst: scheme == PrependScheme.First);
        if (!split) return;
        var output = work.SparePieces;
        output.Clear();
        foreach (var piece in CollectionsMarshal.AsSpan(work.Pieces))
        {
            if (piece.Token >= 0)
            {
                output.Add(piece);
                continue;
            }
            var text = work.Main.Chars.AsSpan(piece.Start, piece.End - piece.Start);
            var start = 0;
            while (true)
            {
                var next = text[(start + 1)..].IndexOf(replacement);
                if (next < 0) break;
                output.Add(new(piece.Start + start, piece.Start + start + 1 + next, -1));
                start += 1 + next;
            }
            output.Add(new(piece.Start + start, piece.End, -1));
        }
        work.SwapPieces();
    }
}

/// <summary>Where Metaspace puts its character before a text: at its very beginning, never, or before every piece.</summary>
internal enum PrependScheme { First, Never, Always }

/// <summary>Changes that concern the text of pieces one by one.</summary>
internal static class PieceRewriter
{
    /// <summary>Puts a character before every piece that doesn't begin with it.</summary>
    internal static void Prepend(Workspace work, char prefix, bool onlyFirst)
    {
        var (source, target) = (work.Main, work.Joined);
        var needed = false;
        foreach (var piece in CollectionsMarshal.AsSpan(work.Pieces)) needed |= Wants(piece);
        if (!needed) return;
        source.Materialize();
        target.BeginRewrite(source.Origin, source.Length + work.Pieces.Count);
        var output = work.SparePieces;
        output.Clear();
        foreach (var piece in CollectionsMarshal.AsSpan(work.Pieces))
        {
            var start = target.Length;
            if (Wants(piece)) target.Append(prefix, source.StartOf(piece.Start), source.EndOf(piece.Start));
            target.Append(source, piece.Start, piece.End);
            output.Add(new(start, target.Length, piece.Token));
        }
        work.SwapPieces();
        work.SwapMain();

        bool Wants(Piece piece) => piece.Token < 0 && source.Chars[piece.Start] != prefix && (!onlyFirst || source.StartOf(piece.Start) == 0);
    }

    /// <summary>Rewrites every piece as the visible characters of its bytes.</summary>
    internal static void ExpandBytes(Workspace work)
    {
        var (source, target) = (work.Main, work.Joined);
        source.Materialize();
        target.BeginRewrite(source.Origin, source.Length * 2);
        var output = work.SparePieces;
        output.Clear();
        Span<byte> bytes = stackalloc byte[4];
        foreach (var piece in CollectionsMarshal.AsSpan(work.Pieces))
        {
            var start = target.Length;
            if (piece.Token >= 0) target.Append(source, piece.Start, piece.End);
            else
                for (var i = piece.Start; i < piece.End;)
                {
                    var c = source.CodePointAt(i, out var units);
                    var count = new System.Text.Rune(c).EncodeToUtf8(bytes);
                    for (var k = 0; k < count; k++) target.Append(ByteAlphabet.CharOf[bytes[k]], source.StartOf(i), source.EndOf(i));
                    i += units;
                }
            output.Add(new(start, target.Length, piece.Token));
        }
        work.SwapPieces();
        work.SwapMain();
    }
}
