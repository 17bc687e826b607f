using System.Runtime.InteropServices;

namespace OnnxTransformers.Tokenizers;

/// <summary>Cuts normalized text into pieces.</summary>
internal interface IPieceSegmenter
{
    /// <summary>Writes the pieces (Ids) and their lengths in bytes (Lengths), and returns how many there are.</summary>
    int Cut(ReadOnlySpan<byte> text, ModelScratch scratch);
}

/// <summary>Growable output of a segmenter.</summary>
internal static class PieceOutput
{
    internal static void Add(ModelScratch scratch, ref int count, int piece, int length)
    {
        if (count == scratch.Ids.Length || count == scratch.Lengths.Length)
        {
            var size = Math.Max(scratch.Ids.Length, scratch.Lengths.Length) * 2;
            Array.Resize(ref scratch.Ids, size);
            Array.Resize(ref scratch.Lengths, size);
        }
        (scratch.Ids[count], scratch.Lengths[count]) = (piece, length);
        count++;
    }

    internal static int Width(byte first) => first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;

    /// <summary>The pieces that a test accepts, by their text.</summary>
    internal static Vocabulary Pieces(SentencePieceFile file, Func<PieceKind, bool> wanted)
    {
        var pieces = new Vocabulary();
        for (var i = 0; i < file.Pieces.Length; i++)
            if (wanted(file.Pieces[i].Kind)) pieces.Add(file.Pieces[i].Text, i);
        return pieces.Freeze();
    }

    /// <summary>The longest piece of a tree that <paramref name="text"/> begins with: its length in bytes, or 0.</summary>
    internal static int Longest(ByteTrie trie, ReadOnlySpan<byte> text, out int piece)
    {
        (piece, var length, var node) = (-1, 0, 0);
        for (var i = 0; i < text.Length; i++)
        {
            node = trie.Next(node, text[i]);
            if (node < 0) break;
            if (trie.IdOf(node) is not (>= 0 and var id)) continue;
            (piece, length) = (id, i + 1);
        }
        return length;
    }
}

/// <summary>The most probable pieces (unigram_model.cc): scores in single precision, user-defined pieces before all others.</summary>
internal sealed class UnigramSegmenter : IPieceSegmenter
{
    private const float UnknownPenalty = 10;

    private readonly ByteTrie _trie;
    private readonly double[] _scores;
    private readonly bool[] _userDefined;
    private readonly double _userScore;
    private readonly float _unknownScore;
    private readonly int _unknown;

    internal UnigramSegmenter(SentencePieceFile file)
    {
        _trie = new(PieceOutput.Pieces(file, k => k is PieceKind.Normal or PieceKind.UserDefined));
        _scores = [.. file.Pieces.Select(p => (double)p.Score)];
        _userDefined = [.. file.Pieces.Select(p => p.Kind == PieceKind.UserDefined)];
        // The highest score begins at the smallest positive number there, so it never falls below.
        var (least, most) = (float.MaxValue, 1.17549435e-38f);
        foreach (var piece in file.Pieces)
            if (piece.Kind == PieceKind.Normal) (least, most) = (Math.Min(least, piece.Score), Math.Max(most, piece.Score));
        (_userScore, _unknownScore, _unknown) = (most, least - UnknownPenalty, file.Unknown);
    }

    public int Cut(ReadOnlySpan<byte> text, ModelScratch scratch)
    {
        ModelScratch.Fit(ref scratch.Scores, text.Length + 1);
        ModelScratch.Fit(ref scratch.Begins, text.Length + 1);
        ModelScratch.Fit(ref scratch.Next, text.Length + 1);
        var (scores, begins, pieces) = (scratch.Scores, scratch.Begins, scratch.Next);
        begins.AsSpan(0, text.Length + 1).Fill(-1);
        scores[0] = 0;
        for (var start = 0; start < text.Length;)
        {
            var width = Math.Min(PieceOutput.Width(text[start]), text.Length - start);
            var (here, single, node) = ((float)scores[start], false, 0);
            for (var end = start; end < text.Length;)
            {
                node = _trie.Next(node, text[end++]);
                if (node < 0) break;
                if (_trie.IdOf(node) is not (>= 0 and var piece)) continue;
                var score = (_userDefined[piece] ? (end - start) * (float)_userScore - 0.1 : _scores[piece]) + here;
                Offer(end, score, piece);
                single |= end - start == width;
            }
            if (!single) Offer(start + width, _unknownScore + here, _unknown);
            start += width;

            void Offer(int end, double score, int piece)
            {
                if (begins[end] >= 0 && score <= scores[end]) return;
                (scores[end], begins[end], pieces[end]) = ((float)score, start, piece);
            }
        }
        var count = 0;
        for (var end = text.Length; end > 0; end = begins[end]) PieceOutput.Add(scratch, ref count, pieces[end], end - begins[end]);
        Array.Reverse(scratch.Ids, 0, count);
        Array.Reverse(scratch.Lengths, 0, count);
        return count;
    }
}

/// <summary>Pairs merged by score (bpe_model.cc): user-defined pieces are never touched, unused ones are taken apart again.</summary>
internal sealed class BytePairSegmenter : IPieceSegmenter
{
    private readonly Vocabulary _pieces;
    private readonly ByteTrie _userDefined;
    private readonly SentencePieceFile _file;
    private readonly bool _hasUnused;

