using System.Buffers;
using System.Runtime.InteropServices;

namespace OnnxTransformers.Tokenizers;

/// <summary>A token outside the model's vocabulary, or one of it that is found before the model looks at the text.</summary>
internal sealed record AddedToken(string Content, bool SingleWord = false, bool LeftStrip = false, bool RightStrip = false, bool Normalized = true, bool Special = false);

/// <summary>The added tokens of a tokenizer: ids, and finding them in texts.</summary>
internal sealed class AddedVocabulary
{
    private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);
    private readonly Dictionary<int, AddedToken> _tokens = [];
    private readonly HashSet<string> _special = new(StringComparer.Ordinal);
    private TokenTrie _raw = TokenTrie.Empty;
    private TokenTrie _normalized = TokenTrie.Empty;

    internal IReadOnlyDictionary<string, int> Ids => _ids;

    internal IReadOnlyDictionary<int, AddedToken> Tokens => _tokens;

    /// <summary>Leaves special tokens that stand in a text to the model.</summary>
    internal bool EncodeSpecialTokens { get; init; }

    internal bool IsSpecial(string token) => _special.Contains(token);

    /// <summary>Adds tokens; those that the model has keep its id, others come after all ids so far.</summary>
    internal void Add(IEnumerable<AddedToken> tokens, Model model)
    {
        var most = _ids.Count > 0 ? _ids.Values.Max() : -1;
        foreach (var token in tokens)
        {
            if (token.Content.Length == 0) continue;
            if (_ids.TryGetValue(token.Content, out var id) && _tokens.TryGetValue(id, out var known) && known == token) continue;
            if (!_ids.ContainsKey(token.Content) && (id = model.Vocabulary.Find(token.Content)) < 0) id = Math.Max(most + 1, model.Size);
            most = Math.Max(most, id);
            _ids[token.Content] = id;
            // Of a special token that is added again, all may change but whether it is found before normalization (tokenizers 0.22 keeps its first list of them).
            _tokens[id] = _special.Contains(token.Content) && _tokens.TryGetValue(id, out var first) ? token with { Normalized = first.Normalized } : token;
            if (token.Special) _special.Add(token.Content);
        }
    }

    /// <summary>Adds a token with an id of its own; what was known of that token or id gives way.</summary>
    internal void Put(int id, AddedToken token)
    {
        if (token.Content.Length == 0) return;
        _ids[token.Content] = id;
        _tokens[id] = token;
        if (token.Special) _special.Add(token.Content);
    }

    /// <summary>Prepares the search; call it when all tokens are there.</summary>
    internal void Build(Normalizer? normalizer)
    {
        _raw = new(_tokens.Where(t => !t.Value.Normalized).Select(t => (t.Value.Content, t.Key)));
        _normalized = new(_tokens.Where(t => t.Value.Normalized).Select(t => (normalizer?.Normalize(t.Value.Content) ?? t.Value.Content, t.Key)));
    }

    /// <summary>Cuts the raw text at the tokens that are found before normalization; true where there are any.</summary>
    internal bool FindRaw(ReadOnlySpan<char> text, List<Piece> pieces) => Find(text, _raw, pieces);

    /// <summary>Cuts a normalized text; true where a token was found.</summary>
    internal bool FindNormalized(ReadOnlySpan<char> text, List<Piece> pieces) => Find(text, _normalized, pieces);

    private bool Find(ReadOnlySpan<char> text, TokenTrie trie, List<Piece> pieces)
    {
        var done = 0;
        var found = false;
        for (var at = trie.FirstCandidate(text, 0); at >= 0; at = trie.FirstCandidate(text, at))
        {
            var length = trie.Longest(text[at..], out var id);
            var (start, end) = (at, at + length);
            at = length > 0 ? end : end + (char.IsHighSurrogate(text[at]) ? 2 : 1);
            if (id < 0) continue;
            var token = _tokens[id];
            if (EncodeSpecialTokens && _special.Contains(token.Content)) continue;
            if (token.SingleWord && (start > 0 && IsWordBefore(text, start) || end < text.Length && IsWordAt(text, end))) continue;
            if (token.LeftStrip)
                while (start > done && UnicodeData.IsWhite(text[start - 1])) start--;
            if (token.RightStrip)
                while (end < text.Length && UnicodeData.IsWhite(text[end])) end++;
            if (start > done) pieces.Add(new(done, start, -1));
            if (end > start) pieces.Add(new(start, end, id));
            done = end;
            found = true;
        }
        if (!found) return false;
        if (done < text.Length) pieces.Add(new(done, text.Length, -1));
        return true;
    }

    private static bool IsWordAt(ReadOnlySpan<char> text, int i) =>
        UnicodeData.Is(char.IsHighSurrogate(text[i]) && i + 1 < text.Length ? char.ConvertToUtf32(text[i], text[i + 1]) : text[i], UnicodeData.RegexWord);

    private static bool IsWordBefore(ReadOnlySpan<char> text, int i) => IsWordAt(text, char.IsLowSurrogate(text[i - 1]) && i > 1 ? i - 2 : i - 1);
}

/// <summary>Finds the longest of many tokens at a place of a text.</summary>
internal sealed class TokenTrie
{
    internal static readonly TokenTrie Empty = new([]);

    private readonly Dictionary<long, int> _edges = [];
    private readonly List<int> _ids = [-1];
    private readonly SearchValues<char> _first;

    internal TokenTrie(IEnumerable<(string Text, int Id)> tokens)
    {
        var first = new HashSet<char>();
        foreach (var (text, id) in tokens)
        {
            if (text.Length > 0) first.Add(text[0]);
            var node = 0;
            foreach (var c in text)
            {
                ref var next = ref CollectionsMarshal.GetValueRefOrAddDefault(_edges, (long)node << 16 | c, out var known);
                if (!known)
                {
                    next = _ids.Count;
                    _ids.Add(-1);
                }
                node = next;
            }
            if (_ids[node] < 0) _ids[node] = id;
        }
        _first = SearchValues.Create([.. first]);
    }

    /// <summary>The next place where a token may begin, or -1.</summary>
    internal int FirstCandidate(ReadOnlySpan<char> text, int from)
    {
        if (from >= text.Length) return -1;
        if (_ids[0] >= 0) return from;
        if (_edges.Count == 0) return -1;
        var at = text[from..].IndexOfAny(_first);
        return at < 0 ? -1 : from + at;
    }

    /// <summary>The length of the longest token that <paramref name="text"/> begins with, or 0. A token that normalization left nothing of is found everywhere, as in the reference.</summary>
    internal int Longest(ReadOnlySpan<char> text, out int id)
    {
        var (node, length) = (0, 0);
        id = _ids[0];
        for (var i = 0; i < text.Length && _edges.TryGetValue((long)node << 16 | text[i], out node); i++)
        {
            if (_ids[node] < 0) continue;
            id = _ids[node];
            length = i + 1;
        }
        return length;
    }
}
