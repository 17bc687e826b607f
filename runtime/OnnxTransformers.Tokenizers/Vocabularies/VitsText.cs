using System.Text;

namespace OnnxTransformers.Tokenizers;

/// <summary>How VITS's tokenizer cleans a text: what is no token becomes small, then characters outside the vocabulary go (tokenization_vits.py).</summary>
internal sealed class VitsText(IReadOnlyList<string> tokens, IReadOnlySet<string> vocabulary, string? language)
{
    private readonly ILookup<char, string> _byFirst = tokens.Where(t => t.Length > 0).ToLookup(t => t[0]);

    internal string Prepare(string text)
    {
        var result = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length;)
        {
            var token = _byFirst[text[i]].FirstOrDefault(t => text.AsSpan(i).StartsWith(t, StringComparison.Ordinal));
            var width = char.IsHighSurrogate(text[i]) && i + 1 < text.Length ? 2 : 1;
            result.Append(token ?? PythonText.Lower(text.Substring(i, width)));
            i += token?.Length ?? width;
        }
        var kept = new StringBuilder(result.Length);
        foreach (var rune in Respell(result.ToString(), language).EnumerateRunes())
            if (vocabulary.Contains(rune.ToString())) kept.Append(rune);
        return PythonText.Strip(kept.ToString());
    }

    /// <summary>Romanian is spelled with cedillas.</summary>
    internal static string Respell(string text, string? language) => language == "ron" ? text.Replace('ț', 'ţ') : text;
}
