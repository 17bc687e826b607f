using System.Collections.Immutable;

namespace OnnxTransformers.Tokenizers;

internal static partial class TokenizerReader
{
    private const int DeepestNesting = 32;

    private delegate T Reader<T>(JsonPlace node);

    private static readonly Dictionary<string, Reader<Normalizer>> Normalizers = new(StringComparer.Ordinal)
    {
        ["BertNormalizer"] = n => Keys(n, new BertNormalizer(n.Bool("clean_text"), n.Bool("handle_chinese_chars"), n.Find("strip_accents")?.Bool(), n.Bool("lowercase")),
            "clean_text", "handle_chinese_chars", "strip_accents", "lowercase"),
        ["Strip"] = n => Keys(n, new StripNormalizer(n.Bool("strip_left"), n.Bool("strip_right")), "strip_left", "strip_right"),
        ["StripAccents"] = n => Keys(n, new StripAccentsNormalizer()),
        ["NFC"] = n => Keys(n, new UnicodeNormalizer(compatible: false, compose: true)),
        ["NFD"] = n => Keys(n, new UnicodeNormalizer(compatible: false, compose: false)),
        ["NFKC"] = n => Keys(n, new UnicodeNormalizer(compatible: true, compose: true)),
        ["NFKD"] = n => Keys(n, new UnicodeNormalizer(compatible: true, compose: false)),
        ["Sequence"] = n => Keys(n, new NormalizerSequence(List(n, "normalizers", ReadNormalizer)), "normalizers"),
        ["Lowercase"] = n => Keys(n, new LowercaseNormalizer()),
        ["Nmt"] = n => Keys(n, new NmtNormalizer()),
        ["Precompiled"] = n => Keys(n, PrecompiledNormalizer.Read(n), "precompiled_charsmap"),
        ["Replace"] = n => Keys(n, new ReplaceNormalizer(Pattern.Read(n), n.Text("content")), "pattern", "content"),
        ["Prepend"] = n => Keys(n, new PrependNormalizer(n.Text("prepend")), "prepend"),
        ["ByteLevel"] = n => Keys(n, new ByteLevelNormalizer(), "add_prefix_space", "trim_offsets", "use_regex"),
    };

    private static readonly (string, SplitBehavior)[] Behaviors = [.. Enum.GetValues<SplitBehavior>().Select(b => (b.ToString(), b))];

    private static readonly Dictionary<string, Reader<PreTokenizer>> PreTokenizers = new(StringComparer.Ordinal)
    {
        ["BertPreTokenizer"] = n => Keys(n, new BertPreTokenizer()),
        ["ByteLevel"] = n => Keys(n, new ByteLevelPreTokenizer(n.Bool("add_prefix_space"), n.Bool("use_regex", true)), "add_prefix_space", "trim_offsets", "use_regex"),
        ["CharDelimiterSplit"] = n => Keys(n, Delimiter(n), "delimiter"),
        ["Delimiter"] = n => Keys(n, Delimiter(n), "delimiter"),
        ["Metaspace"] = n => Keys(n, ReadMetaspace(n), "replacement", "add_prefix_space", "prepend_scheme", "split", "str_rep"),
        ["Whitespace"] = n => Keys(n, new WhitespacePreTokenizer()),
        ["WhitespaceSplit"] = n => Keys(n, new CharacterCutter(UnicodeData.IsWhite, SplitBehavior.Removed)),
        ["Sequence"] = n => Keys(n, new PreTokenizerSequence(List(n, "pretokenizers", ReadPreTokenizer)), "pretokenizers"),
        ["Split"] = n => Keys(n, Pattern.ReadSplit(n, n.OneOf("behavior", null, Behaviors), n.Bool("invert")), "pattern", "behavior", "invert"),
        ["Punctuation"] = n => Keys(n, new CharacterCutter(UnicodeData.IsPunctuation, n.OneOf("behavior", SplitBehavior.Isolated, Behaviors)), "behavior"),
        ["Digits"] = n => Keys(n, new CharacterCutter(UnicodeData.IsNumeric, n.Bool("individual_digits") ? SplitBehavior.Isolated : SplitBehavior.Contiguous), "individual_digits"),
        ["UnicodeScripts"] = n => Keys(n, new UnicodeScriptsPreTokenizer()),
        ["FixedLength"] = n => Keys(n, new FixedLengthPreTokenizer(Positive(n, "length", 5)), "length"),
    };

