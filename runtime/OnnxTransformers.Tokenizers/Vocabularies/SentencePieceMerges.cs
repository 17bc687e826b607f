using System.Text;

namespace OnnxTransformers.Tokenizers;

/// <summary>Merges for a byte-pair vocabulary whose files only give the tokens: every way to cut a token in two, in the order in which transformers' converters put them.</summary>
internal static class SentencePieceMerges
{
    /// <summary>Merges in order of the scores of what they make, highest first (generate_merges of the reference).</summary>
    /// <param name="pieces">Each piece with its score.</param>
    /// <param name="places">The place of every piece of the file, which decides among cuts of one piece.</param>
    internal static List<(string Left, string Right)> ByScore(IEnumerable<(string Text, double Score)> pieces, IReadOnlyDictionary<string, int> places)
    {
        var scores = new Dictionary<string, double>(StringComparer.Ordinal);
        var order = new List<string>();
        foreach (var (text, score) in pieces)
        {
            if (!scores.ContainsKey(text)) order.Add(text);
            scores[text] = score;
        }
        var lookup = ((Dictionary<string, int>)places).GetAlternateLookup<ReadOnlySpan<char>>();
        var merges = new List<(string Left, string Right, double Score)>();
        var cuts = new List<(int At, int Left, int Right)>();
        foreach (var text in order)
        {
            cuts.Clear();
            for (var i = 1; i < text.Length; i++)
                if (!char.IsLowSurrogate(text[i]) && lookup.TryGetValue(text.AsSpan(0, i), out var left) && lookup.TryGetValue(text.AsSpan(i), out var right)) cuts.Add((i, left, right));
            foreach (var (at, _, _) in cuts.OrderBy(c => c.Left).ThenBy(c => c.Right)) merges.Add((text[..at], text[at..], scores[text]));
        }
        return [.. merges.OrderByDescending(m => m.Score).ThenByDescending(m => PythonText.Length(m.Left)).ThenByDescending(m => PythonText.Length(m.Right)).Select(m => (m.Left, m.Right))];
    }

    /// <summary>Merges of byte tokens in order of their ranks, written in the visible alphabet of bytes (tiktoken's files).</summary>
    internal static List<(string Left, string Right)> ByRank(IReadOnlyList<byte[]> tokens, IReadOnlyDictionary<string, int> ranks)
    {
        var lookup = ((Dictionary<string, int>)ranks).GetAlternateLookup<ReadOnlySpan<char>>();
        var merges = new List<(string Left, string Right, int Rank)>();
        var cuts = new List<(int At, int Left, int Right)>();
        foreach (var token in tokens)
        {
            if (token.Length < 2) continue;
            var text = Visible(token);
            cuts.Clear();
            for (var i = 1; i < text.Length; i++)
                if (lookup.TryGetValue(text.AsSpan(0, i), out var left) && lookup.TryGetValue(text.AsSpan(i), out var right)) cuts.Add((i, left, right));
            foreach (var (at, _, _) in cuts.OrderBy(c => c.Left).ThenBy(c => c.Right)) merges.Add((text[..at], text[at..], ranks[text]));
        }
        return [.. merges.OrderBy(m => m.Rank).Select(m => (m.Left, m.Right))];
    }

    /// <summary>Bytes in their visible alphabet.</summary>
    internal static string Visible(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder(bytes.Length);
        foreach (var b in bytes) text.Append(ByteAlphabet.CharOf[b]);
        return text.ToString();
    }
}
