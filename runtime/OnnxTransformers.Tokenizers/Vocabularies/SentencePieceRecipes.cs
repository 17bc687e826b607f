using System.Globalization;

namespace OnnxTransformers.Tokenizers;

/// <summary>Classes with a sentencepiece model that transformers converts to a tokenizer.json: the parts that its converters put together (convert_slow_tokenizer.py).</summary>
internal static class SentencePieceRecipes
{
    private const char Space = '\u2581';

    /// <summary>What a converter says otherwise than most.</summary>
    private sealed record Conversion(params string[] Files)
    {
        /// <summary>The pieces in order of their ids, with their scores.</summary>
        internal Func<SentencePieceFile, TokenizerConfig, IEnumerable<(string Text, double Score)>> Pieces { get; init; } = (file, _) => All(file);
        internal Func<SentencePieceFile, TokenizerConfig, int> Unknown { get; init; } = (file, _) => file.TrainedUnknown;
        internal Func<SentencePieceFile, TokenizerConfig, Normalizer?> Normalizer { get; init; } = (file, _) => Sequence([.. Map(file), new StripNormalizer(left: false, right: true), Replace(" {2,}", "\u2581")]);
        internal Func<PrependScheme, TokenizerConfig, PreTokenizer?> PreTokenizer { get; init; } = (scheme, _) => new MetaspacePreTokenizer(Space, scheme, split: true);
        internal Func<SentencePieceFile, TokenizerConfig, Func<TokenSet, Decoder>> Decoder { get; init; } = (_, _) => PythonDecoding.Usual(PythonDecoding.Pieces);

        /// <summary>A space is put before every stretch of text, and not only before the first.</summary>
        internal bool Legacy { get; init; } = true;

        /// <summary>The configuration may say otherwise.</summary>
        internal bool ReadsLegacy { get; init; }

        /// <summary>Tokens that are behind the file's pieces count as added ones in decoded text.</summary>
        internal bool CountsPieces { get; init; }
        internal bool ByteFallback { get; init; }

        /// <summary>User-defined pieces that are special.</summary>
        internal string[] Special { get; init; } = [];
        internal Frame? Frame { get; init; }
    }

    private static readonly Frame ClsSep = new("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1");
    private static readonly Frame FairSeq = new("<s> $A </s>", "<s> $A </s> </s> $B </s>");
    private static readonly Frame Eos = new("$A </s>", "$A </s> $B </s>");

    private static IEnumerable<(string, double)> All(SentencePieceFile file) => file.Pieces.Select(p => (p.Text, (double)p.Score));

    /// <summary>The four tokens of fairseq, then the pieces without their own first three, then others.</summary>
    private static Func<SentencePieceFile, TokenizerConfig, IEnumerable<(string, double)>> FairSeqPieces(string first, params string[] more) => (file, _) =>
        first.Split(' ').Select(t => (t, 0.0)).Concat(All(file).Skip(3)).Concat(more.Select(t => (t, 0.0)));

    private const string FairSeqFirst = "<s> <pad> </s> <unk>";

    private static Normalizer[] Map(SentencePieceFile file) => file.CharacterMap.Length == 0 ? []
        : [PrecompiledNormalizer.Of(file.CharacterMap) ?? throw VocabularyFolder.Corrupt(file.Name, "a map of characters whose trie ends before its time", "a map that sentencepiece compiled")];

    private static NormalizerSequence Sequence(Normalizer[] steps) => new(steps);

    private static ReplaceNormalizer Replace(string regex, string content) => new(Pattern.OfRegex(regex), content);

    private static ReplaceNormalizer Quotes(string text) => new(Pattern.OfText(text), "\"");

