namespace OnnxTransformers.Tokenizers;

/// <summary>BERT's model: the longest token that begins the word, then the longest that continues it, and so on.</summary>
internal sealed class WordPiece(Vocabulary vocabulary, string unknown, string prefix, int mostCharacters) : Model
{
    private readonly int _unknown = vocabulary.Find(unknown);
    private readonly byte[] _prefix = Vocabulary.Encoding8.GetBytes(prefix);
    private readonly ulong _continued = Vocabulary.Continue(Vocabulary.Seed, Vocabulary.Encoding8.GetBytes(prefix));

    internal override Vocabulary Vocabulary => vocabulary;

    internal override string UnknownToken => unknown;

    internal override string ContinuingSubwordPrefix => prefix;

    protected override void Tokenize(ReadOnlySpan<char> word, ModelScratch scratch, List<WordToken> tokens)
    {
        var bytes = Transcode(word, scratch, out var ascii);
        var characters = 0;
        foreach (var b in bytes)
            if ((b & 0xC0) != 0x80) characters++;
        if (characters > mostCharacters || !Cut(bytes, scratch, ascii, tokens))
        {
            tokens.Clear();
            if (_unknown < 0) throw NoUnknown(unknown);
            tokens.Add(new(_unknown, 0, word.Length));
        }
    }

    private bool Cut(ReadOnlySpan<byte> word, ModelScratch scratch, bool ascii, List<WordToken> tokens)
    {
        ModelScratch.Fit(ref scratch.Ranks, word.Length);
        var hashes = scratch.Ranks;
        for (var start = 0; start < word.Length;)
        {
            var left = start == 0 ? default : _prefix.AsSpan();
            var hash = start == 0 ? Vocabulary.Seed : _continued;
            var most = Math.Min(word.Length, start + vocabulary.Longest);
            for (var i = start; i < most; i++) hashes[i] = hash = Vocabulary.Continue(hash, word[i]);
            var end = most;
            var id = -1;
            for (; end > start; end--)
            {
                if (end < word.Length && (word[end] & 0xC0) == 0x80) continue;
                id = vocabulary.Find(hashes[end - 1], left, word[start..end]);
                if (id >= 0) break;
            }
            if (id < 0) return false;
            if (ascii) tokens.Add(new(id, start, end));
            else
            {
                var (from, to) = ToUnits(scratch, word.Length, start, end);
                tokens.Add(new(id, from, to));
            }
            start = end;
        }
        return true;
    }

    internal static InvalidInputException NoUnknown(string token) =>
        new("tokenizing a text", new Problem("model.unk_token", $"a word that the vocabulary can't spell, and \"{token}\" is not in the vocabulary", null, "add the unknown token to the vocabulary"));
}

/// <summary>Whole words only.</summary>
internal sealed class WordLevel(Vocabulary vocabulary, string unknown) : Model
{
    private readonly int _unknown = vocabulary.Find(unknown);

    internal override Vocabulary Vocabulary => vocabulary;

    internal override string UnknownToken => unknown;

    protected override void Tokenize(ReadOnlySpan<char> word, ModelScratch scratch, List<WordToken> tokens)
    {
        var id = vocabulary.Find(Transcode(word, scratch, out _));
        if (id < 0) id = _unknown;
        if (id < 0) throw WordPiece.NoUnknown(unknown);
        tokens.Add(new(id, 0, word.Length));
    }
}
