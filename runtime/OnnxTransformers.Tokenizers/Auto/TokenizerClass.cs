using System.Collections.Immutable;
using System.Text.Json.Nodes;

namespace OnnxTransformers.Tokenizers;

/// <summary>A tokenizer class of transformers: what it adds to the files. Names are given without the "Fast" at their end.</summary>
internal sealed record TokenizerClass(string Name)
{
    private static readonly ImmutableArray<string> AllInputs = ["input_ids", "token_type_ids", "attention_mask"];
    private static readonly ImmutableArray<string> NoTypes = ["input_ids", "attention_mask"];

    /// <summary>The inputs that it makes, where the configuration names none.</summary>
    internal ImmutableArray<string> Inputs { get; init; } = AllInputs;

    internal Side PaddingSide { get; init; } = Side.Right;

    internal int PadTypeId { get; init; }

    /// <summary>Special tokens that it has where no file names them.</summary>
    internal IReadOnlyDictionary<string, string> Defaults { get; init; } = new Dictionary<string, string>();

    /// <summary>True where a mask token that is only named takes the space before it.</summary>
    internal bool MaskTakesSpace { get; init; }

    /// <summary>Whether it builds the template from add_bos_token and add_eos_token, and what the former is where it is absent; null where it doesn't.</summary>
    internal bool? AddsBos { get; init; }

    /// <summary>BERT's: the configuration decides about letter case, accents and ideographs.</summary>
    internal bool BertNormalizer { get; init; }

    /// <summary>RoBERTa's: the configuration decides about the prefix space and the trimming of offsets.</summary>
    internal bool RobertaProcessor { get; init; }

    /// <summary>CLIP's: the end-of-word mark becomes a space in decoded text.</summary>
    internal bool DecodesWordEnds { get; init; }

