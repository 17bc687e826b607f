using System.Text;

namespace OnnxTransformers.Tokenizers;

/// <summary>Classes that look at bytes or characters, in Python only.</summary>
internal static class CharacterRecipes
{
    internal static Recipe ByT5(VocabularyFolder folder) => new(new ByteModel(3))
    {
        Fixed = ["pad_token", "eos_token", "unk_token"],
        Frame = new("$A {eos}", "$A {eos} $B {eos}"),
        Decoder = tokens => new PythonDecoder(tokens.Standing, parts => FromBytes(parts, tokens, "")),
        Count = 256,
    };

    internal static Recipe Perceiver(VocabularyFolder folder) => new(new ByteModel(6))
    {
        Fixed = ["pad_token", "bos_token", "eos_token", "mask_token", "cls_token", "sep_token"],
        Frame = new("{cls} $A {sep}", "{cls} $A {sep} $B {sep}"),
        Decoder = tokens => new PythonDecoder(tokens.Standing, parts => FromBytes(parts, tokens, "\uFFFD")),
        Count = 256,
    };

    /// <summary>Dia's: bytes, and two speakers.</summary>
    internal static Recipe Dia(VocabularyFolder folder) => new(new ByteModel(folder.Config.Count("offset") is not { } offset ? 0
        : offset <= 256 ? offset : throw TokenizerConfig.Problem("offset", offset.ToString(System.Globalization.CultureInfo.InvariantCulture), "at most 256")))
    {
        Fixed = ["pad_token", "[S1]", "[S2]"],
        Decoder = PythonDecoding.Usual(string.Concat),
        Count = 256,
    };

    /// <summary>MyT5's: bytes after two lists of rules.</summary>
    internal static Recipe MyT5(VocabularyFolder folder)
    {
        const string file = "byte_maps.json";
        var root = JsonPlace.Read(folder.Bytes(file), file);
        List<(string, string)> Rules(string key) => [.. root.Get(key).Members().Select(r => (r.Key, r.Value.Text()))];
        var model = new MorphologyBytes(Rules("decompose_map"), Rules("merge_map"));
        return new(model)
        {
            Fixed = ["pad_token", "eos_token", "unk_token"],
            Frame = new("$A {eos}", "$A {eos} $B {eos}"),
            Decoder = tokens => new PythonDecoder(tokens.Standing, parts =>
                FromBytes([.. model.Restore(parts).Select(p => model.Vocabulary.Find(p) >= 0 && !tokens.IsAdded(p) ? ((char)Convert.ToByte(p, 16)).ToString() : p)], tokens, "")),
            Count = 256,
        };
    }

    /// <summary>Wav2Vec2's phonemes: words of the vocabulary.</summary>
    internal static Recipe Phonemes(VocabularyFolder folder)
    {
        var config = folder.Config;
        if (config.Flag("do_phonemize") ?? true) throw TokenizerConfig.Problem("do_phonemize", "true, which asks for espeak's phonemes", "false: pass phonemes as text");
        var delimiter = config.Name("word_delimiter_token");
        return new(new WordLevel(VocabularyFolder.VocabularyOf(folder.TokenIds("vocab.json"), "vocab.json"), config.Token("unk_token")?.Content ?? "<unk>"))
        {
            PreTokenizer = new PhonemeCutter(),
            Decoder = tokens => new PhonemeDecoder(tokens.Role("pad"), delimiter),
        };
    }

    /// <summary>Bytes as UTF-8, between tokens as they are; what is no character becomes <paramref name="broken"/>.</summary>
    private static string FromBytes(IReadOnlyList<string> parts, TokenSet tokens, string broken)
    {
        var bytes = new List<byte>();
        foreach (var part in parts)
        {
            if (part.Length == 1 && part[0] <= 0xFF && !tokens.IsAdded(part)) bytes.Add((byte)part[0]);
            else bytes.AddRange(System.Text.Encoding.UTF8.GetBytes(part));
        }
        return System.Text.Encoding.GetEncoding("utf-8", EncoderFallback.ReplacementFallback, new DecoderReplacementFallback(broken)).GetString(bytes.ToArray());
    }

