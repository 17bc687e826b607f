namespace OnnxTransformers.Tokenizers;

/// <summary>Classes with a vocab.txt of WordPiece tokens.</summary>
internal static class WordPieceRecipes
{
    internal static readonly Frame Bert = new("{cls} $A {sep}", "{cls} $A {sep} $B:1 {sep}:1");
    internal static readonly Frame Funnel = new("{cls}:2 $A {sep}", "{cls}:2 $A {sep} $B:1 {sep}:1");
    internal static readonly Frame MPNet = new("{cls} $A {sep}", "{cls} $A {sep} {sep} $B:1 {sep}:1");

    internal static Recipe Build(VocabularyFolder folder, Frame frame)
    {
        var config = folder.Config;
        return new(Model(folder, "vocab.txt"))
        {
            Normalizer = new BertNormalizer(cleanText: true, config.Flag("tokenize_chinese_chars") ?? true, config.Flag("strip_accents"), config.Flag("do_lower_case") ?? true),
            PreTokenizer = new BertPreTokenizer(),
            Decoder = PythonDecoding.Usual(PythonDecoding.WordPieces),
            Frame = frame,
        };
    }

    internal static WordPiece Model(VocabularyFolder folder, string file) => new(folder.TokenLines(file), folder.Config.Token("unk_token")?.Content ?? "[UNK]", "##", 100);

    /// <summary>Splinter asks at the end of the first text, or of the second where padding is on the left.</summary>
    internal static Recipe Splinter(VocabularyFolder folder)
    {
        var left = folder.Config.Text("padding_side") == "left";
        var pair = left ? "{cls} $A {sep} $B:1 {question} . {sep}:1" : "{cls} $A {question} . {sep} $B:1 {sep}:1";
        return Build(folder, new("{cls} $A {sep}", pair) { Names = Frame.One("question", folder.Config.Name("question_token") ?? "[QUESTION]") });
    }

    /// <summary>ProphetNet: BERT's words and pieces in Python, without a token at the beginning.</summary>
    internal static Recipe ProphetNet(VocabularyFolder folder) => Python(folder, "prophetnet.tokenizer") with { Frame = new("$A {sep}", "$A {sep} $B:1 {sep}:1") };

    /// <summary>Japanese BERT with BERT's own words; those of MeCab, Sudachi and Juman++ need dictionaries.</summary>
    internal static Recipe Japanese(VocabularyFolder folder)
    {
        var config = folder.Config;
        var words = !(config.Flag("do_word_tokenize") ?? true) ? null : config.Text("word_tokenizer_type") ?? "basic";
        if (words is not (null or "basic")) throw TokenizerConfig.Problem("word_tokenizer_type", $"\"{words}\", which needs a dictionary", "basic");
        if (!(config.Flag("do_subword_tokenize") ?? true)) throw TokenizerConfig.Problem("do_subword_tokenize", "false", "true");
        var kind = config.Text("subword_tokenizer_type") ?? "wordpiece";
        var lowercase = config.Flag("do_lower_case") ?? false;
        var basic = words is null ? null : new BasicTokenizerNormalizer(handleChinese: false, stripAccents: lowercase, lowercase);
        PreTokenizer? cutter = words is null ? null : new BasicTokenizerCutter();
        Func<TokenSet, Func<string, string>?> lowers = tokens => lowercase ? text => PythonText.LowerBetween(text, tokens.Special) : null;
        return kind switch
        {
            "wordpiece" => new(Model(folder, "vocab.txt")) { Normalizer = basic, PreTokenizer = cutter ?? new CharacterCutter(c => c <= char.MaxValue && PythonText.IsSpace((char)c), SplitBehavior.Removed), Frame = Bert, Decoder = PythonDecoding.Usual(PythonDecoding.WordPieces), Prepare = lowers },
            "character" => Characters() with { PreTokenizer = cutter, Frame = Bert, Decoder = PythonDecoding.Usual(PythonDecoding.WordPieces), Prepare = lowers },
            _ => throw TokenizerConfig.Problem("subword_tokenizer_type", $"\"{kind}\"", "wordpiece, character"),
        };

        Recipe Characters()
        {
            var vocabulary = folder.TokenLines("vocab.txt");
            var compose = new UnicodeNormalizer(compatible: true, compose: true);
            return new(new CharacterModel(vocabulary, vocabulary.Find(config.Token("unk_token")?.Content ?? "[UNK]"))) { Normalizer = basic is null ? compose : new NormalizerSequence([basic, compose]) };
        }
    }

    /// <summary>BERT's tokenizer as it is written in Python.</summary>
    private static Recipe Python(VocabularyFolder folder, string file)
    {
        var config = folder.Config;
        var basic = config.Flag("do_basic_tokenize") ?? true;
        var lowercase = config.Flag("do_lower_case") ?? true;
        return new(Model(folder, file))
        {
            Normalizer = basic ? new BasicTokenizerNormalizer(config.Flag("tokenize_chinese_chars") ?? true, config.Flag("strip_accents") ?? lowercase, lowercase) : null,
            PreTokenizer = basic ? new BasicTokenizerCutter() : new CharacterCutter(c => c <= char.MaxValue && PythonText.IsSpace((char)c), SplitBehavior.Removed),
            Decoder = PythonDecoding.Usual(PythonDecoding.WordPieces),
        };
    }
}
