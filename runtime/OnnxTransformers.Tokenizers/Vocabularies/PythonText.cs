using System.Text;

namespace OnnxTransformers.Tokenizers;

/// <summary>What Python's str methods do, where tokenizers written in Python depend on it.</summary>
internal static class PythonText
{
    /// <summary>Python's str.isspace for one character; all of them are of the basic plane.</summary>
    internal static bool IsSpace(char c) => c is (>= '\t' and <= '\r') or (>= '\u001C' and <= ' ') or '\u0085' or '\u00A0' or '\u1680' or (>= '\u2000' and <= '\u200A') or '\u2028' or '\u2029' or '\u202F' or '\u205F' or '\u3000';

    /// <summary>All characters that <see cref="IsSpace"/> accepts.</summary>
    internal static readonly System.Buffers.SearchValues<char> Spaces = System.Buffers.SearchValues.Create([.. Enumerable.Range(0, 0x3001).Select(c => (char)c).Where(IsSpace)]);

    /// <summary>str.split(): runs of white space separate, none is kept.</summary>
    internal static List<string> Split(string text)
    {
        var words = new List<string>();
        for (var i = 0; i < text.Length;)
        {
            if (IsSpace(text[i]))
            {
                i++;
                continue;
            }
            var start = i;
            while (i < text.Length && !IsSpace(text[i])) i++;
            words.Add(text[start..i]);
        }
        return words;
    }

    /// <summary>str.strip().</summary>
    internal static string Strip(string text)
    {
        var (start, end) = (0, text.Length);
        while (start < end && IsSpace(text[start])) start++;
        while (end > start && IsSpace(text[end - 1])) end--;
        return text[start..end];
    }

    /// <summary>str.lower() of every character by itself.</summary>
    internal static string Lower(string text) => new LowercaseNormalizer().Normalize(text);

    /// <summary>The text in small letters, but for the tokens in it.</summary>
    /// <param name="text">The text.</param>
    /// <param name="kept">Tokens in the order in which they are tried.</param>
    internal static string LowerBetween(string text, IReadOnlyList<string> kept)
    {
        var result = new StringBuilder(text.Length);
        var start = 0;
        for (var i = 0; i < text.Length;)
        {
            var token = kept.FirstOrDefault(t => t.Length > 0 && text.AsSpan(i).StartsWith(t, StringComparison.Ordinal));
            if (token is null)
            {
                i++;
                continue;
            }
            result.Append(Lower(text[start..i])).Append(token);
            start = i += token.Length;
        }
        return result.Append(Lower(text[start..])).ToString();
    }

    /// <summary>len(): characters, not units.</summary>
    internal static int Length(string text) => text.Length - text.Count(char.IsLowSurrogate);

    /// <summary>str.upper().</summary>
    internal static string Upper(string text) => Templates.PyText.Upper(text);
}
