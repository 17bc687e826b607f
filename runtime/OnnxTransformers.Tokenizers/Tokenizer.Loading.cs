namespace OnnxTransformers.Tokenizers;

public sealed partial class Tokenizer
{
    private const string TokenizerFile = "tokenizer.json";

    /// <summary>Reads a tokenizer.json alone, whatever stands beside it; truncation and padding are off.</summary>
    /// <param name="tokenizerJson">The file's path.</param>
    /// <exception cref="UnsupportedCheckpointException">It has a component or a key that is not known.</exception>
    /// <exception cref="CorruptCheckpointException">It is missing, no JSON, or contradicts itself.</exception>
    public static Tokenizer FromFile(string tokenizerJson) => new(TokenizerReader.Read(ReadFile(tokenizerJson), Path.GetFileName(tokenizerJson)).Parts);

    /// <summary>Reads the tokenizer of a checkpoint's folder as transformers' AutoTokenizer does: its tokenizer.json, or the vocabulary files that are older.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="options">Languages and the like; null is what the checkpoint says.</param>
    /// <exception cref="UnsupportedCheckpointException">It has a component, a key or a class that is not known.</exception>
    /// <exception cref="CorruptCheckpointException">A file is missing, damaged, or contradicts another.</exception>
    /// <exception cref="InvalidInputException">The options ask for what the class or its vocabulary does not have.</exception>
    /// <exception cref="InvalidInputException">There is no such folder, or it can't be read.</exception>
    public static Tokenizer Load(string folder, LoadOptions? options = null)
    {
        InputFolder.Require(folder, $"reading the tokenizer of {folder}", "the folder of a checkpoint, package or tokenizer");
        options ??= LoadOptions.Default;
        var config = TokenizerConfig.Read(folder, options);
        if (options.AsksForWhisper && !config.Class.DecodesTimestamps) throw Refused("a language, a task or times", "for Whisper only");
        if (options.Languages.Any() && !config.Class.HasLanguages) throw Refused("languages", "for classes with languages only");
        var source = LoadSide(folder, config, target: false);
        foreach (var language in options.Languages)
            if (source.TokenToId(language) is null && source.TokenToId($"__{language}__") is null && source.TokenToId($"<lang:{language}>") is null) throw Refused($"the language \"{language}\"", "languages that are tokens of the vocabulary");
        if (!config.Class.HasTarget) return source;
        return new(source._parts with { Settings = source._parts.Settings with { Target = new(() => LoadSide(folder, config, target: true)) } });

        InvalidInputException Refused(string found, string supported) => new($"loading a {config.Class.Name}Tokenizer", new Problem("options", found, supported));
    }

    private static Tokenizer LoadSide(string folder, TokenizerConfig config, bool target)
    {
        var hasJson = File.Exists(Path.Combine(folder, TokenizerFile));
        if (config.Class.Build is { } build && !(hasJson && TakesJson(folder, config))) return VocabularyLoader.Load(new(folder, config), build, target);
        var read = TokenizerReader.Read(ReadFile(Path.Combine(folder, TokenizerFile)), TokenizerFile, config, config.Flag("split_special_tokens") ?? false, target);
        var parts = read.Parts;
        int? IdOf(string token) => parts.Added.Ids.TryGetValue(token, out var id) || (id = parts.Model.Vocabulary.Find(token)) >= 0 ? id : null;
        if (config.Class.DecodesTimestamps && config.AsksForWhisper) parts = parts with { PostProcessor = WhisperLanguages.Processor(config, new(config, parts.Added, parts.Model, null)) };
        return new(parts with { Settings = config.Settings(IdOf, parts.Added, read.Truncation, read.Padding) });
    }

    /// <summary>False where the reference goes back to the vocabulary files although there is a tokenizer.json: for classes that exist in Python only, and where the configuration
    /// changes what stands before texts. Where those files are absent, the tokenizer.json has to do.</summary>
    private static bool TakesJson(string folder, TokenizerConfig config)
    {
        if (config.Class.RebuildsForPrefix && config.Flag("add_prefix_space") is not null) return !Has("tokenizer.model") && !Has("spiece.model");
        return !config.Class.IsPython || !VocabularyLoader.Files.Any(Has);

        bool Has(string file) => File.Exists(Path.Combine(folder, file));
    }

    private static byte[] ReadFile(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CorruptCheckpointException($"reading {path}", new Problem(path, "no such file", "a tokenizer.json", "name the folder of a checkpoint"), e);
        }
    }
}