    internal static Recipe Canine(VocabularyFolder folder) => new(new CodePointModel())
    {
        Frame = WordPieceRecipes.Bert,
        Decoder = PythonDecoding.Usual(string.Concat),
        Count = CodePointModel.Count,
    };

    internal static Recipe MgpStr(VocabularyFolder folder)
    {
        var vocabulary = VocabularyFolder.VocabularyOf(folder.TokenIds("vocab.json"), "vocab.json");
        return new(new CharacterModel(vocabulary, vocabulary.Find(folder.Config.Token("unk_token")?.Content ?? "[GO]"))) { Decoder = PythonDecoding.Usual(parts => string.Join(' ', parts)) };
    }

    internal static Recipe Esm(VocabularyFolder folder)
    {
        var tokens = folder.Lines("vocab.txt").Select((line, id) => (Token: PythonText.Strip(line), Id: id)).ToArray();
        var vocabulary = VocabularyFolder.VocabularyOf(tokens, "vocab.txt");
        return new(new WordLevel(vocabulary, folder.Config.Token("unk_token")?.Content ?? "<unk>"))
        {
            PreTokenizer = new VocabularyCutter(tokens),
            Frame = folder.Config.Token("eos_token") is null ? new("{cls} $A", "{cls} $A") : new("{cls} $A {eos}", "{cls} $A {eos} $B {eos}"),
            Decoder = PythonDecoding.Usual(parts => string.Join(' ', parts)),
        };
    }

    /// <summary>Wav2Vec2's: characters with a sign between words; decoding is that of connectionist temporal classification.</summary>
    internal static Recipe Wav2Vec2(VocabularyFolder folder)
    {
        var config = folder.Config;
        var entries = folder.TokenIds("vocab.json", config.Text("target_lang"));
        var vocabulary = VocabularyFolder.VocabularyOf(entries, "vocab.json");
        var (delimiter, replacement, lowercase) = (config.Name("word_delimiter_token") ?? "|", config.Text("replace_word_delimiter_char") ?? " ", config.Flag("do_lower_case") ?? false);
        return new(new CharacterModel(vocabulary, vocabulary.Find(config.Token("unk_token")?.Content ?? "<unk>")))
        {
            Normalizer = new WordSignNormalizer(delimiter, lowercase),
            Added = [.. entries.Where(e => PythonText.Length(e.Token) > 1).Select(e => new AddedToken(e.Token, LeftStrip: true, RightStrip: true, Normalized: false))],
            KeepsPad = true,
            Decoder = tokens => new PythonCtcDecoder(tokens.Role("pad"), delimiter, replacement, lowercase),
            Prepare = tokens => lowercase ? text => PythonText.LowerBetween(text, [.. tokens.Special]) : null,
        };
    }

    /// <summary>VITS's: characters of the vocabulary with blanks between them; others are dropped.</summary>
    internal static Recipe Vits(VocabularyFolder folder)
    {
        var config = folder.Config;
        if (config.Flag("phonemize") ?? true) throw TokenizerConfig.Problem("phonemize", "true, which asks for espeak's phonemes", "false: pass phonemes as text");
        var entries = folder.TokenIds("vocab.json");
        var vocabulary = VocabularyFolder.VocabularyOf(entries, "vocab.json");
        var blanks = config.Flag("add_blank") ?? true;
        return new(new CharacterModel(vocabulary, vocabulary.Find(config.Token("unk_token")?.Content ?? "<unk>"), blanks ? 0 : -1))
        {
            Decoder = PythonDecoding.Usual(parts => string.Concat(blanks && parts.Count > 1 ? parts.Where((_, i) => i % 2 == 1) : parts)),
            Prepare = tokens => config.Flag("normalize") ?? true
                ? new VitsText([.. entries.Select(e => e.Token), .. tokens.AddedInOrder], entries.Select(e => e.Token).ToHashSet(StringComparer.Ordinal), config.Text("language")).Prepare
                : text => VitsText.Respell(text, config.Text("language")),
        };
    }
}
