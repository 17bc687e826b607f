using System.Globalization;

namespace OnnxTransformers.Tokenizers;

/// <summary>Truncates the tokens of one or two sequences and puts them between the special tokens.</summary>
/// <param name="owner">Whose tokens they are.</param>
/// <param name="arrangement">The order of special tokens and sequences.</param>
/// <param name="spaces">How many spaces each token begins and ends with, where offsets are trimmed.</param>
/// <param name="options">What is wanted.</param>
/// <param name="work">The tokens, and room for the encoding.</param>
internal sealed class Assembler(Tokenizer owner, Arrangement arrangement, byte[]? spaces, EncodeOptions options, Workspace work)
{
    /// <summary>A stretch of a sequence's tokens.</summary>
    private readonly record struct Slice(int Start, int End);

    /// <summary>Builds the encoding of the sequences in the workspace.</summary>
    internal Encoding Assemble(object firstSource, object? secondSource)
    {
        var pair = secondSource is not null;
        var parts = arrangement.Parts(pair, options.AddSpecialTokens);
        var (first, second) = (new Slice(0, work.First.Count), new Slice(0, pair ? work.Second.Count : 0));
        if (options.Truncation is not { Strategy: not TruncationStrategy.DoNotTruncate } truncation) return Build(parts, firstSource, secondSource, first, second);
        List<Slice> a = [first], b = [second];
        Truncate(truncation, pair, a, b);
        var encoding = Build(parts, firstSource, secondSource, a[0], b[0]);
        if (a.Count > 1 || b.Count > 1)
            encoding.Overflowing = [.. Combine(parts, a.Count - 1, b.Count - 1).Select(c => Build(parts, firstSource, secondSource, a[c.A], b[c.B], c.A > 0, c.B > 0))];
        return encoding;
    }

    /// <summary>Which pieces of the two sequences make up each overflowing encoding, in the order in which the reference merges them.</summary>
    private static List<(int A, int B)> Combine(Part[] parts, int moreA, int moreB)
    {
        List<(int A, int B)> result = [];
        var main = (A: 0, B: 0);
        foreach (var part in parts)
        {
            if (part.Sequence < 0) continue;
            var more = part.Sequence == 0 ? moreA : moreB;
            (int, int) With((int A, int B) choice, int piece) => part.Sequence == 0 ? (piece, choice.B) : (choice.A, piece);
            List<(int A, int B)> next = [];
            foreach (var other in result)
            {
                next.Add(other);
                for (var i = 1; i <= more; i++) next.Add(With(other, i));
            }
            for (var i = 1; i <= more; i++) next.Add(With(main, i));
            result = next;
        }
        return result;
    }

    private Encoding Build(Part[] parts, object firstSource, object? secondSource, Slice a, Slice b, bool overflowA = false, bool overflowB = false)
    {
        var count = 0;
        foreach (var part in parts) count += part.Sequence < 0 ? 1 : part.Sequence == 0 ? a.End - a.Start : b.End - b.Start;
        var (ids, runs) = (new int[count], new Run[parts.Length]);
        work.Places.Clear();
        work.Names.Clear();
        var at = 0;
        for (var i = 0; i < parts.Length; i++)
        {
            var part = parts[i];
            var start = at;
            if (part.Sequence < 0)
            {
                ids[at] = part.Id;
                if (part.Token is not null && part.Token != owner.IdToToken(part.Id)) work.Names.Add(at, part.Token);
                at++;
            }
            else
            {
                var (tokens, slice) = part.Sequence == 0 ? (work.First, a) : (work.Second, b);
                tokens.Ids.AsSpan(slice.Start, slice.End - slice.Start).CopyTo(ids.AsSpan(at));
                Name(tokens, slice, at);
                Place(tokens, slice, at);
                at += slice.End - slice.Start;
            }
            var cut = part.Sequence == 0 ? overflowA : part.Sequence == 1 && overflowB;
            runs[i] = new(start, at, cut ? part.OverflowTypeId : part.TypeId, part.Sequence, Special: part.Sequence < 0, Attended: true);
        }
        return new(owner, firstSource, secondSource, ids, work.Places.ToArray(), runs, work.Names.ToCopy());
    }

    /// <summary>Keeps the names that are not what the id says already.</summary>
    private void Name(TokenBuffer tokens, Slice slice, int at)
    {
        var names = tokens.Names;
        for (var i = names.From(slice.Start); i < names.Count && names.Token(i) < slice.End; i++)
            if (!names.Name(i).SequenceEqual(owner.IdToToken(tokens.Ids[names.Token(i)]))) work.Names.Add(at + names.Token(i) - slice.Start, names.Name(i));
    }

    private void Place(TokenBuffer tokens, Slice slice, int at)
    {
        var places = work.Places;
        places.Begin();
        if (spaces is null)
            for (var i = slice.Start; i < slice.End; i++) places.Add(tokens.Offsets[i], tokens.Words[i]);
        else
            for (var i = slice.Start; i < slice.End; i++)
            {
                var (left, right) = Spaces(tokens.Ids[i], at + i - slice.Start);
                var offset = tokens.Offsets[i];
                if (left + right > 0)
                    foreach (var keepFirst in arrangement.Trims) offset = Trim(offset, left, right, keepFirst && (i == slice.Start || offset.Start == 0));
                places.Add(offset, tokens.Words[i]);
            }
    }