    /// <summary>ALBERT's and XLNet's: quotes, accents, case; RemBERT drops extra spaces before the accents.</summary>
    private static NormalizerSequence Albert(SentencePieceFile file, TokenizerConfig config, bool lowercase, bool keepsAccents, bool spacesFirst = false)
    {
        var spaces = Replace(" {2,}", " ");
        List<Normalizer> steps = [Quotes("``"), Quotes("''")];
        if (spacesFirst) steps.Add(spaces);
        if (!(config.Flag("keep_accents") ?? keepsAccents)) steps.AddRange([new UnicodeNormalizer(compatible: true, compose: false), new StripAccentsNormalizer()]);
        if (config.Flag("do_lower_case") ?? lowercase) steps.Add(new LowercaseNormalizer());
        steps.AddRange(Map(file));
        if (!spacesFirst) steps.Add(spaces);
        return new([.. steps]);
    }

    /// <summary>Pieces that end in a digit and a comma count less: both read numbers in another way.</summary>
    private static IEnumerable<(string, double)> WithoutNumberCommas(SentencePieceFile file) => file.Pieces.Select(p =>
        (p.Text, p.Score - (p.Text.Length >= 2 && p.Text[^1] == ',' && CharUnicodeInfo.GetDigitValue(p.Text, p.Text.Length - (char.IsLowSurrogate(p.Text[^2]) ? 3 : 2)) >= 0 ? 100.0 : 0.0)));

    private static IEnumerable<(string, double)> T5Pieces(SentencePieceFile file, TokenizerConfig config)
    {
        var extra = config.Count("extra_ids") ?? 100;
        return All(file).Concat(Enumerable.Range(0, extra).Reverse().Select(i => ($"<extra_id_{i.ToString(CultureInfo.InvariantCulture)}>", 0.0)));
    }

    private static int PegasusOffset(TokenizerConfig config) => config.Count("offset") is not { } offset ? 103
        : offset <= 100_000 ? offset : throw TokenizerConfig.Problem("offset", offset.ToString(CultureInfo.InvariantCulture), "at most 100000");

    private static IEnumerable<(string, double)> PegasusPieces(SentencePieceFile file, TokenizerConfig config)
    {
        string?[] first = [config.Token("pad_token")?.Content, config.Token("eos_token")?.Content, config.Has("mask_token_sent") ? config.Name("mask_token_sent") : "<mask_1>", config.Token("mask_token")?.Content];
        var offset = PegasusOffset(config);
        var named = first.Where(t => t is not null).Select(t => (t!, 0.0)).ToList();
        return named.Concat(Enumerable.Range(2, Math.Max(0, offset - 2)).Select(i => ($"<unk_{i.ToString(CultureInfo.InvariantCulture)}>", -100.0))).Concat(All(file).Skip(2));
    }

    private static DecoderSequence LlamaDecoder(bool strips) =>
        new([new ReplaceDecoder(Pattern.OfText("\u2581"), " "), new ByteFallbackDecoder(), new FuseDecoder(), .. strips ? (Decoder[])[new StripDecoder(' ', 1, 0)] : []]);

    private static List<(string Text, double Score)> GemmaPieces(SentencePieceFile file, TokenizerConfig config)
    {
        List<(string Text, double Score)> pieces = [.. ((string[])["pad_token", "eos_token", "bos_token"]).Select(r => (config.Token(r)?.Content ?? "", 0.0)), .. All(file).Skip(3)];
        // Old vocabularies have no tab, and its byte takes its place.
        if (!pieces.Exists(p => p.Text == "\t") && pieces.FindIndex(p => p.Text == "<0x09>") is var at and >= 0) pieces[at] = ("\t", 0.0);
        return pieces;
    }

    private static Func<TokenSet, Decoder> SpacedSpecial(SentencePieceFile file, TokenizerConfig config) => PythonDecoding.Usual(PythonDecoding.SentencePiece(file, before: " "));

    private static Func<TokenSet, Decoder> CloseSpecial(SentencePieceFile file, TokenizerConfig config) => PythonDecoding.Usual(PythonDecoding.SentencePiece(file));

