namespace OnnxTransformers.Tokenizers;

/// <summary>Classes whose words are merged pair by pair, in Python only.</summary>
internal static class WordRecipes
{
    private static readonly Func<TokenSet, Decoder> Decodes = PythonDecoding.Usual(parts => PythonText.Strip(string.Join(' ', parts).Replace("@@ ", "", StringComparison.Ordinal)));

    private static string Unknown(VocabularyFolder folder) => folder.Config.Token("unk_token")?.Content ?? "<unk>";

    internal static Recipe Ctrl(VocabularyFolder folder)
    {
        var vocabulary = Vocabulary(folder);
        return Build(new(vocabulary, folder.Merges("merges.txt"), vocabulary.Find(Unknown(folder))));
    }

    internal static Recipe BlenderbotSmall(VocabularyFolder folder)
    {
        var vocabulary = Vocabulary(folder);
        return Build(new BlenderbotSmallPairs(vocabulary, folder.Merges("merges.txt"), vocabulary.Find(Unknown(folder))));
    }

    private static Vocabulary Vocabulary(VocabularyFolder folder) => VocabularyFolder.VocabularyOf(folder.TokenIds("vocab.json"), "vocab.json");

    /// <summary>PhoBERT's and BERTweet's: four special tokens, then a dictionary of fairseq.</summary>
    internal static Recipe Fairseq(VocabularyFolder folder)
    {
        if (folder.Config.Flag("normalization") ?? false)
            throw TokenizerConfig.Problem("normalization", "true, which asks for the clean-up of tweets (entities, user names, links, emoji by name)", "false: clean tweets before");
        var tokens = new List<(string, int)>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        void Add(string token, int id)
        {
            seen.Add(token);
            tokens.Add((token, id));
        }
        foreach (var (role, absent) in ((string, string)[])[("bos_token", "<s>"), ("pad_token", "<pad>"), ("eos_token", "</s>"), ("unk_token", "<unk>")]) Add(folder.Config.Token(role)?.Content ?? absent, tokens.Count);
        foreach (var line in folder.Lines("vocab.txt"))
        {
            var entry = PythonText.Strip(line);
            var space = entry.LastIndexOf(' ');
            Add(space >= 0 ? entry[..space] : throw VocabularyFolder.Corrupt("vocab.txt", $"the line \"{line}\"", "a token and how often it was seen"), seen.Count);
        }
        var vocabulary = VocabularyFolder.VocabularyOf(tokens, "vocab.txt");
        return Build(new(vocabulary, folder.Merges("bpe.codes", firstLine: 0, parts: 3), vocabulary.Find(Unknown(folder))), PythonText.IsSpace) with
        {
            Frame = new("{cls} $A {sep}", "{cls} $A {sep} {sep} $B {sep}"),
        };
    }

    private static Recipe Build(WordPairs pairs, Func<char, bool>? isSpace = null) => new(pairs) { PreTokenizer = new WordAndBreakCutter(isSpace ?? (c => UnicodeData.IsWhite(c))), Decoder = Decodes };
}
