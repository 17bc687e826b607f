namespace OnnxTransformers.Tokenizers;

/// <summary>Classes with a vocab.json and a merges.txt of byte-level pairs, or of pairs with an end-of-word mark.</summary>
internal static class ByteLevelRecipes
{
    private const string Vocab = "vocab.json", Merges = "merges.txt";

    private static BytePairModel Model(VocabularyFolder folder, string? unknown = null, string suffix = "", bool mergesFromStart = false) => VocabularyFolder.BytePairs(
        VocabularyFolder.VocabularyOf(folder.TokenIds(Vocab), Vocab), folder.Merges(Merges, FirstMerge(folder, mergesFromStart)), new(unknown, "", suffix, FuseUnknown: false, ByteFallback: false, IgnoreMerges: false), Merges);

    /// <summary>The first line is a heading; Qwen2 only skips it where it says so.</summary>
    private static int FirstMerge(VocabularyFolder folder, bool mergesFromStart) => !mergesFromStart || folder.Lines(Merges).FirstOrDefault()?.StartsWith("#version:", StringComparison.Ordinal) == true ? 1 : 0;

    private static Recipe ByteLevel(BytePairModel model, PreTokenizer words, Normalizer? normalizer = null)
    {
        TokenizerReader.UseBytes(words, model);
        return new(model) { Normalizer = normalizer, PreTokenizer = words, Decoder = _ => new ByteLevelDecoder() };
    }

    private static Recipe Words(VocabularyFolder folder) => ByteLevel(Model(folder), new ByteLevelPreTokenizer(PrefixSpace(folder), useRegex: true));

    private static bool PrefixSpace(VocabularyFolder folder) => folder.Config.Flag("add_prefix_space") ?? false;

    internal static Recipe Gpt2(VocabularyFolder folder) => Words(folder) with { Frame = folder.Config.Flag("add_bos_token") ?? false ? new("{bos} $A", "{bos} $A $B:1") : null };

    internal static Recipe Roberta(VocabularyFolder folder) => Words(folder) with
    {
        PostProcessor = tokens => new RobertaProcessor(Pair(tokens, "sep"), Pair(tokens, "cls"), folder.Config.Flag("trim_offsets") ?? true, PrefixSpace(folder)),
    };

    internal static Recipe Deberta(VocabularyFolder folder) => Words(folder) with { Frame = new("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1") };

    internal static Recipe Blenderbot(VocabularyFolder folder) => Words(folder) with { Frame = new("$A {eos}", "$A $B:1") };

    internal static Recipe Whisper(VocabularyFolder folder) => Words(folder) with { PostProcessor = tokens => WhisperLanguages.Processor(folder.Config, tokens) };

    internal static Recipe Qwen2(VocabularyFolder folder) => ByteLevel(Model(folder, mergesFromStart: true),
        new PreTokenizerSequence([new WordScanner(WordPattern.Qwen2, SplitBehavior.Isolated), new ByteLevelPreTokenizer(addPrefixSpace: false, useRegex: false)]), new UnicodeNormalizer(compatible: false, compose: true));

    internal static Recipe Clip(VocabularyFolder folder)
    {
        var words = new PatternCutter(Pattern.OfRegex(@"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"), SplitBehavior.Removed, invert: true);
        var normalizer = new NormalizerSequence([new UnicodeNormalizer(compatible: false, compose: true), new ReplaceNormalizer(Pattern.OfRegex(@"\s+"), " "), new LowercaseNormalizer()]);
        return ByteLevel(Model(folder, folder.Config.Token("unk_token")?.Content, "</w>"), new PreTokenizerSequence([words, new ByteLevelPreTokenizer(addPrefixSpace: false, useRegex: true)]), normalizer) with
        {
            PostProcessor = tokens => new RobertaProcessor(Pair(tokens, "eos"), Pair(tokens, "bos"), trimOffsets: false, addPrefixSpace: false),
        };
    }

    /// <summary>GPT (2018): words of small letters, ended by a mark.</summary>
    internal static Recipe OpenAIGpt(VocabularyFolder folder)
    {
        var unknown = folder.Config.Token("unk_token")?.Content ?? "<unk>";
        var model = Model(folder, unknown, "</w>");
        return new(model)
        {
            Normalizer = new BertNormalizer(cleanText: true, handleChinese: true, stripAccents: null, lowercase: true),
            PreTokenizer = new BertPreTokenizer(),
            Decoder = _ => new BpeDecoder("</w>"),
            Added = model.Vocabulary.Find(unknown) >= 0 ? [new(unknown, Normalized: false, Special: true)] : [],
        };
    }

    internal static Recipe Herbert(VocabularyFolder folder)
    {
        var unknown = folder.Config.Token("unk_token")?.Content ?? "<unk>";
        return new(Model(folder, unknown, "</w>", mergesFromStart: true))
        {
            Normalizer = new BertNormalizer(cleanText: true, handleChinese: true, stripAccents: false, lowercase: false),
            PreTokenizer = new BertPreTokenizer(),
            Decoder = _ => new BpeDecoder("</w>"),
            PostProcessor = tokens => new BertProcessor(Pair(tokens, "sep"), Pair(tokens, "cls")),
        };
    }

