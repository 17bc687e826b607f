using System.Runtime.CompilerServices;

namespace OnnxTransformers.Tokenizers;

/// <summary>The regular expressions that nearly all byte-level vocabularies were trained with.</summary>
internal enum WordPattern { Gpt2, Llama3, Qwen2, O200k }

/// <summary>Hand-written matchers of the regular expressions of <see cref="WordPattern"/>; every character belongs to a match, so all behaviours but Removed give the same pieces.</summary>
internal sealed class WordScanner(WordPattern pattern, SplitBehavior behavior) : Cutter
{
    private const int Letter = 1, Number = 2, Space = 4, Break = 8, Upper = 16, Lower = 32, Mark = 64;

    private static readonly byte[] Ascii = [.. Enumerable.Range(0, 128).Select(c => (byte)Classify(c))];

    /// <summary>The texts of the expressions that a scanner exists for.</summary>
    internal static readonly IReadOnlyDictionary<string, WordPattern> Known = new Dictionary<string, WordPattern>(StringComparer.Ordinal)
    {
        [@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"] = WordPattern.Gpt2,
        [@"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"] = WordPattern.Llama3,
        [@"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"] = WordPattern.Qwen2,
        [@"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"] = WordPattern.O200k,
    };

    private static int Classify(int c)
    {
        var flags = UnicodeData.Flags(c);
        var kind = (Category)(flags & 31) switch
        {
            Category.Lu or Category.Lt => Letter | Upper,
            Category.Ll => Letter | Lower,
            Category.Lm or Category.Lo => Letter | Upper | Lower,
            Category.Mn or Category.Mc or Category.Me => Mark | Upper | Lower,
            Category.Nd or Category.Nl or Category.No => Number,
            _ => 0,
        };
        if ((flags & UnicodeData.White) != 0) kind |= Space;
        return c is '\r' or '\n' ? kind | Break : kind;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int ClassAt(ReadOnlySpan<char> text, int i, out int units)
    {
        units = 1;
        var c = text[i];
        return c < 128 ? Ascii[c] : WideClassAt(text, i, out units);
    }

    private static int WideClassAt(ReadOnlySpan<char> text, int i, out int units) => Classify(CodePointAt(text, i, out units));

    protected override void Cut(ReadOnlySpan<char> text, int offset, List<Piece> output)
    {
        for (var i = 0; i < text.Length;)
        {
            var end = pattern switch
            {
                WordPattern.Gpt2 => Gpt2(text, i),
                WordPattern.O200k => O200k(text, i),
                _ => Llama3(text, i, pattern == WordPattern.Llama3 ? 3 : 1),
            };
            if (behavior != SplitBehavior.Removed) output.Add(new(offset + i, offset + end, -1));
            i = end;
        }
    }

    private static int Gpt2(ReadOnlySpan<char> text, int i)
    {
        var c = text[i];
        if (c == '\'' && Contraction(text, i, ignoreCase: false) is var end and > 0) return end;
        var at = i;
        var kind = ClassAt(text, at, out var units);
        if (c == ' ' && i + 1 < text.Length)
        {
            var next = ClassAt(text, i + 1, out var nextUnits);
            if ((next & Space) == 0) (at, kind, units) = (i + 1, next, nextUnits);
        }
        if ((kind & Space) != 0) return Spaces(text, i);
        var wanted = kind & (Letter | Number);
        at += units;
        while (at < text.Length)
        {
            kind = ClassAt(text, at, out units);
            if ((kind & (Letter | Number | Space)) != wanted) break;
            at += units;
        }
        return at;
    }

    private static int Llama3(ReadOnlySpan<char> text, int i, int digits)
    {
        var c = text[i];
        if (c == '\'' && Contraction(text, i, ignoreCase: true) is var end and > 0) return end;
        var kind = ClassAt(text, i, out var units);
        if ((kind & Letter) != 0) return Run(text, i + units, Letter);
        if ((kind & Number) != 0) return Digits(text, i + units, digits - 1);
        if ((kind & Break) == 0 && i + units < text.Length && (ClassAt(text, i + units, out var nextUnits) & Letter) != 0) return Run(text, i + units + nextUnits, Letter);
        if (Symbols(text, i, c, kind, units, slash: false) is var symbols and > 0) return symbols;
        return SpacesAndBreaks(text, i);
    }

    private static int O200k(ReadOnlySpan<char> text, int i)
    {
        var c = text[i];
        var kind = ClassAt(text, i, out var units);
        var prefix = (kind & (Break | Letter | Number)) == 0;
        var end = prefix ? Cased(text, i + units) : -1;
        if (end < 0) end = Cased(text, i);
        if (end < 0 && prefix) end = Capitals(text, i + units);
        if (end < 0) end = Capitals(text, i);
        if (end > 0) return end < text.Length && text[end] == '\'' && Contraction(text, end, ignoreCase: true) is var more and > 0 ? more : end;
        if ((kind & Number) != 0) return Digits(text, i + units, 2);
        if (Symbols(text, i, c, kind, units, slash: true) is var symbols and > 0) return symbols;
        return SpacesAndBreaks(text, i);
    }

    /// <summary>Capitals, then at least one small letter; characters without case count as both.</summary>
    private static int Cased(ReadOnlySpan<char> text, int i)
    {
        var at = i;
        var lastLower = -1;
        while (at < text.Length)
        {
            var kind = ClassAt(text, at, out var units);
            if ((kind & Upper) == 0)
            {
                if ((kind & Lower) != 0) return Run(text, at, Lower);
                break;
            }
            at += units;
            if ((kind & Lower) != 0) lastLower = at;
        }
        return lastLower;
    }

    private static int Capitals(ReadOnlySpan<char> text, int i)
    {
        var end = Run(text, i, Upper);
        return end == i ? -1 : Run(text, end, Lower);
    }

    private static int Run(ReadOnlySpan<char> text, int i, int wanted)
    {
        while (i < text.Length && (ClassAt(text, i, out var units) & wanted) != 0) i += units;
        return i;
    }

    private static int Digits(ReadOnlySpan<char> text, int i, int more)
    {
        while (more-- > 0 && i < text.Length && (ClassAt(text, i, out var units) & Number) != 0) i += units;
        return i;
    }

    /// <summary>A space if there is one, what is neither letter, number nor space, and the line breaks after it; -1 where there is none.</summary>
    private static int Symbols(ReadOnlySpan<char> text, int i, char c, int kind, int units, bool slash)
    {
        var at = i;
        if (c == ' ' && i + 1 < text.Length)
        {
            at++;
            kind = ClassAt(text, at, out units);
        }
        if ((kind & (Letter | Number | Space)) != 0) return -1;
        at += units;
        while (at < text.Length && (ClassAt(text, at, out units) & (Letter | Number | Space)) == 0) at += units;
        while (at < text.Length && (text[at] is '\r' or '\n' || slash && text[at] == '/')) at++;
        return at;
    }

    /// <summary>White space; the last one is left for the word after it.</summary>
    private static int Spaces(ReadOnlySpan<char> text, int i)
    {
        var end = i + 1;
        while (end < text.Length && UnicodeData.IsWhite(text[end])) end++;
        return end == text.Length || end == i + 1 ? end : end - 1;
    }

    private static int SpacesAndBreaks(ReadOnlySpan<char> text, int i)
    {
        var (end, afterBreak) = (i, -1);
        while (end < text.Length && UnicodeData.IsWhite(text[end]))
            if (text[end++] is '\r' or '\n') afterBreak = end;
        if (afterBreak > 0) return afterBreak;
        return end == text.Length || end == i + 1 ? end : end - 1;
    }

    /// <summary>The end of an English contraction at an apostrophe, or -1.</summary>
    private static int Contraction(ReadOnlySpan<char> text, int i, bool ignoreCase)
    {
        if (i + 1 >= text.Length) return -1;
        var a = text[i + 1];
        if (ignoreCase) a = a == '\u017F' ? 's' : char.ToLowerInvariant(a);
        if (a is 's' or 't' or 'm' or 'd') return i + 2;
        if (i + 2 >= text.Length) return -1;
        var b = ignoreCase ? char.ToLowerInvariant(text[i + 2]) : text[i + 2];
        return (a, b) is ('r', 'e') or ('v', 'e') or ('l', 'l') ? i + 3 : -1;
    }
}
