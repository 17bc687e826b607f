using System.Text;

namespace OnnxTransformers.Tokenizers;

/// <summary>Pairs merged within words as CTRL, PhoBERT, BERTweet and the small Blenderbot do it: merges are of texts and need no ids; afterwards every part but a word's last is looked up with a mark.</summary>
internal class WordPairs : Model
{
    private const string EndMark = "</w>", Continued = "@@";

    private readonly Vocabulary _vocabulary;
    private readonly int _unknown;
    private readonly Dictionary<(string, string), int> _ranks = [];

    internal WordPairs(Vocabulary vocabulary, IReadOnlyList<(string Left, string Right)> merges, int unknown)
    {
        (_vocabulary, _unknown) = (vocabulary, unknown);
        for (var rank = 0; rank < merges.Count; rank++) _ranks[merges[rank]] = rank;
    }

    internal override Vocabulary Vocabulary => _vocabulary;

    private sealed class Part(string text)
    {
        internal string Text = text;
        internal int Place;
        internal bool Gone;
        internal Part? Previous, Next;
    }

    protected override void Tokenize(ReadOnlySpan<char> word, ModelScratch scratch, List<WordToken> tokens) => Merge(word, tokens);

    /// <summary>Adds the tokens of a word that is not empty.</summary>
    protected void Merge(ReadOnlySpan<char> word, List<WordToken> tokens)
    {
        var parts = new List<Part>();
        foreach (var rune in word.EnumerateRunes()) parts.Add(new(rune.ToString()));
        parts[^1].Text += EndMark;
        // Pairs wait by rank and place; one whose parts have changed since is passed over.
        var queue = new PriorityQueue<(Part Left, Part Right, int Length), (int Rank, int Place)>();
        for (var i = 0; i < parts.Count; i++)
        {
            parts[i].Place = i;
            if (i == 0) continue;
            (parts[i].Previous, parts[i - 1].Next) = (parts[i - 1], parts[i]);
            Offer(parts[i - 1], parts[i]);
        }
        while (queue.TryDequeue(out var pair, out _))
        {
            var (left, right, length) = pair;
            if (left.Gone || right.Gone || left.Next != right || left.Text.Length + right.Text.Length != length) continue;
            left.Text += right.Text;
            right.Gone = true;
            left.Next = right.Next;
            if (right.Next is { } next)
            {
                next.Previous = left;
                Offer(left, next);
            }
            if (left.Previous is { } previous) Offer(previous, left);
        }
        for (Part? part = parts[0]; part is not null; part = part.Next)
        {
            var name = part.Next is null ? part.Text[..^EndMark.Length] : part.Text + Continued;
            tokens.Add(new(_vocabulary.Find(name) is var id and >= 0 ? id : _unknown, 0, 1));
        }

        void Offer(Part left, Part right)
        {
            if (_ranks.TryGetValue((left.Text, right.Text), out var rank)) queue.Enqueue((left, right, left.Text.Length + right.Text.Length), (rank, left.Place));
        }
    }
}

/// <summary>The small Blenderbot's: within words, punctuation and apostrophes stand apart, ends of lines have a name, and letters are small (tokenization_blenderbot_small.py).</summary>
internal sealed class BlenderbotSmallPairs(Vocabulary vocabulary, IReadOnlyList<(string Left, string Right)> merges, int unknown) : WordPairs(vocabulary, merges, unknown)
{
    protected override void Tokenize(ReadOnlySpan<char> word, ModelScratch scratch, List<WordToken> tokens)
    {
        var apart = new StringBuilder(word.Length * 2);
        foreach (var c in word)
        {
            if (c is '.' or ',' or '!' or '?' or '(' or ')') apart.Append(' ').Append(c);
            else if (c == '\'') apart.Append(" ' ");
            else apart.Append(c);
        }
        var spaced = new StringBuilder(apart.Length);
        for (var i = 0; i < apart.Length;)
        {
            var end = i;
            while (end < apart.Length && UnicodeData.IsWhite(apart[end])) end++;
            spaced.Append(end - i >= 2 ? ' ' : apart[i]);
            i = Math.Max(end, i + 1);
        }
        foreach (var part in spaced.Replace("\n", " __newln__").ToString().Split(' ', StringSplitOptions.RemoveEmptyEntries)) Merge(Templates.PyText.Lower(part), tokens);
    }
}
