using System.Collections.Immutable;

namespace OnnxTransformers.Checkpoints;

/// <summary>The files beside the weights that a runtime needs: generation settings, tokenizers, processors, chat templates, sentence-transformers modules.</summary>
internal static class SideFiles
{
    // The names that the reference's classes give to their files.
    private static readonly HashSet<string> Names = new(StringComparer.Ordinal)
    {
        "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja", "chat_template.json",
        "preprocessor_config.json", "processor_config.json", "video_preprocessor_config.json", "image_processor_config.json", "feature_extractor_config.json",
        "modules.json", "config_sentence_transformers.json", "sentence_bert_config.json", "router_config.json",
        "vocab.txt", "vocab.json", "merges.txt", "vocab.bpe", "encoder.json", "bpe.codes", "dict.txt", "emoji.json", "normalizer.json", "entity_vocab.json",
            "prophetnet.tokenizer",
        "word_shape.json", "word_pronunciation.json", "vocab-src.json", "vocab-tgt.json", "target_vocab.json", "source.spm", "target.spm", "spiece.model",
            "spm.model", "spm_char.model",
        "sentencepiece.bpe.model", "sentencepiece.model", "tokenizer.model", "tokenizer.tiktoken", "qwen.tiktoken",
    };

    // Folders of small files that belong to the checkpoint as a whole.
    private static readonly ImmutableArray<(string Folder, string Pattern)> Folders = [("additional_chat_templates", "*.jinja")];

    internal static IEnumerable<CheckpointFile> Find(string folder)
    {
        var here = Directory.EnumerateFiles(folder).Select(path => Path.GetFileName(path)!).Where(Names.Contains);
        var below = Folders.Where(f => Directory.Exists(Path.Combine(folder, f.Folder)))
            .SelectMany(f => Directory.EnumerateFiles(Path.Combine(folder, f.Folder), f.Pattern).Select(path => $"{f.Folder}/{Path.GetFileName(path)}"));
        // The modules of a sentence-transformers package: 1_Pooling, 2_Dense, ...
        var modules = Directory.EnumerateDirectories(folder, "?_*").Select(path => Path.GetFileName(path)!)
            .Where(name => char.IsAsciiDigit(name[0]) && File.Exists(Path.Combine(folder, name, "config.json"))).Select(name => $"{name}/config.json");
        return here.Concat(below).Concat(modules).Order(StringComparer.Ordinal).Select(name => WeightFiles.Describe(folder, name, FileRole.Side));
    }
}