    /// <summary>LUKE's: RoBERTa's tokenizer in Python. Entities are not texts, and not made here.</summary>
    internal static Recipe Luke(VocabularyFolder folder) => Words(folder) with
    {
        Decoder = PythonDecoding.Usual(PythonDecoding.Bytes),
        Frame = new("{cls} $A {sep}", "{cls} $A {sep} {sep} $B {sep}"),
    };

    /// <summary>CLVP's: English in words, and a name for the space.</summary>
    internal static Recipe Clvp(VocabularyFolder folder)
    {
        var entries = folder.TokenIds(Vocab);
        var space = entries.FindIndex(e => e.Token == "[SPACE]");
        // The token of a lone space goes by that name; it comes first, so that the name is the id's.
        if (space >= 0) entries = [("\u0120", entries[space].Id), .. entries.Where(e => e.Token != "\u0120")];
        var unknown = folder.Config.Token("unk_token")?.Content;
        var model = VocabularyFolder.BytePairs(VocabularyFolder.VocabularyOf(entries, Vocab), folder.Merges(Merges), new(unknown, "", "", FuseUnknown: false, ByteFallback: false, IgnoreMerges: false), Merges);
        var (bos, eos) = (folder.Config.Flag("add_bos_token") ?? false ? "{bos} " : "", folder.Config.Flag("add_eos_token") ?? false ? " {eos}" : "");
        return ByteLevel(model, new ByteLevelPreTokenizer(addPrefixSpace: false, useRegex: true), new EnglishWordsNormalizer()) with
        {
            Decoder = PythonDecoding.Usual(PythonDecoding.Bytes),
            Frame = new($"{bos}$A{eos}", $"{bos}$A{eos} {bos}$B{eos}"),
            CleanUp = text => text.Replace("[SPACE]", space >= 0 ? " " : "[SPACE]", StringComparison.Ordinal).Replace("[STOP]", entries.Exists(e => e.Token == "[STOP]") ? " " : "[STOP]", StringComparison.Ordinal)
                .Replace(unknown ?? "[UNK]", "", StringComparison.Ordinal).Replace("   ", " ", StringComparison.Ordinal).Replace("  ", " ", StringComparison.Ordinal),
        };
    }

    private static (string Token, int Id) Pair(TokenSet tokens, string role) =>
        tokens.Role(role) is { } token ? (token, tokens.IdOf(token)) : throw TokenizerConfig.Problem(role + "_token", "no token", "a token");

    /// <summary>A tiktoken vocabulary in place of a sentencepiece model; the expression is Llama 3's, as the reference's converter has it.</summary>
    internal static Recipe Tiktoken(VocabularyFolder folder, string file)
    {
        var words = new PreTokenizerSequence([new WordScanner(WordPattern.Llama3, SplitBehavior.Isolated), new ByteLevelPreTokenizer(addPrefixSpace: false, useRegex: false)]);
        return ByteLevel(Model(TiktokenFile.Read(folder.Bytes(file), file), [], file), words) with { Added = [.. folder.Config.Additional.Select(t => t with { Normalized = false, Special = true })] };
    }

    /// <summary>Mistral's tekken.json, whose special tokens have the first ids.</summary>
    internal static Recipe Tekken(VocabularyFolder folder)
    {
        const string file = "tekken.json";
        var (vocabulary, pattern, special) = TiktokenFile.ReadTekken(JsonPlace.Read(folder.Bytes(file), file));
        var words = new PreTokenizerSequence([TekkenWords(pattern), new ByteLevelPreTokenizer(addPrefixSpace: false, useRegex: false)]);
        return ByteLevel(Model(vocabulary, special, file), words) with
        {
            Frame = new("<s> $A", "<s> $A $B:1"),
            LeavesSpecial = true,
            Added = [.. special.Select(t => new AddedToken(t.Token, Normalized: false, Special: t.Special))],
        };
    }

    private static PreTokenizer TekkenWords(string pattern) => WordScanner.Known.TryGetValue(pattern, out var known) ? new WordScanner(known, SplitBehavior.Isolated)
        : new PatternCutter(Pattern.OfRegex(pattern), SplitBehavior.Isolated, invert: false);

    private static BytePairModel Model(TiktokenFile file, IReadOnlyList<(string Token, bool Special)> special, string name)
    {
        var vocabulary = VocabularyFolder.VocabularyOf(special.Select((t, id) => (t.Token, id)).Concat(file.Ranks.Select(r => (r.Key, r.Value))), name);
        return VocabularyFolder.BytePairs(vocabulary, SentencePieceMerges.ByRank(file.Tokens, file.Ranks), new(null, "", "", FuseUnknown: false, ByteFallback: false, IgnoreMerges: true), name);
    }
}