    private static readonly Dictionary<string, Reader<PostProcessor>> PostProcessors = new(StringComparer.Ordinal)
    {
        ["BertProcessing"] = n => Keys(n, new BertProcessor(TokenAndId(n, "sep"), TokenAndId(n, "cls")), "sep", "cls"),
        ["RobertaProcessing"] = n => Keys(n, new RobertaProcessor(TokenAndId(n, "sep"), TokenAndId(n, "cls"), n.Bool("trim_offsets"), n.Bool("add_prefix_space")), "sep", "cls", "trim_offsets", "add_prefix_space"),
        ["ByteLevel"] = n => Keys(n, new ByteLevelProcessor(n.Bool("add_prefix_space"), n.Bool("trim_offsets")), "add_prefix_space", "trim_offsets", "use_regex"),
        ["TemplateProcessing"] = n => Keys(n, ReadTemplate(n), "single", "pair", "special_tokens"),
        ["Sequence"] = n => Keys(n, new PostProcessorSequence(List(n, "processors", ReadPostProcessor)), "processors"),
    };

    private static readonly Dictionary<string, Reader<Decoder>> Decoders = new(StringComparer.Ordinal)
    {
        ["BPEDecoder"] = n => Keys(n, new BpeDecoder(n.Text("suffix")), "suffix"),
        ["ByteLevel"] = n => Keys(n, new ByteLevelDecoder(), "add_prefix_space", "trim_offsets", "use_regex"),
        ["WordPiece"] = n => Keys(n, new WordPieceDecoder(n.Text("prefix"), n.Bool("cleanup")), "prefix", "cleanup"),
        ["Metaspace"] = n => Keys(n, new MetaspaceDecoder(Unit(n, "replacement"), Scheme(n)), "replacement", "add_prefix_space", "prepend_scheme", "split", "str_rep"),
        ["CTC"] = n => Keys(n, new CtcDecoder(n.Text("pad_token"), n.Text("word_delimiter_token"), n.Bool("cleanup")), "pad_token", "word_delimiter_token", "cleanup"),
        ["Sequence"] = n => Keys(n, new DecoderSequence(List(n, "decoders", ReadDecoder)), "decoders"),
        ["Replace"] = n => Keys(n, new ReplaceDecoder(Pattern.Read(n), n.Text("content")), "pattern", "content"),
        ["Fuse"] = n => Keys(n, new FuseDecoder()),
        ["Strip"] = n => Keys(n, new StripDecoder(n.Character("content"), n.Count("start"), n.Count("stop")), "content", "start", "stop"),
        ["ByteFallback"] = n => Keys(n, new ByteFallbackDecoder()),
    };

    internal static Normalizer ReadNormalizer(JsonPlace node) => OfType(node, Normalizers, "normalizer");

    internal static PreTokenizer ReadPreTokenizer(JsonPlace node) => OfType(node, PreTokenizers, "pre-tokenizer");

    internal static PostProcessor ReadPostProcessor(JsonPlace node) => OfType(node, PostProcessors, "post-processor");

    internal static Decoder ReadDecoder(JsonPlace node) => OfType(node, Decoders, "decoder");