    private static Func<TokenSet, Decoder> T5Decoder(SentencePieceFile file, TokenizerConfig config) =>
        PythonDecoding.Usual(PythonDecoding.SentencePiece(file, before: " ", dropsFirstSpace: config.Flag("add_prefix_space") ?? true));

    /// <summary>Llama's: spaces become visible, one is put before texts, and bytes spell what is unknown.</summary>
    private static Conversion Llama(Func<TokenizerConfig, bool> legacy, Func<TokenizerConfig, bool> prefix) => new("tokenizer.model")
    {
        Pieces = (f, c) => f.Pieces.Select((p, i) => i < 3 ? (c.Added.TryGetValue(i, out var token) ? token.Content : p.Text, 0.0) : (p.Text, (double)p.Score)),
        Unknown = (_, _) => 0,
        ByteFallback = true,
        Normalizer = (_, c) => legacy(c) ? Sequence([.. prefix(c) ? (Normalizer[])[new PrependNormalizer("\u2581")] : [], new ReplaceNormalizer(Pattern.OfText(" "), "\u2581")]) : null,
        PreTokenizer = (scheme, c) => legacy(c) ? null : new MetaspacePreTokenizer(Space, scheme, split: false),
        Decoder = (_, c) => _ => LlamaDecoder(strips: prefix(c)),
    };

