namespace OnnxTransformers.Tokenizers;

/// <summary>Extended grapheme clusters (UAX 29).</summary>
internal static class Graphemes
{
    private enum Class { Any, CR, LF, Control, Extend, Joiner, Regional, Prepend, SpacingMark, L, V, T, LV, LVT, Pictograph, Consonant }

    /// <summary>The end of the cluster that begins at <paramref name="start"/>.</summary>
    internal static int End(ReadOnlySpan<char> text, int start)
    {
        var at = start;
        var before = Next(text, ref at);
        while (at < text.Length)
        {
            var end = at;
            var after = Next(text, ref end);
            if (IsBoundary(text, start, at, before, after)) return at;
            (at, before) = (end, after);
        }
        return at;
    }

    private static Class Next(ReadOnlySpan<char> text, ref int at)
    {
        int c = text[at++];
        if (char.IsHighSurrogate((char)c) && at < text.Length) c = char.ConvertToUtf32((char)c, text[at++]);
        return ClassOf(c);
    }

    private static Class ClassOf(int c) => (Class)(UnicodeData.Flags(c) >> 16 & 15);

    private static bool IsBoundary(ReadOnlySpan<char> text, int start, int at, Class before, Class after) => (before, after) switch
    {
        (Class.CR, Class.LF) => false,
        (Class.Control or Class.CR or Class.LF, _) or (_, Class.Control or Class.CR or Class.LF) => true,
        (Class.L, Class.L or Class.V or Class.LV or Class.LVT) or (Class.LV or Class.V, Class.V or Class.T) or (Class.LVT or Class.T, Class.T) => false,
        (_, Class.Extend or Class.Joiner or Class.SpacingMark) or (Class.Prepend, _) => false,
        (_, Class.Consonant) => !IsConjunct(text, start, at),
        (Class.Joiner, Class.Pictograph) => !IsEmoji(text, start, at),
        (Class.Regional, Class.Regional) => CountRegional(text, start, at) % 2 == 0,
        _ => true,
    };

    /// <summary>A consonant, and at least one linker among the marks after it.</summary>
    private static bool IsConjunct(ReadOnlySpan<char> text, int start, int at)
    {
        var linked = false;
        while (at > start)
        {
            var c = Previous(text, ref at);
            var flags = UnicodeData.Flags(c);
            if ((flags & UnicodeData.ConjunctLinker) != 0) linked = true;
            else if ((flags & UnicodeData.ConjunctExtend) == 0) return linked && ClassOf(c) == Class.Consonant;
        }
        return false;
    }

    /// <summary>A pictograph, marks, and the joiner.</summary>
    private static bool IsEmoji(ReadOnlySpan<char> text, int start, int at)
    {
        Previous(text, ref at);
        while (at > start)
        {
            var kind = ClassOf(Previous(text, ref at));
            if (kind != Class.Extend) return kind == Class.Pictograph;
        }
        return false;
    }

    private static int CountRegional(ReadOnlySpan<char> text, int start, int at)
    {
        var count = 0;
        while (at > start && ClassOf(Previous(text, ref at)) == Class.Regional) count++;
        return count;
    }

    private static int Previous(ReadOnlySpan<char> text, ref int at)
    {
        int c = text[--at];
        return char.IsLowSurrogate((char)c) && at > 0 ? char.ConvertToUtf32(text[--at], (char)c) : c;
    }
}
