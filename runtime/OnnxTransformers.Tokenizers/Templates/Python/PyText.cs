using System.Buffers;
using System.Globalization;
using System.Text;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>What Python's str knows about characters. Lengths are code points where a name says so, UTF-16 elsewhere.</summary>
internal static class PyText
{
    /// <summary>The characters that Python's isspace() accepts.</summary>
    internal static readonly SearchValues<char> Spaces = SearchValues.Create("\t\n\v\f\r\u001C\u001D\u001E\u001F \u0085\u00A0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200A\u2028\u2029\u202F\u205F\u3000");

    internal static readonly SearchValues<char> LineEnds = SearchValues.Create("\n\r\v\f\u001C\u001D\u001E\u0085\u2028\u2029");

    internal static bool IsSpace(char c) => c == ' ' || Spaces.Contains(c);

    internal static int WidthAt(string text, int at) => char.IsHighSurrogate(text[at]) && at + 1 < text.Length && char.IsLowSurrogate(text[at + 1]) ? 2 : 1;

    internal static int CodePoints(ReadOnlySpan<char> text)
    {
        var count = text.Length;
        for (var at = text.IndexOfAnyInRange('\uD800', '\uDBFF'); at >= 0 && at + 1 < text.Length;)
        {
            if (char.IsLowSurrogate(text[at + 1])) count--;
            var next = text[(at + 1)..].IndexOfAnyInRange('\uD800', '\uDBFF');
            at = next < 0 ? -1 : at + 1 + next;
        }
        return count;
    }

    /// <summary>The UTF-16 offset of a code point; the length where there are fewer.</summary>
    internal static int Offset(ReadOnlySpan<char> text, int codePoint)
    {
        var at = 0;
        for (; codePoint > 0 && at < text.Length; codePoint--)
            at += char.IsHighSurrogate(text[at]) && at + 1 < text.Length && char.IsLowSurrogate(text[at + 1]) ? 2 : 1;
        return at;
    }

    internal static int[] Offsets(string text)
    {
        var offsets = new int[CodePoints(text)];
        for (int i = 0, at = 0; i < offsets.Length; i++)
        {
            offsets[i] = at;
            at += WidthAt(text, at);
        }
        return offsets;
    }

    /// <summary>Orders by code points, where UTF-16 orders surrogates before U+E000.</summary>
    internal static int Compare(string a, string b)
    {
        var at = a.AsSpan().CommonPrefixLength(b);
        if (at == a.Length || at == b.Length) return a.Length.CompareTo(b.Length);
        return Rank(a[at]).CompareTo(Rank(b[at]));

        static int Rank(char c) => c < '\uD800' ? c : c < '\uE000' ? c + 0x2000 : c - 0x800;
    }

    internal static string Trim(string text, string? characters) => TrimStart(TrimEnd(text, characters), characters);

    internal static string TrimEnd(string text, string? characters = null)
    {
        var end = text.Length;
        if (characters is null)
        {
            while (end > 0 && IsSpace(text[end - 1])) end--;
            return text[..end];
        }
        while (end > 0)
        {
            var start = end > 1 && char.IsLowSurrogate(text[end - 1]) && char.IsHighSurrogate(text[end - 2]) ? end - 2 : end - 1;
            if (!characters.AsSpan().Contains(text.AsSpan(start, end - start), StringComparison.Ordinal)) break;
            end = start;
        }
        return text[..end];
    }

    internal static string TrimStart(string text, string? characters = null)
    {
        var start = 0;
        if (characters is null)
        {
            while (start < text.Length && IsSpace(text[start])) start++;
            return text[start..];
        }
        while (start < text.Length)
        {
            var width = WidthAt(text, start);
            if (!characters.AsSpan().Contains(text.AsSpan(start, width), StringComparison.Ordinal)) break;
            start += width;
        }
        return text[start..];
    }

    internal static List<string> Lines(string text, bool keepEnds = false)
    {
        var lines = new List<string>();
        for (var start = 0; start < text.Length;)
        {
            var length = text.AsSpan(start).IndexOfAny(LineEnds);
            var end = length < 0 ? text.Length : start + length;
            var next = length < 0 ? end : text[end] == '\r' && end + 1 < text.Length && text[end + 1] == '\n' ? end + 2 : end + 1;
            lines.Add(text[start..(keepEnds ? next : end)]);
            start = next;
        }
        return lines;
    }

    internal static List<string> Words(string text, long most, bool fromEnd)
    {
        var words = new List<string>();
        if (fromEnd)
        {
            var end = text.Length;
            while (true)
            {
                while (end > 0 && IsSpace(text[end - 1])) end--;
                if (end == 0) break;
                if (words.Count == most)
                {
                    words.Add(text[..end]);
                    break;
                }
                var start = end;
                while (start > 0 && !IsSpace(text[start - 1])) start--;
                words.Add(text[start..end]);
                end = start;
            }
            words.Reverse();
            return words;
        }
        for (var at = 0; ;)
        {
            while (at < text.Length && IsSpace(text[at])) at++;
            if (at == text.Length) return words;
            var end = at;
            if (words.Count == most)
            {
                words.Add(text[at..]);
                return words;
            }
            while (end < text.Length && !IsSpace(text[end])) end++;
            words.Add(text[at..end]);
            at = end;
        }
    }

    internal static string Upper(string text) => Map(text, CaseTables.Upper, static s => s.ToUpperInvariant());

