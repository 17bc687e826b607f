using System.Collections.Immutable;
using System.Text.Json.Nodes;

namespace OnnxTransformers.Tokenizers;

/// <summary>A tokenizer class of transformers: what it adds to the files. Names are given without the "Fast" at their end.</summary>
internal sealed partial record TokenizerClass(string Name)
{
    /// <summary>The inputs that it makes, where the configuration names none.</summary>
    internal ImmutableArray<string> Inputs { get; init; } = AllInputs;

    internal Side PaddingSide { get; init; } = Side.Right;

    internal int PadTypeId { get; init; }

    /// <summary>Special tokens that it has where no file names them.</summary>
    internal IReadOnlyDictionary<string, string> Defaults { get; init; } = new Dictionary<string, string>();

    /// <summary>True where a mask token that is only named takes the space before it.</summary>
    internal bool MaskTakesSpace { get; init; }

    /// <summary>True where a token that is only named takes the spaces on both sides.</summary>
    internal bool TokensTakeSpace { get; init; }

    /// <summary>Special tokens around texts that the class puts there itself, whatever the files say: for the source or the target side.</summary>
    internal Func<TokenizerConfig, bool, Frame>? Frame { get; init; }

    /// <summary>Makes a tokenizer from vocabulary files older than tokenizer.json, for the source or the target side; null where there are none.</summary>
    internal Func<VocabularyFolder, bool, Recipe>? Build { get; init; }

    /// <summary>True where the class exists in Python only: a tokenizer.json beside its vocabulary is not for it, and offsets are unknown.</summary>
    internal bool IsPython { get; init; }

    /// <summary>True where the vocabulary file counts, and not tokenizer.json, as soon as the configuration says whether a space is put before texts.</summary>
    internal bool RebuildsForPrefix { get; init; }

    /// <summary>True where source and target texts are treated differently.</summary>
    internal bool HasTarget { get; init; }

    /// <summary>True where texts have a language.</summary>
    internal bool HasLanguages => HasTarget && Name != "Marian" || Name == "Speech2Text";

    /// <summary>Languages that are special tokens where the configuration lists none.</summary>
    internal ImmutableArray<string> Languages { get; init; } = [];

    /// <summary>True where the tokens &lt;extra_id_0&gt;, ... are special though no file lists them.</summary>
    internal bool HasSentinels { get; init; }

    /// <summary>The most tokens that its model takes, where the configuration does not say.</summary>
    internal int LongestText { get; init; } = int.MaxValue;

    /// <summary>True where the last token of texts is not added to one that ends with it.</summary>
    internal bool EndsOnce { get; init; }

    /// <summary>True where special tokens that stand in a text are marked as special.</summary>
    internal bool MarksSpecialInText { get; init; }

    /// <summary>The multiple that calls fill texts up to, where they say nothing about padding; 0 for none.</summary>
    internal int CallPadding { get; init; }

    /// <summary>Whisper's: times are no part of decoded text.</summary>
    internal bool DecodesTimestamps { get; init; }

    /// <summary>BERT's: the configuration decides about letter case, accents and ideographs.</summary>
    internal bool BertNormalizer { get; init; }

    /// <summary>RoBERTa's: the configuration decides about the prefix space and the trimming of offsets.</summary>
    internal bool RobertaProcessor { get; init; }

    /// <summary>CLIP's: the end-of-word mark becomes a space in decoded text.</summary>
    internal bool DecodesWordEnds { get; init; }

    /// <summary>The component of tokenizer.json under <paramref name="key"/> as the class changes it.</summary>
    internal JsonObject? Rewrite(string key, JsonObject? component, TokenizerConfig config)
    {
        switch (key)
        {
            case "normalizer" when BertNormalizer && TypeOf(component) == "BertNormalizer":
                component!["lowercase"] = config.Flag("do_lower_case") ?? true;
                component["strip_accents"] = config.Flag("strip_accents");
                component["handle_chinese_chars"] = config.Flag("tokenize_chinese_chars") ?? true;
                break;
            case "pre_tokenizer" when TypeOf(component) == "ByteLevel" && component!.ContainsKey("add_prefix_space"):
                component["add_prefix_space"] = config.Flag("add_prefix_space") ?? false;
                break;
            case "post_processor" when RobertaProcessor && component is not null:
                if (component.ContainsKey("add_prefix_space")) component["add_prefix_space"] = config.Flag("add_prefix_space") ?? false;
                if (component.ContainsKey("trim_offsets")) component["trim_offsets"] = config.Flag("trim_offsets") ?? true;
                break;
        }
        return component;
    }

    private static string? TypeOf(JsonObject? component) => component is not null && component.TryGetPropertyValue("type", out var type) ? (string?)type : null;
}