    private static Dictionary<string, string> Tokens(params ReadOnlySpan<string> pairs)
    {
        var result = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var i = 0; i < pairs.Length; i += 2) result[pairs[i] + "_token"] = pairs[i + 1];
        return result;
    }

    private static readonly Dictionary<string, string> BertTokens = Tokens("unk", "[UNK]", "sep", "[SEP]", "pad", "[PAD]", "cls", "[CLS]", "mask", "[MASK]");
    private static readonly Dictionary<string, string> RobertaTokens = Tokens("bos", "<s>", "eos", "</s>", "sep", "</s>", "cls", "<s>", "unk", "<unk>", "pad", "<pad>", "mask", "<mask>");
    private static readonly Dictionary<string, string> Gpt2Tokens = Tokens("unk", "<|endoftext|>", "bos", "<|endoftext|>", "eos", "<|endoftext|>");
    private static readonly Dictionary<string, string> DebertaTokens = Tokens("bos", "[CLS]", "eos", "[SEP]", "sep", "[SEP]", "cls", "[CLS]", "unk", "[UNK]", "pad", "[PAD]", "mask", "[MASK]");

    private static IEnumerable<TokenizerClass> Rows()
    {
        foreach (var name in (string[])["Bert", "Electra", "MobileBert", "ConvBert", "LayoutLM", "Lxmert", "Retribert", "SqueezeBert", "Realm", "DPRQuestionEncoder", "DPRContextEncoder", "DPRReader", "Splinter", "LayoutLMv2"])
            yield return new(name) { Defaults = BertTokens, BertNormalizer = name != "Splinter" };
        yield return new("DistilBert") { Defaults = BertTokens, BertNormalizer = true, Inputs = NoTypes };
        yield return new("Funnel") { Defaults = Tokens("unk", "<unk>", "sep", "<sep>", "pad", "<pad>", "cls", "<cls>", "mask", "<mask>", "bos", "<s>", "eos", "</s>"), BertNormalizer = true };
        yield return new("MPNet") { Defaults = Tokens("bos", "<s>", "eos", "</s>", "sep", "</s>", "cls", "<s>", "unk", "[UNK]", "pad", "<pad>", "mask", "<mask>"), BertNormalizer = true, Inputs = NoTypes, MaskTakesSpace = true };
        foreach (var name in (string[])["Roberta", "Bart", "Longformer", "LED", "Mvp", "Blenderbot"])
            yield return new(name) { Defaults = RobertaTokens, RobertaProcessor = true, Inputs = NoTypes, MaskTakesSpace = true };
        foreach (var name in (string[])["XLMRoberta", "Camembert", "Barthez", "MBart", "Nllb"]) yield return new(name) { Defaults = RobertaTokens, Inputs = NoTypes, MaskTakesSpace = true };
        yield return new("MBart50") { Defaults = Tokens("eos", "</s>", "sep", "</s>", "cls", "<s>", "unk", "<unk>", "pad", "<pad>", "mask", "<mask>"), Inputs = NoTypes, MaskTakesSpace = true };
        yield return new("SeamlessM4T") { Defaults = Tokens("bos", "<s>", "eos", "</s>", "sep", "</s>", "cls", "<s>", "unk", "<unk>", "pad", "<pad>"), Inputs = NoTypes };
        yield return new("GPT2") { Defaults = Gpt2Tokens, Inputs = NoTypes };
        yield return new("CodeGen") { Defaults = Gpt2Tokens, Inputs = NoTypes };
        yield return new("GPTNeoX") { Defaults = Gpt2Tokens, Inputs = NoTypes, AddsBos = false };
        yield return new("Whisper") { Defaults = Gpt2Tokens, Inputs = NoTypes };
        yield return new("CLIP") { Defaults = Tokens("unk", "<|endoftext|>", "bos", "<|startoftext|>", "eos", "<|endoftext|>", "pad", "<|endoftext|>"), Inputs = NoTypes, DecodesWordEnds = true };
        yield return new("T5") { Defaults = Tokens("eos", "</s>", "unk", "<unk>", "pad", "<pad>"), Inputs = NoTypes };
        yield return new("Llama") { Defaults = Tokens("unk", "<unk>", "bos", "<s>", "eos", "</s>"), Inputs = NoTypes, AddsBos = true, PaddingSide = Side.Left };
        yield return new("CodeLlama") { Defaults = Tokens("unk", "<unk>", "bos", "<s>", "eos", "</s>"), Inputs = NoTypes, AddsBos = true, PaddingSide = Side.Left };
        yield return new("Gemma") { Defaults = Tokens("unk", "<unk>", "bos", "<bos>", "eos", "<eos>", "pad", "<pad>"), AddsBos = true, PaddingSide = Side.Left };
        yield return new("Cohere") { Defaults = Tokens("bos", "<BOS_TOKEN>", "eos", "<|END_OF_TURN_TOKEN|>", "unk", "<UNK>", "pad", "<PAD>"), Inputs = NoTypes, AddsBos = true, PaddingSide = Side.Left };
        yield return new("Qwen2") { Defaults = Tokens("unk", "<|endoftext|>", "eos", "<|endoftext|>", "pad", "<|endoftext|>"), Inputs = NoTypes };
        yield return new("Albert") { Defaults = Tokens("bos", "[CLS]", "eos", "[SEP]", "unk", "<unk>", "sep", "[SEP]", "pad", "<pad>", "cls", "[CLS]", "mask", "[MASK]"), MaskTakesSpace = true };
        yield return new("Deberta") { Defaults = DebertaTokens, MaskTakesSpace = true, Inputs = ["input_ids", "attention_mask", "token_type_ids"] };
        yield return new("DebertaV2") { Defaults = DebertaTokens };
        yield return new("Pegasus") { Defaults = Tokens("pad", "<pad>", "eos", "</s>", "unk", "<unk>", "mask", "<mask_2>"), Inputs = NoTypes };
        yield return new("BigBird") { Defaults = Tokens("unk", "<unk>", "bos", "<s>", "eos", "</s>", "pad", "<pad>", "sep", "[SEP]", "mask", "[MASK]", "cls", "[CLS]"), Inputs = NoTypes, MaskTakesSpace = true };
        yield return new("XLNet")
        {
            Defaults = Tokens("bos", "<s>", "eos", "</s>", "unk", "<unk>", "sep", "<sep>", "pad", "<pad>", "cls", "<cls>", "mask", "<mask>"),
            PaddingSide = Side.Left,
            PadTypeId = 3,
            MaskTakesSpace = true,
        };
        yield return new("Bloom") { Defaults = Tokens("unk", "<unk>", "bos", "<s>", "eos", "</s>", "pad", "<pad>"), Inputs = NoTypes, PaddingSide = Side.Left };
        yield return new("OpenAIGPT") { Defaults = Tokens("unk", "<unk>"), Inputs = NoTypes };
        yield return new("Reformer") { Defaults = Tokens("eos", "</s>", "unk", "<unk>"), Inputs = NoTypes };
        yield return new("RemBert") { Defaults = DebertaTokens };
        yield return new("FNet") { Defaults = Tokens("unk", "<unk>", "sep", "[SEP]", "pad", "<pad>", "cls", "[CLS]", "mask", "[MASK]"), Inputs = ["input_ids", "token_type_ids"], MaskTakesSpace = true };
        yield return new("Herbert") { Defaults = Tokens("cls", "<s>", "unk", "<unk>", "pad", "<pad>", "mask", "<mask>", "sep", "</s>") };
        yield return new("XGLM") { Defaults = Tokens("bos", "<s>", "eos", "</s>", "sep", "</s>", "cls", "<s>", "unk", "<unk>", "pad", "<pad>"), Inputs = NoTypes };
        foreach (var name in (string[])["PreTrained", "PreTrainedTokenizerFast", "TokenizersBackend"]) yield return new(name);
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
            case "post_processor" when AddsBos is { } addsBos:
                return Template(config.Flag("add_bos_token") ?? addsBos, config.Flag("add_eos_token") ?? false, config);
        }
        return component;
    }

    private static string? TypeOf(JsonObject? component) => component is not null && component.TryGetPropertyValue("type", out var type) ? (string?)type : null;

    private static JsonObject Template(bool bos, bool eos, TokenizerConfig config)
    {
        static JsonObject Piece(string kind, string id, int type) => new() { [kind] = new JsonObject { ["id"] = id, ["type_id"] = type } };
        var tokens = new JsonObject();
        var (single, pair) = (new JsonArray(), new JsonArray());
        void Special(bool wanted, string key, int type, JsonArray target)
        {
            if (!wanted) return;
            var token = config.Token(key)?.Content ?? throw TokenizerConfig.Problem(key, "no token", "a token, where " + key.Replace("_token", "", StringComparison.Ordinal) + " is to be added");
            tokens[token] = new JsonObject { ["id"] = token, ["ids"] = new JsonArray(config.IdOf(token)), ["tokens"] = new JsonArray(token) };
            target.Add((JsonNode)Piece("SpecialToken", token, type));
        }
        foreach (var (target, count) in ((JsonArray, int)[])[(single, 1), (pair, 2)])
            for (var i = 0; i < count; i++)
            {
                Special(bos, "bos_token", i, target);
                target.Add((JsonNode)Piece("Sequence", i == 0 ? "A" : "B", i));
                Special(eos, "eos_token", i, target);
            }
        return new() { ["type"] = "TemplateProcessing", ["single"] = single, ["pair"] = pair, ["special_tokens"] = tokens };
    }
}
