using System.Collections.Immutable;
using System.IO.Enumeration;

namespace OnnxTransformers.Checkpoints;

/// <summary>The weight files of a folder: which kind is there, and which files that means.</summary>
internal sealed record WeightFiles(WeightFormat Format, ShardIndex? Index, CheckpointFile? IndexFile, ImmutableArray<CheckpointFile> Files)
{
    // In the reference's order of preference; {0} is empty or a variant with its dot.
    private static readonly ImmutableArray<(WeightFormat Format, string Single, string Index, string Shards)> Layouts =
    [
        (WeightFormat.Safetensors, "model{0}.safetensors", "model.safetensors.index{0}.json", "model{0}-?????-of-?????.safetensors"),
        (WeightFormat.Torch, "pytorch_model{0}.bin", "pytorch_model.bin.index{0}.json", "pytorch_model{0}-?????-of-?????.bin"),
    ];

    // What else a folder may hold instead, and what to do about it.
    private static readonly ImmutableArray<(string Pattern, string What, string Next)> Others =
    [
        ("flax_model*.msgpack*", "Flax weights", "load it with transformers (from_flax=True) and save it with save_pretrained"),
        ("tf_model*.h5*", "TensorFlow weights", "load it with transformers (from_tf=True) and save it with save_pretrained"),
        ("model.ckpt*", "a TensorFlow 1 checkpoint", "convert it with transformers and save it with save_pretrained"),
        ("*.gguf", "a GGUF file", "load it with transformers (gguf_file=...) and save it with save_pretrained"),
        ("adapter_model.*", "an adapter without its base model", "merge it into its base model (merge_and_unload) and save that with save_pretrained"),
        ("consolidated*", "weights under their original names", "convert them with transformers and save them with save_pretrained"),
        ("*.onnx", "an ONNX model", "run it as it is"),
        ("*.pt", "a torch file of another layout", "convert it with transformers and save it with save_pretrained"),
        ("*.pth", "a torch file of another layout", "convert it with transformers and save it with save_pretrained"),
        ("*.ckpt", "a torch file of another layout", "convert it with transformers and save it with save_pretrained"),
        ("rust_model.ot", "weights for rust-bert", "download the torch weights"),
    ];

    // Files of other programs, where the table of original names has the network.
    private static readonly ImmutableArray<string> Originals = ["*.pth", "*.pt"];

    /// <summary>Finds them.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="variant">The variant that is asked for.</param>
    /// <param name="mayBeOriginal">Whether a torch file of any name will do where it is the only one.</param>
    internal static WeightFiles Find(string folder, string? variant, Func<bool> mayBeOriginal)
    {
        foreach (var layout in Layouts)
        {
            var single = Named(layout.Single, variant);
            if (File.Exists(Path.Combine(folder, single))) return new(layout.Format, null, null, [Describe(folder, single, FileRole.Weights)]);
            var indexName = Named(layout.Index, variant);
            if (!File.Exists(Path.Combine(folder, indexName))) continue;
            var index = ShardIndex.Read(Path.Combine(folder, indexName), indexName);
            var absent = index.Shards.Where(shard => !File.Exists(Path.Combine(folder, shard))).ToList();
            if (absent.Count > 0)
                throw new CorruptCheckpointException($"looking for the shards of {indexName}", absent.Select(shard => new Problem(Shown.Clip(shard),
                    "it is not there", Next: "download it")));
            return new(layout.Format, index, Describe(folder, indexName, FileRole.Index), [.. index.Shards.Select(shard => Describe(folder, shard, FileRole.Weights))]);
        }
        return variant is null && mayBeOriginal() && FindOriginal(folder) is { } original ? original : throw Nothing(folder, variant);
    }

    /// <summary>The only torch file of any name; null where there is none, or several.</summary>
    internal static WeightFiles? FindOriginal(string folder)
    {
        var originals = Directory.EnumerateFiles(folder).Select(path => Path.GetFileName(path)!).Where(name => Originals.Any(pattern => Matches(pattern, name))).ToList();
        return originals is [var only] ? new(WeightFormat.Torch, null, null, [Describe(folder, only, FileRole.Weights)]) : null;
    }

    internal static CheckpointFile Describe(string folder, string name, FileRole role)
    {
        var path = Path.GetFullPath(Path.Combine(folder, name));
        return new CheckpointFile(name, path, InputFile.LengthOf(path, name), role);
    }

    private static OnnxTransformersException Nothing(string folder, string? variant)
    {
        var doing = $"looking for weights in {folder}";
        var names = Directory.EnumerateFiles(folder).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal).ToList();
        var supported = string.Join(", ", Layouts.SelectMany(layout => new[] { Named(layout.Single, variant), Named(layout.Index, variant) }));
        foreach (var layout in Layouts)
        {
            if (names.Find(name => Matches(Named(layout.Shards, variant), name)) is { } shard)
                return new CorruptCheckpointException(doing, new Problem(shard, $"a shard without {Named(layout.Index, variant)}", supported, "download the index, too"));
        }
        var variants = Layouts.SelectMany(layout => names.Where(name => !Matches("*-?????-of-?????.*", name)).Select(name => VariantOf(name, layout.Single) ?? VariantOf(name, layout.Index))).OfType<string>().Distinct().ToList();
        if (variants.Count > 0 || variant is not null)
        {
            var there = variants.Count == 0 ? "no variant" : $"only the variant{(variants.Count == 1 ? "" : "s")} {string.Join(", ", variants)}";
            var plain = Layouts.Any(layout => names.Contains(layout.Single.Replace("{0}", "", StringComparison.Ordinal)) || names.Contains(Named(layout.Index, null)));
            if (variant is not null && plain) there = variants.Count == 0 ? "weights without a variant" : $"weights without a variant, and {string.Join(", ", variants)}";
            return new UnsupportedCheckpointException(doing, new Problem("", $"{there} is there{(variant is null ? "" : $", {variant} was asked for")}", supported,
                variants.Count > 0 ? $"ask for the variant {variants[0]} (--variant {variants[0]})" : plain ? "ask for no variant" : "download the weights"));
        }
        foreach (var (pattern, what, next) in Others)
        {
            if (names.Find(name => Matches(pattern, name)) is { } name)
                return new UnsupportedCheckpointException(doing, new Problem(name, what, supported, next));
        }
        return new CorruptCheckpointException(doing, new Problem("", "no weights", supported, "download the weights"));
    }

    private static string Named(string pattern, string? variant) => pattern.Replace("{0}", variant is null ? "" : $".{variant}", StringComparison.Ordinal);

    private static bool Matches(string pattern, string name) => FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: false);

    // "fp16" of "model.fp16.safetensors".
    private static string? VariantOf(string name, string pattern)
    {
        var (head, tail) = (pattern[..pattern.IndexOf('{', StringComparison.Ordinal)] + ".", pattern[(pattern.IndexOf('}', StringComparison.Ordinal) + 1)..]);
        if (name.Length <= head.Length + tail.Length || !name.StartsWith(head, StringComparison.Ordinal) || !name.EndsWith(tail, StringComparison.Ordinal)) return null;
        var variant = name[head.Length..^tail.Length];
        return variant.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-') && variant is not "index" ? variant : null;
    }
}