    internal BytePairSegmenter(SentencePieceFile file)
    {
        _file = file;
        _pieces = PieceOutput.Pieces(file, k => k is PieceKind.Normal or PieceKind.UserDefined or PieceKind.Unused);
        _userDefined = new(PieceOutput.Pieces(file, k => k is PieceKind.UserDefined));
        _hasUnused = file.Pieces.Any(p => p.Kind == PieceKind.Unused);
    }

    private record struct Symbol(int Start, int Length, int Previous, int Next, bool Frozen);

    private readonly record struct Pair(int Left, int Right, int Length);

    private readonly record struct Rank(float Score, int Left) : IComparable<Rank>
    {
        public int CompareTo(Rank other) => other.Score.CompareTo(Score) is var order and not 0 ? order : Left.CompareTo(other.Left);
    }

    public int Cut(ReadOnlySpan<byte> text, ModelScratch scratch)
    {
        var list = new List<Symbol>(text.Length);
        for (var at = 0; at < text.Length;)
        {
            var length = PieceOutput.Longest(_userDefined, text[at..], out _);
            var frozen = length > 0;
            if (!frozen) length = Math.Min(PieceOutput.Width(text[at]), text.Length - at);
            list.Add(new(at, length, list.Count - 1, at + length < text.Length ? list.Count + 1 : -1, frozen));
            at += length;
        }
        var symbols = CollectionsMarshal.AsSpan(list);
        var queue = new PriorityQueue<Pair, Rank>();
        var apart = _hasUnused ? new Dictionary<(int Start, int Length), int>() : null;
        for (var i = 0; i + 1 < symbols.Length; i++) Offer(i, i + 1, symbols, text);
        while (queue.TryDequeue(out var pair, out _))
        {
            ref var left = ref symbols[pair.Left];
            ref var right = ref symbols[pair.Right];
            if (left.Length == 0 || right.Length == 0 || left.Length + right.Length != pair.Length) continue;
            left.Length += right.Length;
            left.Next = right.Next;
            if (right.Next >= 0) symbols[right.Next].Previous = pair.Left;
            right.Length = 0;
            Offer(left.Previous, pair.Left, symbols, text);
            Offer(pair.Left, left.Next, symbols, text);
        }
        var count = 0;
        for (var i = symbols.Length == 0 ? -1 : 0; i >= 0; i = symbols[i].Next) Emit(symbols[i].Start, symbols[i].Length, text, ref count);
        return count;

        void Offer(int left, int right, Span<Symbol> all, ReadOnlySpan<byte> bytes)
        {
            if (left < 0 || right < 0 || all[left].Frozen || all[right].Frozen) return;
            var (start, length) = (all[left].Start, all[left].Length + all[right].Length);
            if (length > _pieces.Longest || _pieces.Find(bytes.Slice(start, length)) is not (>= 0 and var piece)) return;
            queue.Enqueue(new(left, right, length), new(_file.Pieces[piece].Score, left));
            if (_file.Pieces[piece].Kind == PieceKind.Unused) apart![(start, length)] = all[left].Length;
        }

        void Emit(int start, int length, ReadOnlySpan<byte> bytes, ref int written)
        {
            var piece = _pieces.Find(bytes.Slice(start, length));
            if (piece >= 0 && _file.Pieces[piece].Kind == PieceKind.Unused && apart!.TryGetValue((start, length), out var cut))
            {
                Emit(start, cut, bytes, ref written);
                Emit(start + cut, length - cut, bytes, ref written);
                return;
            }
            PieceOutput.Add(scratch, ref written, piece >= 0 ? piece : _file.Unknown, length);
        }
    }
}

/// <summary>Every character is a piece (char_model.cc).</summary>
internal sealed class CharacterSegmenter(SentencePieceFile file) : IPieceSegmenter
{
    private readonly Vocabulary _pieces = PieceOutput.Pieces(file, _ => true);
    private readonly ByteTrie _userDefined = new(PieceOutput.Pieces(file, k => k is PieceKind.UserDefined));

    public int Cut(ReadOnlySpan<byte> text, ModelScratch scratch)
    {
        var count = 0;
        for (var at = 0; at < text.Length;)
        {
            var length = PieceOutput.Longest(_userDefined, text[at..], out _);
            if (length == 0) length = Math.Min(PieceOutput.Width(text[at]), text.Length - at);
            PieceOutput.Add(scratch, ref count, _pieces.Find(text.Slice(at, length)) is var piece and >= 0 ? piece : file.Unknown, length);
            at += length;
        }
        return count;
    }
}

/// <summary>Every word is a piece (word_model.cc).</summary>
internal sealed class WordSegmenter(SentencePieceFile file) : IPieceSegmenter
{
    private readonly Vocabulary _pieces = PieceOutput.Pieces(file, _ => true);

    public int Cut(ReadOnlySpan<byte> text, ModelScratch scratch)
    {
        var space = "\u2581"u8;
        var count = 0;
        for (var start = 0; start < text.Length;)
        {
            int end;
            if (file.SpaceAsSuffix) end = text[start..].IndexOf(space) is var at and >= 0 ? start + at + space.Length : text.Length;
            else end = start + 1 < text.Length && text[(start + 1)..].IndexOf(space) is var next and >= 0 ? start + 1 + next : text.Length;
            PieceOutput.Add(scratch, ref count, _pieces.Find(text[start..end]) is var piece and >= 0 ? piece : file.Unknown, end - start);
            start = end;
        }
        return count;
    }
}
