namespace OnnxTransformers.Tokenizers;

/// <summary>A step that rewrites a text before it is split.</summary>
internal abstract class Normalizer
{
    /// <summary>Rewrites the current text of <paramref name="text"/>.</summary>
    internal abstract void Normalize(TextPair text);

    /// <summary>What a text becomes, where nobody asks for its alignment.</summary>
    internal string Normalize(string text)
    {
        var pair = new TextPair();
        pair.Current.Load(text, 0);
        Normalize(pair);
        return pair.Current.Span.ToString();
    }
}

/// <summary>Normalizers one after the other.</summary>
internal sealed class NormalizerSequence(Normalizer[] steps) : Normalizer
{
    internal override void Normalize(TextPair text)
    {
        foreach (var step in steps) step.Normalize(text);
    }
}

/// <summary>NFC, NFD, NFKC and NFKD.</summary>
internal sealed class UnicodeNormalizer(bool compatible, bool compose) : Normalizer
{
    internal override void Normalize(TextPair text) => text.Normalization.Apply(text, compatible, compose);
}

/// <summary>Removes the marks that combine with a letter; decompose before.</summary>
internal sealed class StripAccentsNormalizer : Normalizer
{
    internal override void Normalize(TextPair text)
    {
        if (text.Current.Span.IndexOfAnyExceptInRange('\0', '\u02FF') >= 0) text.Filter(c => !UnicodeData.Is(c, UnicodeData.CombiningMark));
    }
}

/// <summary>Writes every letter small.</summary>
internal sealed class LowercaseNormalizer : Normalizer
{
    internal override void Normalize(TextPair text) => Apply(text);

    internal static void Apply(TextPair text)
    {
        // Nearly all small letters take as many units as their capitals, so the text can be changed where it lies.
        var source = text.Current;
        for (var i = 0; i < source.Length;)
        {
            int c = source.Chars[i];
            if (c < 128)
            {
                if ((uint)(c - 'A') < 26) source.Chars[i] = (char)(c | 32);
                i++;
                continue;
            }
            c = source.CodePointAt(i, out var units);
            var lower = UnicodeData.ToLower(c);
            if (c == 0x130 || lower > 0xFFFF != c > 0xFFFF)
            {
                Rewrite(text);
                return;
            }
            if (units == 1) source.Chars[i] = (char)lower;
            else (source.Chars[i], source.Chars[i + 1]) = ((char)(0xD7C0 + (lower >> 10)), (char)(0xDC00 | lower & 0x3FF));
            i += units;
        }
    }

    private static void Rewrite(TextPair text)
    {
        var source = text.Current;
        text.Begin();
        for (var i = 0; i < source.Length;)
        {
            var c = source.CodePointAt(i, out var units);
            text.Put(UnicodeData.ToLower(c), 0);
            if (c == 0x130) text.Put(0x307, 1);
            i += units;
        }
        text.End();
    }
}

/// <summary>Removes white space at the ends.</summary>
internal sealed class StripNormalizer(bool left, bool right) : Normalizer
{
    internal override void Normalize(TextPair text)
    {
        var span = text.Current.Span;
        var (start, end) = (0, span.Length);
        if (left)
            while (start < end && UnicodeData.IsWhite(span[start])) start++;
        if (right)
            while (end > start && UnicodeData.IsWhite(span[end - 1])) end--;
        if (start == 0 && end == span.Length) return;
        text.Begin(start);
        text.CopyTo(end);
        text.End();
    }
}

/// <summary>Puts a text before everything that is not empty.</summary>
internal sealed class PrependNormalizer(string prefix) : Normalizer
{
    internal override void Normalize(TextPair text) => Apply(text, prefix);

    internal static void Apply(TextPair text, string prefix)
    {
        var source = text.Current;
        if (source.Length == 0 || prefix.Length == 0) return;
        var (start, end) = (source.StartOf(0), source.EndOf(0));
        if (source.Identity && char.IsHighSurrogate(source.Chars[0])) end++;
        text.Begin();
        text.Insert(prefix, start, end);
        text.CopyTo(source.Length);
        text.End();
    }
}

/// <summary>Turns every byte of the UTF-8 form into the visible character that stands for it in byte-level vocabularies.</summary>
internal sealed class ByteLevelNormalizer : Normalizer
{
    internal override void Normalize(TextPair text) => ByteAlphabet.Expand(text);
}

/// <summary>The clean-up of sentencepiece's neural machine translation rules.</summary>
internal sealed class NmtNormalizer : Normalizer
{
    internal override void Normalize(TextPair text)
    {
        text.Filter(c => c is not ((>= 1 and <= 8) or 0x0B or (>= 0x0E and <= 0x1F) or 0x7F or 0x8F or 0x9F));
        foreach (ref var c in text.Current.Span)
            if (c is '\u0009' or '\u000A' or '\u000C' or '\u000D' or '\u1680' or (>= '\u200B' and <= '\u200F') or '\u2028' or '\u2029' or '\u2581' or '\uFEFF' or '\uFFFD') c = ' ';
    }
}