    private static T OfType<T>(JsonPlace node, Dictionary<string, Reader<T>> readers, string kind)
    {
        if (node.Value.ValueKind != System.Text.Json.JsonValueKind.Object) throw node.Wrong($"an object that describes a {kind}");
        var type = node.Text("type");
        return readers.TryGetValue(type, out var reader)
            ? reader(node)
            : throw new JsonPlace(node.Value, node.File, $"{node.Path}.type").Unsupported($"the {kind} \"{type}\"", string.Join(", ", readers.Keys.Order(StringComparer.Ordinal)));
    }

    private static T Keys<T>(JsonPlace node, T component, params ReadOnlySpan<string> keys)
    {
        node.Only(["type", .. keys]);
        return component;
    }

    private static T[] List<T>(JsonPlace node, string key, Reader<T> read)
    {
        if (node.Path.Count(c => c == '[') > DeepestNesting) throw node.Unsupported($"components nested more than {DeepestNesting} deep");
        return [.. node.Get(key).Items().Select(n => read(n))];
    }

    private static int Positive(JsonPlace node, string key, int absent)
    {
        var n = node.Count(key, absent);
        return n > 0 ? n : throw node.Get(key).Wrong("a whole number of at least 1");
    }

    private static char Unit(JsonPlace node, string key)
    {
        var c = node.Character(key);
        return c <= 0xFFFF ? (char)c : throw node.Get(key).Unsupported("a character beyond the basic plane", "a character of the basic plane");
    }

    private static CharacterCutter Delimiter(JsonPlace node)
    {
        var delimiter = node.Character("delimiter");
        return new(c => c == delimiter, SplitBehavior.Removed);
    }

    private static MetaspacePreTokenizer ReadMetaspace(JsonPlace node) => new(Unit(node, "replacement"), Scheme(node), node.Bool("split", true));

    private static PrependScheme Scheme(JsonPlace node)
    {
        var scheme = node.OneOf("prepend_scheme", PrependScheme.Always, ("first", PrependScheme.First), ("never", PrependScheme.Never), ("always", PrependScheme.Always));
        if (node.Find("add_prefix_space")?.Bool() is not false) return scheme;
        if (scheme != PrependScheme.Never && node.Find("prepend_scheme") is { } declared) throw declared.Corrupt("contradicts add_prefix_space, which is false", "never");
        return PrependScheme.Never;
    }

    private static (string, int) TokenAndId(JsonPlace node, string key)
    {
        var pair = node.Get(key).Items().ToArray();
        return pair.Length == 2 ? (pair[0].Text(), pair[1].Count()) : throw node.Get(key).Wrong("a list of a token and its id");
    }

    private static TemplateProcessor ReadTemplate(JsonPlace node)
    {
        var tokens = new Dictionary<string, ImmutableArray<(string, int)>>(StringComparer.Ordinal);
        foreach (var (key, token) in node.Get("special_tokens").Members())
        {
            var names = token.Get("tokens").Items().Select(t => t.Text()).ToArray();
            var ids = token.Get("ids").Items().Select(t => t.Count()).ToArray();
            if (names.Length != ids.Length) throw token.Corrupt($"{ids.Length} ids and {names.Length} tokens", "as many of both");
            tokens[key] = [.. names.Zip(ids)];
        }
        ImmutableArray<TemplatePiece> Pieces(string key, int sequences) => [.. node.Get(key).Items().Select(piece =>
        {
            if (piece.Find("Sequence") is { } sequence)
            {
                var index = sequence.OneOf<int>("id", null, ("A", 0), ("B", 1));
                return index < sequences ? new TemplatePiece(index, sequence.Count("type_id"), []) : throw sequence.Corrupt("the second sequence in the template of a single one", "A");
            }
            var special = piece.Get("SpecialToken");
            var id = special.Text("id");
            return tokens.TryGetValue(id, out var found)
                ? new TemplatePiece(-1, special.Count("type_id"), found)
                : throw special.Corrupt($"the special token \"{id}\", which special_tokens does not have", string.Join(", ", tokens.Keys));
        })];
        return new(Pieces("single", 1), Pieces("pair", 2));
    }
}
