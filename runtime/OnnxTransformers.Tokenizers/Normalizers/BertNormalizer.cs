namespace OnnxTransformers.Tokenizers;

/// <summary>BERT's basic clean-up: control characters go, ideographs stand alone, accents go, letters become small.</summary>
internal sealed class BertNormalizer(bool cleanText, bool handleChinese, bool? stripAccents, bool lowercase) : Normalizer
{
    private readonly bool _strip = stripAccents ?? lowercase;

    internal override void Normalize(TextPair text)
    {
        if (IsPlain(text.Current.Span))
        {
            Plain(text.Current.Span);
            return;
        }
        if (cleanText) Clean(text);
        if (handleChinese) SetApart(text);
        if (_strip)
        {
            text.Normalization.Apply(text, compatible: false, compose: false);
            text.Filter(c => !UnicodeData.Is(c, UnicodeData.Nonspacing));
        }
        if (lowercase) LowercaseNormalizer.Apply(text);
    }

    /// <summary>Printable ASCII and white space: nothing is removed or inserted.</summary>
    private static bool IsPlain(ReadOnlySpan<char> text)
    {
        var i = text.IndexOfAnyExceptInRange(' ', '~');
        for (; i >= 0 && i < text.Length; i++)
            if (text[i] is not ((>= ' ' and <= '~') or '\t' or '\n' or '\r')) return false;
        return true;
    }

    private void Plain(Span<char> text)
    {
        foreach (ref var c in text)
        {
            if (c < ' ') c = cleanText ? ' ' : c;
            else if (lowercase && (uint)(c - 'A') < 26) c |= ' ';
        }
    }

    private static void Clean(TextPair text)
    {
        text.Filter(c => c is >= ' ' and <= '~' || !(c is 0 or 0xFFFD || c is not ('\t' or '\n' or '\r') && UnicodeData.Is(c, UnicodeData.Other)));
        foreach (ref var c in text.Current.Span)
            if (c != ' ' && UnicodeData.IsWhite(c)) c = ' ';
    }

    private static void SetApart(TextPair text)
    {
        var source = text.Current;
        if (!HasChinese(source)) return;
        text.Begin();
        for (var i = 0; i < source.Length;)
        {
            var c = source.CodePointAt(i, out var units);
            i += units;
            if (!IsChinese(c)) text.Put(c, 0);
            else
            {
                text.Put(' ', 0);
                text.Put(c, 1);
                text.Put(' ', 1);
            }
        }
        text.End();
    }

    private static bool HasChinese(AlignedText text)
    {
        var span = text.Span;
        for (var i = span.IndexOfAnyExceptInRange('\0', '\u33FF'); i >= 0 && i < span.Length;)
        {
            if (IsChinese(text.CodePointAt(i, out var units))) return true;
            i += units;
        }
        return false;
    }

    private static bool IsChinese(int c) =>
        c is (>= 0x4E00 and <= 0x9FFF) or (>= 0x3400 and <= 0x4DBF) or (>= 0x20000 and <= 0x2A6DF) or (>= 0x2A700 and <= 0x2B73F) or (>= 0x2B740 and <= 0x2B81F)
            or (>= 0x2B920 and <= 0x2CEAF) or (>= 0xF900 and <= 0xFAFF) or (>= 0x2F800 and <= 0x2FA1F);
}