    private static readonly Dictionary<string, Conversion> Table = new(StringComparer.Ordinal)
    {
        ["Albert"] = new("spiece.model") { Decoder = SpacedSpecial, Pieces = (f, _) => WithoutNumberCommas(f), Normalizer = (f, c) => Albert(f, c, lowercase: true, keepsAccents: false), Frame = ClsSep },
        ["FNet"] = new("spiece.model") { Decoder = (f, _) => PythonDecoding.FNet(f), Pieces = (f, _) => WithoutNumberCommas(f), Normalizer = (f, c) => Albert(f, c, lowercase: false, keepsAccents: true), Frame = ClsSep },
        ["Barthez"] = new("sentencepiece.bpe.model") { Decoder = SpacedSpecial, Unknown = (_, _) => 3, Frame = FairSeq },
        ["BigBird"] = new("spiece.model") { Decoder = (f, _) => PythonDecoding.BigBird(f), Frame = ClsSep },
        ["Camembert"] = new("sentencepiece.bpe.model")
        {
            Decoder = SpacedSpecial,
            CountsPieces = true,
            Pieces = (f, _) => [("<s>NOTUSED", 0), ("<pad>", 0), ("</s>NOTUSED", 0), ("<unk>", 0), ("<unk>NOTUSED", -100), .. All(f).Skip(1), ("<mask>", 0)],
            Unknown = (_, _) => 3,
            Frame = FairSeq,
        },
        ["DebertaV2"] = new("spm.model")
        {
            Decoder = SpacedSpecial,
            Normalizer = (f, c) => Sequence([.. c.Flag("do_lower_case") ?? false ? (Normalizer[])[new LowercaseNormalizer()] : [], new StripNormalizer(left: true, right: true), .. Map(f), Replace(" {2,}", " ")]),
            PreTokenizer = (scheme, c) => new PreTokenizerSequence([
                .. c.Flag("split_by_punct") ?? false ? (PreTokenizer[])[new CharacterCutter(UnicodeData.IsPunctuation, SplitBehavior.Isolated)] : [], new MetaspacePreTokenizer(Space, scheme, split: true)]),
            Frame = ClsSep,
        },
        ["MBart"] = new("sentencepiece.bpe.model") { Pieces = FairSeqPieces(FairSeqFirst, [.. Languages.MBart, "<mask>"]), Unknown = (_, _) => 3 },
        ["MBart50"] = new("sentencepiece.bpe.model") { Decoder = SpacedSpecial, Pieces = FairSeqPieces(FairSeqFirst, [.. Languages.MBart50, "<mask>"]), Unknown = (_, _) => 3 },
        ["Nllb"] = new("sentencepiece.bpe.model") { Pieces = FairSeqPieces(FairSeqFirst), Unknown = (_, _) => 3 },
        ["SeamlessM4T"] = new("sentencepiece.bpe.model") { Decoder = (_, c) => PythonDecoding.Usual(parts => PythonDecoding.Pieces(c.Flag("add_prefix_space") ?? true ? [parts[0].TrimStart('\u2581'), .. parts.Skip(1)] : parts)), Pieces = FairSeqPieces("<pad> <unk> <s> </s>"), Unknown = (_, _) => 1, Legacy = false, CountsPieces = true },
        ["XLMRoberta"] = new("sentencepiece.bpe.model") { Pieces = FairSeqPieces(FairSeqFirst, "<mask>"), Unknown = (_, _) => 3, Frame = FairSeq },
        ["XLNet"] = new("spiece.model")
        {
            Decoder = (_, _) => PythonDecoding.XlNet,
            Pieces = (f, _) => WithoutNumberCommas(f),
            Normalizer = (f, c) => Albert(f, c, lowercase: false, keepsAccents: false),
            Frame = new("$A <sep> <cls>:2", "$A <sep> $B:1 <sep>:1 <cls>:2"),
        },
        ["Reformer"] = new("spiece.model") { Decoder = CloseSpecial },
        ["RemBert"] = new("sentencepiece.model") { Decoder = (f, _) => PythonDecoding.Usual(new SentencePieceDecoding(f).Decode), Normalizer = (f, c) => Albert(f, c, lowercase: false, keepsAccents: true, spacesFirst: true), Frame = ClsSep },
        ["Pegasus"] = new("spiece.model")
        {
            Decoder = CloseSpecial,
            Pieces = PegasusPieces,
            Unknown = (f, c) => f.TrainedUnknown + PegasusOffset(c),
            PreTokenizer = (scheme, _) => new PreTokenizerSequence([new CharacterCutter(UnicodeData.IsWhite, SplitBehavior.Removed), new MetaspacePreTokenizer(Space, scheme, split: true)]),
            Frame = new("$A {eos}", "$A $B {eos}"),
        },
        ["T5"] = new("spiece.model") { Decoder = T5Decoder, Pieces = T5Pieces, CountsPieces = true, ReadsLegacy = true, Frame = Eos },
        ["Udop"] = new("spiece.model") { ReadsLegacy = true, CountsPieces = true, Decoder = T5Decoder, Frame = Eos },
        ["XGLM"] = new("sentencepiece.bpe.model")
        {
            Pieces = FairSeqPieces(FairSeqFirst, [.. Enumerable.Range(0, 7).Select(i => $"<madeupword{i}>")]),
            Unknown = (_, _) => 3,
            Frame = new("</s> $A", "</s> $A </s> </s> $B"),
        },
        ["Llama"] = Llama(c => c.Flag("legacy") ?? true, c => c.Flag("add_prefix_space") ?? true) with { ReadsLegacy = true },
        ["CodeLlama"] = Llama(_ => true, _ => true),
        ["Gemma"] = new("tokenizer.model")
        {
            Pieces = GemmaPieces,
            Unknown = (_, _) => 3,
            ByteFallback = true,
            Special = ["<start_of_turn>", "<end_of_turn>"],
            Normalizer = (_, _) => new ReplaceNormalizer(Pattern.OfText(" "), "\u2581"),
            PreTokenizer = (_, _) => null,
            Decoder = (_, _) => _ => LlamaDecoder(strips: false),
        },
    };

