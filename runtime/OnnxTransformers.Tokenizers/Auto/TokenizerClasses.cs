using System.Collections.Immutable;

namespace OnnxTransformers.Tokenizers;

/// <summary>The classes that are known, family by family (models/*/tokenization_*.py of transformers 4.57).</summary>
internal sealed partial record TokenizerClass
{
    private static readonly ImmutableArray<string> AllInputs = ["input_ids", "token_type_ids", "attention_mask"];
    private static readonly ImmutableArray<string> NoTypes = ["input_ids", "attention_mask"];

    private static Dictionary<string, string> Tokens(params ReadOnlySpan<string> pairs)
    {
        var result = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var i = 0; i < pairs.Length; i += 2) result[pairs[i] + "_token"] = pairs[i + 1];
        return result;
    }

    private static readonly Dictionary<string, string> BertTokens = Tokens("unk", "[UNK]", "sep", "[SEP]", "pad", "[PAD]", "cls", "[CLS]", "mask", "[MASK]");
    private static readonly Dictionary<string, string> RobertaTokens = Tokens("bos", "<s>", "eos", "</s>", "sep", "</s>", "cls", "<s>", "unk", "<unk>", "pad", "<pad>", "mask", "<mask>");
    private static readonly Dictionary<string, string> NoMask = Tokens("bos", "<s>", "eos", "</s>", "sep", "</s>", "cls", "<s>", "unk", "<unk>", "pad", "<pad>");
    private static readonly Dictionary<string, string> Gpt2Tokens = Tokens("unk", "<|endoftext|>", "bos", "<|endoftext|>", "eos", "<|endoftext|>");
    private static readonly Dictionary<string, string> DebertaTokens = Tokens("bos", "[CLS]", "eos", "[SEP]", "sep", "[SEP]", "cls", "[CLS]", "unk", "[UNK]", "pad", "[PAD]", "mask", "[MASK]");
    private static readonly Dictionary<string, string> T5Tokens = Tokens("eos", "</s>", "unk", "<unk>", "pad", "<pad>");
    private static readonly Dictionary<string, string> LlamaTokens = Tokens("unk", "<unk>", "bos", "<s>", "eos", "</s>");
    private static readonly Dictionary<string, string> SpeechTokens = Tokens("bos", "<s>", "eos", "</s>", "unk", "<unk>", "pad", "<pad>");

    /// <summary>The beginning and the end of texts, where add_bos_token and add_eos_token ask for them.</summary>
    private static Func<TokenizerConfig, bool, Frame> BosEos(bool absent = true) => (config, _) =>
    {
        var (bos, eos) = (config.Flag("add_bos_token") ?? absent, config.Flag("add_eos_token") ?? false);
        var single = $"{(bos ? "{bos} " : "")}$A{(eos ? " {eos}" : "")}";
        return new(single, $"{single}{(bos ? " {bos}:1" : "")} $B:1{(eos ? " {eos}:1" : "")}");
    };

    /// <summary>The language of a side, around or behind its texts.</summary>
    private static Func<TokenizerConfig, bool, Frame> Language(string absent, Func<TokenizerConfig, bool, Frame> frame) => (config, target) =>
    {
        var language = (target ? config.Text("tgt_lang") : config.Text("src_lang") ?? absent) ?? throw TokenizerConfig.NoLanguage("tgt_lang");
        return frame(config, target) with { Names = Tokenizers.Frame.One("lang", language) };
    };

    private static readonly Frame LanguageLast = Tokenizers.Frame.Around("", "{eos} {lang}"), LanguageFirst = Tokenizers.Frame.Around("{lang}", "{eos}");

    private static Func<VocabularyFolder, bool, Recipe> Converted(string name) => (folder, _) => SentencePieceRecipes.Build(folder, name);

    private static Func<VocabularyFolder, bool, Recipe> Sides(string name) => (folder, target) => target ? SentencePieceRecipes.BuildTarget(folder, name) : SentencePieceRecipes.Build(folder, name);

    private static Func<VocabularyFolder, bool, Recipe> Alone(Func<VocabularyFolder, Recipe> build) => (folder, _) => build(folder);

    private static Recipe BuildLlama(VocabularyFolder folder, string name) => !folder.Has("tokenizer.model") && folder.Has("tekken.json") ? ByteLevelRecipes.Tekken(folder) : SentencePieceRecipes.Build(folder, name);

    private static Recipe BuildByteStrings(VocabularyFolder folder) => folder.Has("tekken.json") ? ByteLevelRecipes.Tekken(folder) : ByteLevelRecipes.Tiktoken(folder, "tokenizer.model");

    private static IEnumerable<TokenizerClass> Rows() => [.. WordPieces(), .. ByteLevels(), .. SentencePieces(), .. Translations(), .. PythonOnly()];

    private static IEnumerable<TokenizerClass> WordPieces()
    {
        foreach (var name in (string[])["Bert", "Electra", "MobileBert", "ConvBert", "LayoutLM", "Lxmert", "Retribert", "RetriBert", "SqueezeBert", "Realm", "DPRQuestionEncoder", "DPRContextEncoder", "DPRReader", "LayoutLMv2"])
            yield return new(name) { Defaults = BertTokens, BertNormalizer = true, Build = Alone(f => WordPieceRecipes.Build(f, WordPieceRecipes.Bert)) };
        yield return new("Splinter") { Defaults = BertTokens, Build = Alone(WordPieceRecipes.Splinter) };
        yield return new("DistilBert") { Defaults = BertTokens, BertNormalizer = true, Inputs = NoTypes, Build = Alone(f => WordPieceRecipes.Build(f, WordPieceRecipes.Bert)) };
        yield return new("Funnel")
        {
            Defaults = Tokens("unk", "<unk>", "sep", "<sep>", "pad", "<pad>", "cls", "<cls>", "mask", "<mask>", "bos", "<s>", "eos", "</s>"),
            BertNormalizer = true,
            Build = Alone(f => WordPieceRecipes.Build(f, WordPieceRecipes.Funnel)),
        };
        yield return new("MPNet")
        {
            Defaults = Tokens("bos", "<s>", "eos", "</s>", "sep", "</s>", "cls", "<s>", "unk", "[UNK]", "pad", "<pad>", "mask", "<mask>"),
            BertNormalizer = true,
            Inputs = NoTypes,
            MaskTakesSpace = true,
            Build = Alone(f => WordPieceRecipes.Build(f, WordPieceRecipes.MPNet)),
        };
    }

    private static IEnumerable<TokenizerClass> ByteLevels()
    {
        foreach (var name in (string[])["Roberta", "Bart", "Longformer", "LED", "Mvp"])
            yield return new(name) { Defaults = RobertaTokens, RobertaProcessor = true, Inputs = NoTypes, MaskTakesSpace = true, Build = Alone(ByteLevelRecipes.Roberta) };
        yield return new("Blenderbot") { Defaults = RobertaTokens, RobertaProcessor = true, Inputs = NoTypes, MaskTakesSpace = true, Build = Alone(ByteLevelRecipes.Blenderbot) };
        yield return new("GPT2") { Defaults = Gpt2Tokens, Inputs = NoTypes, Build = Alone(ByteLevelRecipes.Gpt2) };
        yield return new("CodeGen") { Defaults = Gpt2Tokens, Inputs = NoTypes, Build = Alone(ByteLevelRecipes.Gpt2) };
        yield return new("GPTNeoX") { Defaults = Gpt2Tokens, Inputs = NoTypes, Frame = BosEos(absent: false) };
        yield return new("Whisper") { Defaults = Gpt2Tokens, Inputs = NoTypes, Build = Alone(ByteLevelRecipes.Whisper), DecodesTimestamps = true };
        yield return new("CLIP")
        {
            Defaults = Tokens("unk", "<|endoftext|>", "bos", "<|startoftext|>", "eos", "<|endoftext|>", "pad", "<|endoftext|>"),
            Inputs = NoTypes,
            DecodesWordEnds = true,
            Build = Alone(ByteLevelRecipes.Clip),
        };
        yield return new("Qwen2") { Defaults = Tokens("unk", "<|endoftext|>", "eos", "<|endoftext|>", "pad", "<|endoftext|>"), Inputs = NoTypes, Build = Alone(ByteLevelRecipes.Qwen2) };
        yield return new("Deberta") { Defaults = DebertaTokens, MaskTakesSpace = true, Inputs = ["input_ids", "attention_mask", "token_type_ids"], Build = Alone(ByteLevelRecipes.Deberta) };
        yield return new("Cohere") { Defaults = Tokens("bos", "<BOS_TOKEN>", "eos", "<|END_OF_TURN_TOKEN|>", "unk", "<UNK>", "pad", "<PAD>"), Inputs = NoTypes, Frame = BosEos(), PaddingSide = Side.Left };
        yield return new("Bloom") { Defaults = Tokens("unk", "<unk>", "bos", "<s>", "eos", "</s>", "pad", "<pad>"), Inputs = NoTypes, PaddingSide = Side.Left };
        yield return new("OpenAIGPT") { Defaults = Tokens("unk", "<unk>"), Inputs = NoTypes, Build = Alone(ByteLevelRecipes.OpenAIGpt) };
        yield return new("Herbert") { Defaults = Tokens("cls", "<s>", "unk", "<unk>", "pad", "<pad>", "mask", "<mask>", "sep", "</s>"), Build = Alone(ByteLevelRecipes.Herbert) };
        foreach (var name in (string[])["PreTrained", "PreTrainedTokenizerFast", "TokenizersBackend"]) yield return new(name) { Build = Alone(BuildByteStrings) };
        yield return new("MistralCommon") { Defaults = Tokens("bos", "<s>", "eos", "</s>", "unk", "<unk>", "pad", "<pad>"), Inputs = NoTypes, PaddingSide = Side.Left, Build = Alone(f => BuildLlama(f, "Llama")) };
    }

    private static IEnumerable<TokenizerClass> SentencePieces()
    {
        foreach (var name in (string[])["XLMRoberta", "Camembert", "Barthez"]) yield return new(name) { Defaults = RobertaTokens, Inputs = NoTypes, MaskTakesSpace = true, Build = Converted(name) };
        foreach (var name in (string[])["T5", "MT5"]) yield return new(name) { Defaults = T5Tokens, Inputs = NoTypes, HasSentinels = true, RebuildsForPrefix = true, Build = Converted("T5") };
        yield return new("Udop") { Defaults = Tokens("eos", "</s>", "unk", "<unk>", "sep", "</s>", "pad", "<pad>"), Inputs = NoTypes, Build = Converted("Udop") };
        foreach (var name in (string[])["Llama", "CodeLlama"])
            yield return new(name) { Defaults = LlamaTokens, Inputs = NoTypes, Frame = BosEos(), PaddingSide = Side.Left, RebuildsForPrefix = name == "Llama", Build = Alone(f => BuildLlama(f, name)) };
        yield return new("Gemma") { Defaults = Tokens("unk", "<unk>", "bos", "<bos>", "eos", "<eos>", "pad", "<pad>"), Frame = BosEos(), PaddingSide = Side.Left, Build = Converted("Gemma") };
        yield return new("Albert")
        {
            Defaults = Tokens("bos", "[CLS]", "eos", "[SEP]", "unk", "<unk>", "sep", "[SEP]", "pad", "<pad>", "cls", "[CLS]", "mask", "[MASK]"),
            MaskTakesSpace = true,
            Build = Converted("Albert"),
        };
        yield return new("DebertaV2") { Defaults = DebertaTokens, Build = Converted("DebertaV2") };
        yield return new("Pegasus") { Defaults = Tokens("pad", "<pad>", "eos", "</s>", "unk", "<unk>", "mask", "<mask_2>"), MarksSpecialInText = true, Inputs = NoTypes, Build = Converted("Pegasus") };
        yield return new("BigBird")
        {
            Defaults = Tokens("unk", "<unk>", "bos", "<s>", "eos", "</s>", "pad", "<pad>", "sep", "[SEP]", "mask", "[MASK]", "cls", "[CLS]"),
            Inputs = NoTypes,
            MaskTakesSpace = true,
            Build = Converted("BigBird"),
        };
        yield return new("XLNet")
        {
            Defaults = Tokens("bos", "<s>", "eos", "</s>", "unk", "<unk>", "sep", "<sep>", "pad", "<pad>", "cls", "<cls>", "mask", "<mask>"),
            PaddingSide = Side.Left,
            PadTypeId = 3,
            MaskTakesSpace = true,
            Build = Converted("XLNet"),
        };
        yield return new("Reformer") { Defaults = Tokens("eos", "</s>", "unk", "<unk>"), Inputs = NoTypes, Build = Converted("Reformer") };
        yield return new("RemBert") { Defaults = DebertaTokens, MaskTakesSpace = true, Build = Converted("RemBert") };
        yield return new("FNet") { Defaults = Tokens("unk", "<unk>", "sep", "[SEP]", "pad", "<pad>", "cls", "[CLS]", "mask", "[MASK]"), Inputs = ["input_ids", "token_type_ids"], MaskTakesSpace = true, Build = Converted("FNet") };
        yield return new("XGLM") { Defaults = NoMask, Inputs = NoTypes, Build = Converted("XGLM") };
    }

    private static IEnumerable<TokenizerClass> Translations()
    {
        yield return new("MBart") { Defaults = RobertaTokens, Inputs = NoTypes, MaskTakesSpace = true, HasTarget = true, Languages = Tokenizers.Languages.MBart, Frame = Language("en_XX", (_, _) => LanguageLast), Build = Sides("MBart") };
        yield return new("MBart50")
        {
            Defaults = Tokens("eos", "</s>", "sep", "</s>", "cls", "<s>", "unk", "<unk>", "pad", "<pad>", "mask", "<mask>"),
            Inputs = NoTypes,
            MaskTakesSpace = true,
            HasTarget = true,
            Languages = Tokenizers.Languages.MBart50,
            Frame = Language("en_XX", (_, _) => LanguageFirst),
            Build = Sides("MBart50"),
        };
        yield return new("Nllb")
        {
            Defaults = RobertaTokens,
            Inputs = NoTypes,
            MaskTakesSpace = true,
            HasTarget = true,
            Languages = Tokenizers.Languages.Nllb,
            Frame = Language("eng_Latn", (config, _) => config.Flag("legacy_behaviour") ?? false ? LanguageLast : LanguageFirst),
            Build = Sides("Nllb"),
        };
        yield return new("SeamlessM4T")
        {
            Defaults = NoMask,
            Inputs = NoTypes,
            HasTarget = true,
            Frame = (config, target) => Tokenizers.Frame.Around(target ? "{eos} {lang}" : "{lang}", "{eos}") with { Names = Tokenizers.Frame.One("lang", Seamless(target ? config.Text("tgt_lang") ?? "fra" : config.Text("src_lang") ?? "eng")) },
            CallPadding = 2,
            Build = Sides("SeamlessM4T"),
        };
        yield return new("M2M100") { Defaults = Tokens("bos", "<s>", "eos", "</s>", "sep", "</s>", "pad", "<pad>", "unk", "<unk>"), Inputs = NoTypes, HasTarget = true, IsPython = true, Build = PythonSentencePieceRecipes.M2M100 };
        yield return new("Marian") { Defaults = T5Tokens, MarksSpecialInText = true, Inputs = NoTypes, HasTarget = true, IsPython = true, Build = PythonSentencePieceRecipes.Marian };
        yield return new("PLBart") { Defaults = RobertaTokens, Inputs = NoTypes, MaskTakesSpace = true, HasTarget = true, IsPython = true, Build = PythonSentencePieceRecipes.PLBart };

        static string Seamless(string language) => language.Contains("__", StringComparison.Ordinal) ? language : $"__{language}__";
    }

    private static IEnumerable<TokenizerClass> PythonOnly()
    {
        TokenizerClass Row(string name, Dictionary<string, string> defaults, Func<VocabularyFolder, Recipe> build) => new(name) { Defaults = defaults, Inputs = NoTypes, IsPython = true, Build = Alone(build) };
        yield return Row("BertGeneration", Tokens("bos", "<s>", "eos", "</s>", "unk", "<unk>", "pad", "<pad>", "sep", "<::::>"), PythonSentencePieceRecipes.BertGeneration);
        yield return Row("GPTSw3", Tokens("eos", "<|endoftext|>", "unk", "<unk>", "pad", "<pad>", "bos", "<s>"), PythonSentencePieceRecipes.GptSw3);
        yield return Row("Siglip", Tokens("eos", "</s>", "unk", "<unk>", "pad", "</s>"), PythonSentencePieceRecipes.Siglip) with { TokensTakeSpace = true, EndsOnce = true, LongestText = 64 };
        yield return Row("Speech2Text", SpeechTokens, PythonSentencePieceRecipes.SpeechToText);
        yield return Row("SpeechT5", SpeechTokens, PythonSentencePieceRecipes.SpeechT5);
        yield return Row("XLMProphetNet", Tokens("bos", "[SEP]", "eos", "[SEP]", "sep", "[SEP]", "unk", "[UNK]", "pad", "[PAD]", "cls", "[CLS]", "mask", "[MASK]"), PythonSentencePieceRecipes.XlmProphetNet);
        yield return Row("Bartpho", RobertaTokens, PythonSentencePieceRecipes.Bartpho) with { MaskTakesSpace = true };
        yield return Row("ProphetNet", Tokens("unk", "[UNK]", "sep", "[SEP]", "pad", "[PAD]", "mask", "[MASK]"), WordPieceRecipes.ProphetNet);
        yield return Row("Bertweet", RobertaTokens, WordRecipes.Fairseq) with { Inputs = AllInputs };
        yield return Row("Phobert", RobertaTokens, WordRecipes.Fairseq) with { Inputs = AllInputs };
        yield return Row("CTRL", Tokens("unk", "<unk>"), WordRecipes.Ctrl) with { Inputs = AllInputs };
        yield return Row("BlenderbotSmall", Tokens("bos", "__start__", "eos", "__end__", "unk", "__unk__", "pad", "__null__"), WordRecipes.BlenderbotSmall);
        yield return Row("ByT5", T5Tokens, CharacterRecipes.ByT5) with { TokensTakeSpace = true, EndsOnce = true, HasSentinels = true };
        yield return Row("Perceiver", Tokens("pad", "[PAD]", "bos", "[BOS]", "eos", "[EOS]", "mask", "[MASK]", "cls", "[CLS]", "sep", "[SEP]"), CharacterRecipes.Perceiver) with { LongestText = 2048 };
        yield return Row("Canine", Tokens("bos", "\uE000", "eos", "\uE001", "sep", "\uE001", "cls", "\uE000", "pad", "\0", "mask", "\uE003"), CharacterRecipes.Canine) with { Inputs = AllInputs, MaskTakesSpace = true, LongestText = 2048 };
        yield return Row("MyT5", T5Tokens, CharacterRecipes.MyT5) with { TokensTakeSpace = true, EndsOnce = true, HasSentinels = true };
        yield return Row("BertJapanese", BertTokens, WordPieceRecipes.Japanese) with { Inputs = AllInputs };
        yield return Row("Luke", RobertaTokens, ByteLevelRecipes.Luke) with { MaskTakesSpace = true };
        yield return Row("MLuke", RobertaTokens, PythonSentencePieceRecipes.MLuke) with { MaskTakesSpace = true };
        yield return Row("Clvp", Tokens("unk", "[UNK]", "bos", "<|endoftext|>", "eos", "[STOP]", "pad", "[STOP]"), ByteLevelRecipes.Clvp);
        yield return Row("Wav2Vec2PhonemeCTC", SpeechTokens, CharacterRecipes.Phonemes);
        yield return Row("Dia", Tokens("pad", "<pad>", "unk", "<pad>"), CharacterRecipes.Dia);
        yield return Row("Esm", Tokens("unk", "<unk>", "cls", "<cls>", "pad", "<pad>", "mask", "<mask>", "eos", "<eos>"), CharacterRecipes.Esm);
        yield return Row("Mgpstr", Tokens("unk", "[GO]", "bos", "[GO]", "eos", "[s]", "pad", "[GO]"), CharacterRecipes.MgpStr) with { Inputs = AllInputs };
        yield return Row("Vits", Tokens("pad", "<pad>", "unk", "<unk>"), CharacterRecipes.Vits);
        yield return Row("Wav2Vec2CTC", SpeechTokens, CharacterRecipes.Wav2Vec2);
    }

    private static readonly Dictionary<string, TokenizerClass> Table = Rows().ToDictionary(r => r.Name, StringComparer.Ordinal);

    /// <summary>The class of a name such as BertTokenizer or BertTokenizerFast; null where it is not known.</summary>
    internal static TokenizerClass? Find(string name)
    {
        if (name.EndsWith("Fast", StringComparison.Ordinal)) name = name[..^4];
        if (name.EndsWith("Tokenizer", StringComparison.Ordinal)) name = name[..^9];
        return Table.GetValueOrDefault(name);
    }

    /// <summary>The class names that are known, for messages.</summary>
    internal static string Known => string.Join(", ", Table.Keys.Where(k => !k.StartsWith("PreTrained", StringComparison.Ordinal) && k != "TokenizersBackend").Order(StringComparer.Ordinal).Select(k => k + "Tokenizer").Append("PreTrainedTokenizerFast"));
}
