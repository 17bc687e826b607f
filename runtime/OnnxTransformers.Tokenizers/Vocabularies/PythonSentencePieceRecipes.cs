using System.Collections.Immutable;

namespace OnnxTransformers.Tokenizers;

/// <summary>Classes with a sentencepiece model that exist in Python only, and run sentencepiece itself.</summary>
internal static class PythonSentencePieceRecipes
{
    private static SentencePieceFile Open(VocabularyFolder folder, string file)
    {
        var bytes = folder.Bytes(file);
        if (folder.Config.Object("sp_model_kwargs") is { } options && options.Members().FirstOrDefault(m => m.Key == "enable_sampling" && m.Value.Bool()).Key is not null)
            throw TokenizerConfig.Problem("sp_model_kwargs.enable_sampling", "true, which makes every run different", "false");
        return SentencePieceFile.Read(bytes, file);
    }

    private static Recipe Of(SentencePieceFile file, Vocabulary? names = null, string? unknown = null) =>
        new(new SentencePieceModel(file, names, unknown));

    internal static Recipe BertGeneration(VocabularyFolder folder)
    {
        var file = Open(folder, "spiece.model");
        return Of(file) with { Decoder = PythonDecoding.Usual(PythonDecoding.SentencePiece(file)) };
    }

    internal static Recipe GptSw3(VocabularyFolder folder)
    {
        var file = Open(folder, "spiece.model");
        return Of(file) with
        {
            Normalizer = new NormalizerSequence([new GptSw3Normalizer(), new UnicodeNormalizer(compatible: false, compose: true)]),
            Decoder = PythonDecoding.Usual(PythonDecoding.SentencePiece(file, before: " ", strip: false)),
            Prepare = Lowercase(folder, absent: false),
            CleanUp = text => text,
        };
    }

    internal static Recipe SpeechT5(VocabularyFolder folder)
    {
        var file = Open(folder, "spm_char.model");
        return Of(file) with
        {
            Decoder = PythonDecoding.Usual(PythonDecoding.SentencePiece(file, before: " ")),
            Frame = Frame.Around("", "{eos}"),
            Prepare = folder.Config.Flag("normalize") ?? false ? _ => EnglishNumbers.Spell : _ => null,
        };
    }

    internal static Recipe Siglip(VocabularyFolder folder)
    {
        var file = Open(folder, "spiece.model") with { AddsPrefix = false };
        var unknown = folder.Config.Token("unk_token")?.Content ?? "<unk>";
        var lowers = Lowercase(folder, absent: true);
        return new(new AfterUnknownModel(file, unknown))
        {
            Normalizer = new SiglipNormalizer(),
            PreTokenizer = new FirstSpacePreTokenizer(folder.Config.Special.Select(t => t.Content).ToHashSet(StringComparer.Ordinal)),
            Decoder = PythonDecoding.Usual(PythonDecoding.SentencePiece(file, before: " ")),
            Frame = new("$A {eos}", "$A {eos} $B {eos}"),
            Prepare = tokens =>
            {
                var lower = lowers(tokens);
                return text =>
                {
                    var prepared = "\u2581" + text.Replace('\u2581', ' ');
                    return lower?.Invoke(prepared) ?? prepared;
                };
            },
        };
    }