    internal static string Lower(string text)
    {
        var lower = text.ToLowerInvariant();
        if (!text.AsSpan().ContainsAny('\u0130', '\u03A3')) return lower;
        var result = new StringBuilder(lower.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '\u0130') result.Append("i\u0307");
            else result.Append(text[i] == '\u03A3' && IsFinalSigma(text, i) ? '\u03C2' : lower[i]);
        }
        return result.ToString();
    }

    /// <summary>A sigma at the end of a word: a cased letter before it, none after, ignoring marks and the like.</summary>
    private static bool IsFinalSigma(string text, int at)
    {
        var before = at - 1;
        while (before >= 0 && IsCaseIgnorable(text[before])) before--;
        if (before < 0 || !IsCased(text[before])) return false;
        var after = at + 1;
        while (after < text.Length && IsCaseIgnorable(text[after])) after++;
        return after >= text.Length || !IsCased(text[after]);
    }

    private static bool IsCaseIgnorable(char c) => c is '\'' or '.' or ':' or '^' or '`' or '\u00B7' or '\u2019' ||
        char.GetUnicodeCategory(c) is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format or UnicodeCategory.ModifierLetter or UnicodeCategory.ModifierSymbol;

    private static bool IsCased(char c) =>
        char.GetUnicodeCategory(c) is UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter;

    internal static string Fold(string text) => Map(text, CaseTables.Fold, static s => s.ToLowerInvariant());

    internal static string TitleOne(string character) =>
        character.Length == 1 && CaseTables.Title.TryGetValue(character[0], out var title) ? title : Upper(character);

    private static string Map(string text, Dictionary<char, string> special, Func<string, string> simple)
    {
        // The special ones start at U+00B5.
        var at = text.AsSpan().IndexOfAnyExceptInRange('\0', '\u00B4');
        if (at < 0) return simple(text);
        var result = new StringBuilder(text.Length);
        var start = 0;
        for (; at < text.Length; at++)
        {
            if (!special.TryGetValue(text[at], out var mapped)) continue;
            result.Append(simple(text[start..at])).Append(mapped);
            start = at + 1;
        }
        return start == 0 ? simple(text) : result.Append(simple(text[start..])).ToString();
    }

    internal static string Capitalize(string text)
    {
        if (text.Length == 0) return text;
        var width = WidthAt(text, 0);
        return TitleOne(text[..width]) + Lower(text)[Lower(text[..width]).Length..];
    }

    internal static string Title(string text)
    {
        var lower = text.ToLowerInvariant();
        var result = new StringBuilder(text.Length);
        var inside = false;
        for (var i = 0; i < text.Length;)
        {
            var width = WidthAt(text, i);
            var character = text.Substring(i, width);
            var cased = Rune.GetUnicodeCategory(RuneAt(text, i)) is UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter;
            if (inside)
                result.Append(character == "\u03A3" && IsFinalSigma(text, i) ? "\u03C2" : character == "\u0130" ? "i\u0307" : lower.Substring(i, width));
            else result.Append(TitleOne(character));
            inside = cased;
            i += width;
        }
        return result.ToString();
    }

    internal static string SwapCase(string text)
    {
        var result = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length;)
        {
            var width = WidthAt(text, i);
            var character = text.Substring(i, width);
            var category = Rune.GetUnicodeCategory(RuneAt(text, i));
            result.Append(character == "\u03A3" && IsFinalSigma(text, i) ? "\u03C2" : category == UnicodeCategory.UppercaseLetter ? Lower(character) : category == UnicodeCategory.LowercaseLetter ? Upper(character) : character);
            i += width;
        }
        return result.ToString();
    }

    internal static Rune RuneAt(string text, int at) => Rune.TryGetRuneAt(text, at, out var rune) ? rune : Rune.ReplacementChar;

    internal static bool IsLetter(Rune rune) => Rune.IsLetter(rune);

    internal static bool IsDecimal(Rune rune) => Rune.GetUnicodeCategory(rune) == UnicodeCategory.DecimalDigitNumber;

    internal static bool IsDigit(Rune rune) =>
        IsDecimal(rune) || (Rune.GetUnicodeCategory(rune) == UnicodeCategory.OtherNumber && rune.IsBmp && CharUnicodeInfo.GetDigitValue((char)rune.Value) >= 0);

    /// <summary>Han characters that are numbers (Unihan's numeric values).</summary>
    private const string HanNumbers =
        "\u3405\u3483\u382A\u3B4D\u4E00\u4E03\u4E07\u4E09\u4E5D\u4E8C\u4E94\u4E96\u4EBF\u4EC0\u4EDF\u4EE8\u4F0D\u4F70\u5104\u5146\u5169\u516B\u516D\u5341" +
        "\u5343\u5344\u5345\u534C\u53C1\u53C2\u53C3\u53C4\u56DB\u58F1\u58F9\u5E7A\u5EFE\u5EFF\u5F0C\u5F0D\u5F0E\u5F10\u62FE\u634C\u67D2\u6F06\u7396\u767E" +
        "\u8086\u842C\u8CAE\u8CB3\u8D30\u9621\u9646\u964C\u9678\u96F6\uF96B\uF973\uF978\uF9B2\uF9D1\uF9D3\uF9FD";

    internal static bool IsNumeric(Rune rune) =>
        IsDecimal(rune) || Rune.GetUnicodeCategory(rune) is UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber || (rune.IsBmp && HanNumbers.Contains((char)rune.Value));

    internal static bool IsAlphanumeric(Rune rune) => IsLetter(rune) || IsNumeric(rune);

    /// <summary>False for what repr() writes as an escape.</summary>
    internal static bool IsPrintable(Rune rune) => rune.Value == ' ' || Rune.GetUnicodeCategory(rune) is not
        (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned
        or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.SpaceSeparator);
}