    /// <summary>Builds what the class <paramref name="name"/> is converted to.</summary>
    internal static Recipe Build(VocabularyFolder folder, string name)
    {
        var (conversion, config) = (Table[name], folder.Config);
        var source = conversion.Files.FirstOrDefault(folder.Has) ?? conversion.Files[0];
        var bytes = folder.Bytes(source);
        if (TiktokenFile.LooksLikeOne(bytes)) return ByteLevelRecipes.Tiktoken(folder, source);
        var file = SentencePieceFile.Read(bytes, source);
        var legacy = conversion.ReadsLegacy ? config.Flag("legacy") ?? true : conversion.Legacy;
        var scheme = !(config.Flag("add_prefix_space") ?? true) ? PrependScheme.Never : legacy ? PrependScheme.Always : PrependScheme.First;
        return new(Model(file, conversion, config))
        {
            Normalizer = conversion.Normalizer(file, config),
            PreTokenizer = conversion.PreTokenizer(scheme, config),
            Decoder = conversion.Decoder(file, config),
            Frame = conversion.Frame,
            Count = conversion.CountsPieces ? file.Pieces.Length : null,
            Added = [.. file.Pieces.Where(p => p.Kind is PieceKind.Control or PieceKind.UserDefined)
                .Select(p => new AddedToken(p.Text, Normalized: false, Special: p.Kind == PieceKind.Control || conversion.Special.Contains(p.Text)))],
        };
    }

    /// <summary>The target side of a translation: sentencepiece itself, as the classes run it in Python; nobody asks for the offsets of what a model is to say.</summary>
    internal static Recipe BuildTarget(VocabularyFolder folder, string name)
    {
        var (conversion, config) = (Table[name], folder.Config);
        var file = SentencePieceFile.Read(folder.Bytes(conversion.Files[0]), conversion.Files[0]);
        (string Text, double Score)[] pieces = [.. conversion.Pieces(file, config)];
        var names = VocabularyFolder.VocabularyOf(pieces.Select((p, id) => (p.Text, id)), file.Name);
        var unknown = pieces[conversion.Unknown(file, config)].Text;
        var recipe = new Recipe(new SentencePieceModel(file, names, unknown)) { Decoder = conversion.Decoder(file, config) };
        if (conversion.Legacy) return recipe;
        var spaced = config.Flag("add_prefix_space") ?? true ? "\u2581" : "";
        return recipe with
        {
            Model = new AfterUnknownModel(file with { AddsPrefix = false }, config.Token("unk_token")?.Content ?? unknown, names, unknown),
            PreTokenizer = new FirstSpacePreTokenizer(config.Special.Select(t => t.Content).ToHashSet(StringComparer.Ordinal)),
            Prepare = _ => text => text.Length == 0 ? text : spaced + text.Replace(Space, ' '),
        };
    }

    private static Model Model(SentencePieceFile file, Conversion conversion, TokenizerConfig config)
    {
        (string Text, double Score)[] pieces = [.. conversion.Pieces(file, config)];
        var unknown = conversion.Unknown(file, config);
        if (unknown < 0 || unknown >= pieces.Length) throw VocabularyFolder.Corrupt(file.Name, $"an unknown piece of id {unknown} among {pieces.Length}", "an id of the vocabulary");
        var vocabulary = VocabularyFolder.VocabularyOf(pieces.Select((p, id) => (p.Text, id)), file.Name);
        switch (file.Algorithm)
        {
            case PieceAlgorithm.Unigram:
                return new Unigram(vocabulary, [.. pieces.Select(p => p.Score)], unknown, conversion.ByteFallback);
            case PieceAlgorithm.BytePairs:
                var places = file.Pieces.Select((p, i) => (p.Text, i)).ToDictionary(p => p.Text, p => p.i, StringComparer.Ordinal);
                if (conversion.Special.Length > 0 && places.TryGetValue("<0x09>", out var tab)) places.TryAdd("\t", tab);
                var settings = new BytePairModel.Settings(file.UnknownPiece, "", "", FuseUnknown: true, conversion.ByteFallback, IgnoreMerges: false);
                return VocabularyFolder.BytePairs(vocabulary, SentencePieceMerges.ByScore(pieces, places), settings, file.Name);
            default:
                throw new UnsupportedCheckpointException($"reading {file.Name}", new Problem(file.Name, $"a sentencepiece model of {file.Algorithm}, which this class does not take", "unigram and bpe models"));
        }
    }
}