    /// <summary>How many spaces a token begins and ends with.</summary>
    private (int Left, int Right) Spaces(int id, int at)
    {
        if (work.Names.Count > 0 && work.Names.TryGet(at, out var name)) return CountSpaces(name);
        var (left, right) = (spaces![id] & 15, spaces[id] >> 4);
        return left < 15 && right < 15 ? (left, right) : CountSpaces(owner.IdToToken(id) ?? "");
    }

    /// <summary>Takes the spaces that a token begins and ends with out of its offsets.</summary>
    private static Offset Trim(Offset offset, int left, int right, bool keepOne)
    {
        var (start, end) = offset;
        if (left > 0 && !(keepOne && left == 1)) start = Math.Min(start + left, end);
        if (right > 0 && end >= right) end = Math.Max(end - right, start);
        return new(start, end);
    }

    internal static (int Left, int Right) CountSpaces(ReadOnlySpan<char> token)
    {
        var (left, right) = (0, 0);
        while (left < token.Length && IsSpace(token[left])) left++;
        while (right < token.Length && IsSpace(token[^(right + 1)])) right++;
        return (left, right);

        static bool IsSpace(char c) => c == '\u0120' || UnicodeData.IsWhite(c);
    }

    private void Truncate(Truncation truncation, bool pair, List<Slice> a, List<Slice> b)
    {
        var limit = truncation.MaxLength;
        var added = arrangement.Added[pair ? 1 : 0];
        if (truncation.MaxLength < 0 || truncation.Stride < 0)
            throw Refused($"a length of {Text(limit)} and a stride of {Text(truncation.Stride)}", "numbers of at least 0");
        // The reference measures the stride against a single text with its special tokens, whether they are added or not.
        var room = limit - arrangement.Added[0];
        if (room >= 0 && room < truncation.Stride) throw Refused($"a stride of {Text(truncation.Stride)}", $"at most the {Text(room)} tokens that a length of {Text(limit)} has room for");
        if (options.AddSpecialTokens && added > 0)
        {
            if (limit < added) throw Refused($"a length of {Text(limit)}", $"at least the {Text(added)} special tokens that are added");
            limit -= added;
        }
        var direction = truncation.Direction ?? owner.TruncationSide;
        var (n1, n2) = (a[0].End, pair ? b[0].End : 0);
        if (limit == 0)
        {
            Cut(a, 0, truncation.Stride, direction);
            if (pair) Cut(b, 0, truncation.Stride, direction);
            return;
        }
        var excess = n1 + n2 - limit;
        if (excess <= 0) return;
        if (truncation.Strategy == TruncationStrategy.LongestFirst)
        {
            if (!pair)
            {
                Cut(a, limit, truncation.Stride, direction);
                return;
            }
            var (shorter, longer) = (Math.Min(n1, n2), Math.Max(n1, n2));
            longer = shorter > limit ? shorter : Math.Max(shorter, limit - shorter);
            if (shorter + longer > limit)
            {
                shorter = limit / 2;
                longer = shorter + limit % 2;
            }
            Cut(a, n1 > n2 ? longer : shorter, truncation.Stride, direction);
            Cut(b, n1 > n2 ? shorter : longer, truncation.Stride, direction);
            return;
        }
        var onlyFirst = truncation.Strategy == TruncationStrategy.OnlyFirst;
        if (!onlyFirst && !pair) throw Refused("a single text to be shortened as the second", "a pair of texts for only_second");
        var (target, length) = onlyFirst ? (a, n1) : (b, n2);
        if (length <= excess) throw Refused($"a text of {Text(length)} tokens that {Text(excess)} should be cut from", "a text that is longer than what has to go");
        Cut(target, length - excess, truncation.Stride, direction);
    }

    private static void Cut(List<Slice> slices, int most, int stride, Side direction)
    {
        var length = slices[0].End;
        if (most >= length) return;
        slices.Clear();
        if (most == 0)
        {
            slices.AddRange([new(0, 0), new(0, length)]);
            return;
        }
        if (stride >= most) throw Refused($"a stride of {Text(stride)}", $"less than the {Text(most)} tokens that a piece has room for");
        var step = most - stride;
        if (direction == Side.Right)
            for (var start = 0; start < length; start += step)
            {
                var stop = Math.Min(start + most, length);
                slices.Add(new(start, stop));
                if (stop == length) break;
            }
        else
            for (var stop = length; stop > 0; stop -= step)
            {
                var start = Math.Max(0, stop - most);
                slices.Add(new(start, stop));
                if (start == 0) break;
            }
    }

    private static string Text(int n) => n.ToString(CultureInfo.InvariantCulture);

    private static InvalidInputException Refused(string found, string supported) => new("truncating", new Problem("truncation", found, supported));
}