    internal static Recipe XlmProphetNet(VocabularyFolder folder)
    {
        var file = Open(folder, "prophetnet.tokenizer");
        const int offset = 12;
        string[] first = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]", .. Enumerable.Range(0, 10).Select(i => $"[unused{i}]")];
        return Of(file, VocabularyFolder.VocabularyOf(Place(file, first, offset), file.Name), folder.Config.Token("unk_token")?.Content ?? "[UNK]") with
        {
            Decoder = PythonDecoding.Usual(PythonDecoding.Pieces),
            Frame = new("$A {sep}", "$A {sep} $B {sep}"),
            Count = file.Pieces.Length + offset,
        };
    }

    internal static Recipe SpeechToText(VocabularyFolder folder)
    {
        var (file, config) = (Open(folder, "sentencepiece.bpe.model"), folder.Config);
        var upper = config.Flag("do_upper_case") ?? false;
        TemplatePiece[] before = [];
        if (config.Text("lang_codes") is { } codes)
        {
            if (codes != "mustc") throw TokenizerConfig.Problem("lang_codes", $"\"{codes}\"", "mustc");
            var language = config.Text("tgt_lang") ?? Languages.MustC[0];
            if (!Languages.MustC.Contains(language)) throw TokenizerConfig.Problem("tgt_lang", $"\"{language}\"", string.Join(", ", Languages.MustC));
            // The language's id is that of its piece, and not the one of the vocabulary.
            var piece = file.Pieces.Select((p, i) => (p.Text, i)).Where(p => p.Text == $"<lang:{language}>").Select(p => p.i).FirstOrDefault(file.Unknown);
            before = [new(-1, 0, [($"<lang:{language}>", piece)])];
        }
        return Of(file, VocabularyFolder.VocabularyOf(folder.TokenIds("vocab.json"), "vocab.json"), config.Token("unk_token")?.Content ?? "<unk>") with
        {
            Decoder = PythonDecoding.Usual(PythonDecoding.SentencePiece(file, after: " ", rewrite: upper ? PythonText.Upper : null)),
            PostProcessor = tokens =>
            {
                var end = tokens.Role("eos") ?? throw TokenizerConfig.Problem("eos_token", "no token", "a token");
                TemplatePiece last = new(-1, 0, [(end, tokens.IdOf(end))]);
                return new TemplateProcessor([.. before, new(0, 0, []), last], [.. before, new(0, 0, []), new(1, 0, []), last]);
            },
            Prepare = Lowercase(folder, absent: false),
        };
    }

    internal static Recipe M2M100(VocabularyFolder folder, bool target)
    {
        var (file, config) = (Open(folder, "sentencepiece.bpe.model"), folder.Config);
        var kind = config.Text("language_codes") ?? "m2m100";
        if (!Languages.M2M100.TryGetValue(kind, out var codes)) throw TokenizerConfig.Problem("language_codes", $"\"{kind}\"", string.Join(", ", Languages.M2M100.Keys.Order()));
        var language = target ? config.Text("tgt_lang") ?? throw TokenizerConfig.NoLanguage("tgt_lang") : config.Text("src_lang") ?? "en";
        if (!codes.Contains(language)) throw TokenizerConfig.Problem(target ? "tgt_lang" : "src_lang", $"\"{language}\"", string.Join(", ", codes));
        var tokens = folder.TokenIds("vocab.json");
        var size = tokens.Select(t => t.Token).Distinct(StringComparer.Ordinal).Count();
        var names = VocabularyFolder.VocabularyOf(tokens.Concat(codes.Select((code, i) => ($"__{code}__", size + i))), "vocab.json");
        return Of(file, names, config.Token("unk_token")?.Content ?? "<unk>") with
        {
            Decoder = PythonDecoding.Usual(PythonDecoding.SentencePiece(file)),
            Frame = Frame.Around("{lang}", "{eos}") with { Names = Frame.One("lang", $"__{language}__") },
            Count = size,
        };
    }

    internal static Recipe Marian(VocabularyFolder folder, bool target)
    {
        var config = folder.Config;
        var separate = config.Flag("separate_vocabs") ?? false;
        var vocab = target && separate ? "target_vocab.json" : "vocab.json";
        var (own, other) = (Open(folder, target ? "target.spm" : "source.spm"), Open(folder, "target.spm"));
        var names = VocabularyFolder.VocabularyOf(folder.TokenIds(vocab), vocab);
        var unknown = config.Token("unk_token")?.Content ?? "<unk>";
        var decoded = separate ? VocabularyFolder.VocabularyOf(folder.TokenIds("target_vocab.json"), "target_vocab.json") : null;
        return new(new MarianModel(own, names, unknown, decoded))
        {
            Decoder = PythonDecoding.Usual(PythonDecoding.SentencePiece(other, after: " ", rewrite: text => text.Replace('\u2581', ' '))),
            Frame = Frame.Around("", "{eos}"),
        };
    }

    internal static Recipe PLBart(VocabularyFolder folder, bool target)
    {
        var (file, config) = (Open(folder, "sentencepiece.bpe.model"), folder.Config);
        var kind = config.Text("language_codes") ?? "base";
        if (!Languages.PLBart.TryGetValue(kind, out var codes)) throw TokenizerConfig.Problem("language_codes", $"\"{kind}\"", string.Join(", ", Languages.PLBart.Keys.Order()));
        var size = file.Pieces.Length;
        var names = Place(file, ["<s>", "<pad>", "</s>", "<unk>"], 1);
        names.AddRange(codes.Select((code, i) => (code, size + i + 1)));
        if (kind == "base") names.Add(("<mask>", size + codes.Length + 1));
        var language = target ? config.Text("tgt_lang") : config.Text("src_lang");
        if (language is not null && !language.StartsWith("__", StringComparison.Ordinal)) language = $"__{language}__";
        if (language is null && kind == "multi" && !target) language = "__en_XX__";
        if (language is not null && !codes.Contains(language)) throw TokenizerConfig.Problem(target ? "tgt_lang" : "src_lang", $"\"{language}\"", string.Join(", ", codes));
        return Of(file, VocabularyFolder.VocabularyOf(names, file.Name), "<unk>") with
        {
            Decoder = PythonDecoding.Usual(PythonDecoding.Pieces),
            Frame = language is null ? Frame.Around("", "{eos}") : Frame.Around("", "{eos} {lang}") with { Names = Frame.One("lang", language) },
        };
    }

    /// <summary>mLUKE's: as XLM-R in Python. Entities are not texts, and not made here.</summary>
    internal static Recipe MLuke(VocabularyFolder folder)
    {
        var file = Open(folder, "sentencepiece.bpe.model");
        var names = Place(file, ["<s>", "<pad>", "</s>", "<unk>"], 1);
        names.Add(("<mask>", file.Pieces.Length + 1));
        return Of(file, VocabularyFolder.VocabularyOf(names, file.Name), "<unk>") with
        {
            Decoder = PythonDecoding.Usual(PythonDecoding.Pieces),
            Frame = new("{cls} $A {sep}", "{cls} $A {sep} {sep} $B {sep}"),
            Count = file.Pieces.Length + 2,
        };
    }

    /// <summary>BARTpho's: sentencepiece cuts, and a list of words that are common in Vietnamese gives the ids.</summary>
    internal static Recipe Bartpho(VocabularyFolder folder)
    {
        var (file, config) = (Open(folder, "sentencepiece.bpe.model"), folder.Config);
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var role in (string[])["bos_token", "pad_token", "eos_token", "unk_token", "sep_token", "cls_token"])
            if (config.Token(role)?.Content is { } token) ids.TryAdd(token, ids.Count);
        foreach (var line in folder.Lines("dict.txt"))
        {
            var words = PythonText.Split(line);
            ids[words.Count > 0 ? words[0] : throw VocabularyFolder.Corrupt("dict.txt", "an empty line", "a token and how often it was seen")] = ids.Count;
        }
        if (config.Token("mask_token")?.Content is { } mask) ids.TryAdd(mask, ids.Count);
        return Of(file, VocabularyFolder.VocabularyOf(ids.Select(t => (t.Key, t.Value)), "dict.txt"), config.Token("unk_token")?.Content ?? "<unk>") with
        {
            Decoder = PythonDecoding.Usual(PythonDecoding.Pieces),
            Frame = new("{cls} $A {sep}", "{cls} $A {sep} {sep} $B {sep}"),
        };
    }

    /// <summary>Ids as fairseq has them: its own tokens first, pieces behind at an offset; pieces of those names and piece 0 are found at the front.</summary>
    private static List<(string Token, int Id)> Place(SentencePieceFile file, string[] first, int offset) =>
        [.. first.Select((t, id) => (t, id)), .. file.Pieces.Select((p, i) => (p.Text, i + offset)).Skip(1).Where(p => p.Item2 >= first.Length && !first.Contains(p.Text))];

    /// <summary>What the attribute do_lower_case of a Python tokenizer does: small letters outside special tokens.</summary>
    private static Func<TokenSet, Func<string, string>?> Lowercase(VocabularyFolder folder, bool absent) => tokens =>
    {
        if (!(folder.Config.Flag("do_lower_case") ?? absent)) return null;
        ImmutableArray<string> kept = [.. tokens.Special];
        return text => PythonText.LowerBetween(text, kept);
    };
}
