using System.Text;
using OnnxTransformers.Tokenizers;

namespace OnnxTransformers;

/// <summary>Joins tokens that are given by name, some of which may be no tokens at all, into text. Reference: a fast tokenizer's convert_tokens_to_string.</summary>
internal static class TokenNames
{
    internal static string Join(Tokenizer tokenizer, IReadOnlyList<string> names)
    {
        var prefix = tokenizer.ContinuingSubwordPrefix;
        var text = new StringBuilder();
        if (!string.IsNullOrEmpty(prefix))
        {
            for (var i = 0; i < names.Count; i++)
                text.Append(CleanUp(i == 0 ? names[0] : names[i].StartsWith(prefix, StringComparison.Ordinal) ? names[i][prefix.Length..] : $" {names[i]}"));
            return text.ToString();
        }
        var known = new List<int>();
        foreach (var name in names)
        {
            if (tokenizer.TokenToId(name) is { } id) known.Add(id);
            else
            {
                Flush();
                text.Append(name);
            }
        }
        Flush();
        return text.ToString();

        void Flush()
        {
            text.Append(tokenizer.Decode([.. known], false, false));
            known.Clear();
        }
    }

    /// <summary>What the WordPiece decoder does with each token.</summary>
    private static string CleanUp(string token) => token.Length < 2 || !token.Contains(' ', StringComparison.Ordinal) ? token : new StringBuilder(token)
        .Replace(" .", ".").Replace(" ?", "?").Replace(" !", "!").Replace(" ,", ",").Replace(" ' ", "'").Replace(" n't", "n't").Replace(" 'm", "'m").Replace(" do not", " don't")
        .Replace(" 's", "'s").Replace(" 've", "'ve").Replace(" 're", "'re").ToString();
}
