using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;

namespace OnnxTransformers.Tokenizers;

/// <summary>tokenizer_config.json, with special_tokens_map.json and added_tokens.json where the first does not list the added tokens: as transformers merges them.</summary>
internal sealed class TokenizerConfig
{
    private const int MostSentinels = 100_000;
    private const string ConfigFile = "tokenizer_config.json", MapFile = "special_tokens_map.json", AddedFile = "added_tokens.json";

    /// <summary>The roles, in the order in which transformers goes through them.</summary>
    private static readonly string[] Roles = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

    private readonly Dictionary<string, AddedToken?> _tokens = new(StringComparer.Ordinal);
    private readonly HashSet<string> _named = new(StringComparer.Ordinal);
    private readonly List<AddedToken> _additional = [];
    private readonly SortedDictionary<int, AddedToken> _added = [];
    private readonly JsonPlace _root;
    private readonly LoadOptions _options;

    private TokenizerConfig(JsonPlace root, string? className, TokenizerClass kind, LoadOptions options) => (_root, ClassName, Class, _options) = (root, className, kind, options);

    internal string? ClassName { get; }

    internal TokenizerClass Class { get; }

    /// <summary>The tokens of <c>added_tokens_decoder</c>, by id.</summary>
    internal IReadOnlyDictionary<int, AddedToken> Added => _added;

    /// <summary>Special tokens without a role.</summary>
    internal IReadOnlyList<AddedToken> Additional => _additional;

    /// <summary>Reads what there is; an absent file counts as an empty one.</summary>
    internal static TokenizerConfig Read(string folder, LoadOptions options)
    {
        var root = ReadObject(folder, ConfigFile) ?? new(JsonDocument.Parse("{}").RootElement, ConfigFile, "$");
        var (name, place) = FindClass(root, folder);
        var kind = name is null ? TokenizerClass.Find("PreTrainedTokenizerFast")! : TokenizerClass.Find(name) ?? throw place.Unsupported($"\"{name}\"", TokenizerClass.Known,
            "read the tokenizer.json alone with Tokenizer.FromFile, if the class adds nothing to it");
        var config = new TokenizerConfig(root, name, kind, options);
        config.ReadTokens(folder);
        return config;
    }

    /// <summary>The class that the tokenizer's configuration names, or the model's, or that of the model's type.</summary>
    private static (string? Name, JsonPlace Place) FindClass(JsonPlace root, string folder)
    {
        if (root.Find("tokenizer_class") is { } own) return (own.Text(), own);
        if (ReadObject(folder, "config.json") is not { } model) return (null, root);
        if (model.Find("tokenizer_class") is { } named) return (named.Text(), named);
        return model.Find("model_type") is { } type ? (ModelTypes.ClassOf(type.Text()), type) : (null, root);
    }

    internal static JsonPlace? ReadObject(string folder, string file)
    {
        var path = Path.Combine(folder, file);
        if (!File.Exists(path)) return null;
        return JsonPlace.Read(File.ReadAllBytes(path), file);
    }

    private void ReadTokens(string folder)
    {
        var values = new Dictionary<string, JsonPlace>(StringComparer.Ordinal);
        foreach (var (key, value) in _root.Members()) values[key] = value;
        if (_root.Find("added_tokens_decoder") is { } decoder)
        {
            foreach (var (key, value) in decoder.Members())
                _added[int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : throw value.Corrupt($"\"{key}\"", "an id")] = ReadToken(value, special: null);
        }
        else if (ReadObject(folder, MapFile) is { } map)
            foreach (var (key, value) in map.Members()) values[key] = value;
        foreach (var role in Roles)
        {
            if (!values.TryGetValue(role, out var value)) continue;
            _tokens[role] = value.IsNull ? null : Known(Read(value, role));
        }
        foreach (var (role, content) in Class.Defaults)
            if (!_tokens.ContainsKey(role)) _tokens[role] = Known(Named(content, role));
        if (values.TryGetValue("additional_special_tokens", out var more) && !more.IsNull)
            foreach (var value in more.Items()) _additional.Add(Read(value, ""));
        if (values.TryGetValue("extra_special_tokens", out var extra) && !extra.IsNull && extra.Value.ValueKind == JsonValueKind.Object)
            foreach (var (_, value) in extra.Members()) _additional.Add(Read(value, ""));
        AddSentinels();
        if (_additional.Count == 0 && _root.Find("added_tokens_decoder") is null) _additional.AddRange(Class.Languages.Select(l => Named(l, "")));
        if (_root.Find("added_tokens_decoder") is null && ReadObject(folder, AddedFile) is { } added)
            foreach (var (content, value) in added.Members())
            {
                var special = Special.Any(t => t.Content == content);
                _added[value.Count()] = new(content, Normalized: !special, Special: special);
            }
    }

    /// <summary>T5's sentinels and ByT5's, where no file lists them.</summary>
    private void AddSentinels()
    {
        if (!Class.HasSentinels || _additional.Exists(t => t.Content.Contains("<extra_id_", StringComparison.Ordinal))) return;
        var count = _root.Find("extra_ids")?.Count() ?? (Class.IsPython ? 125 : 100);
        if (count > MostSentinels) throw Problem("extra_ids", count.ToString(CultureInfo.InvariantCulture), "at most " + MostSentinels.ToString(CultureInfo.InvariantCulture));
        for (var i = 0; i < count; i++) _additional.Add(Named($"<extra_id_{i.ToString(CultureInfo.InvariantCulture)}>", ""));
    }

    private AddedToken Read(JsonPlace value, string role) => value.Value.ValueKind == JsonValueKind.Object ? ReadToken(value, special: true) : Named(value.Text(), role);

    private AddedToken Named(string content, string role)
    {
        _named.Add(content);
        return new(content, LeftStrip: role == "mask_token" && Class.MaskTakesSpace || Class.TokensTakeSpace, RightStrip: Class.TokensTakeSpace, Normalized: false, Special: true);
    }

    /// <summary>A token that is only named is the one of that name among the added ones.</summary>
    private AddedToken Known(AddedToken token) => _named.Contains(token.Content) && _added.Values.FirstOrDefault(t => t.Content == token.Content) is { } known ? known : token;

    private static AddedToken ReadToken(JsonPlace value, bool? special) => new(value.Text("content"), value.Bool("single_word", false), value.Bool("lstrip", false), value.Bool("rstrip", false),
        value.Bool("normalized", !(special ?? value.Bool("special", false))), special ?? value.Bool("special", false));

    /// <summary>The tokens with a role, and the additional ones, each once.</summary>
    internal IEnumerable<AddedToken> Special => Roles.Select(Token).OfType<AddedToken>().Concat(_additional).DistinctBy(t => t.Content);

    internal AddedToken? Token(string role) => _tokens.GetValueOrDefault(role);

    /// <summary>What is to be added to the tokens of tokenizer.json, in order.</summary>
    internal IEnumerable<AddedToken> ToAdd(IReadOnlySet<string> present)
    {
        var special = Special.Select(t => t.Content).ToHashSet(StringComparer.Ordinal);
        var taken = new HashSet<string>(present, StringComparer.Ordinal);
        foreach (var token in _added.Values)
        {
            taken.Add(token.Content);
            yield return token with { Special = token.Special || special.Contains(token.Content) };
        }
        foreach (var token in Special)
        {
            // One that is described, and not only named, replaces what tokenizer.json says about it.
            if (taken.Contains(token.Content) && _named.Contains(token.Content)) continue;
            if (_added.ContainsValue(token)) continue;
            yield return token with { Special = true };
        }
    }

    internal bool AsksForWhisper => _options.AsksForWhisper;

    internal bool Has(string key) => _options.Value(key) is not null || _root.Value.ValueKind == JsonValueKind.Object && _root.Value.TryGetProperty(key, out _);

    internal bool? Flag(string key) => _options.Flag(key) ?? _root.Find(key)?.Bool();

    internal string? Text(string key) => _options.Value(key) ?? _root.Find(key)?.Text();

    internal int? Count(string key) => _root.Find(key)?.Count();

    internal JsonPlace? Object(string key) => _root.Find(key);

    /// <summary>The text of a token that is written as a text or described as an object.</summary>
    internal string? Name(string key) => _root.Find(key) is not { } token ? null : token.Value.ValueKind == JsonValueKind.Object ? token.Text("content") : token.Text();

    internal static InvalidInputException NoLanguage(string key) =>
        new("tokenizing the other side of a translation", new Problem($"$.{key}", "no language", "a language in tokenizer_config.json or in LoadOptions"));

    internal static UnsupportedCheckpointException Problem(string key, string found, string supported) => new JsonPlace(default, ConfigFile, $"$.{key}").Unsupported(found, supported);

    /// <summary>What the files say about the use of a tokenizer.</summary>
    internal TokenizerSettings Settings(Func<string, int?> idOf, AddedVocabulary added, JsonPlace? truncation, JsonPlace? padding)
    {
        SpecialToken? Role(string role) => Token(role) is { } token && idOf(token.Content) is { } id ? new(token.Content, id) : null;
        var inputs = _root.Find("model_input_names")?.Items().Select(i => i.Text()).ToImmutableArray() ?? Class.Inputs;
        if (Class.Name == "CodeGen" && (Flag("return_token_type_ids") ?? false) && !inputs.Contains("token_type_ids")) inputs = inputs.Add("token_type_ids");
        var longest = _root.Find("model_max_length")?.Number() ?? (Class.LongestText < int.MaxValue ? Class.LongestText : double.MaxValue);
        var pad = Role("pad_token") ?? (!_tokens.ContainsKey("pad_token") && padding?.Find("pad_token")?.Text() is { } content && idOf(content) is { } padId ? new SpecialToken(content, padId) : null);
        return new()
        {
            ClassName = ClassName,
            ModelInputNames = inputs,
            ModelMaxLength = longest >= int.MaxValue ? int.MaxValue : (int)longest,
            PaddingSide = ReadSide(_root.Find("padding_side") ?? padding?.Find("direction"), Class.PaddingSide),
            TruncationSide = ReadSide(_root.Find("truncation_side") ?? truncation?.Find("direction"), Side.Right),
            PadTypeId = _root.Find("pad_token_type_id")?.Count() ?? padding?.Find("pad_type_id")?.Count() ?? Class.PadTypeId,
            CleanUpSpaces = Flag("clean_up_tokenization_spaces") ?? false,
            DecodesWordEnds = Class.DecodesWordEnds,
            DecodesTimestamps = Class.DecodesTimestamps,
            MakesTypeIds = inputs.Contains("token_type_ids"),
            EndsOnce = Class.EndsOnce,
            MarksSpecialInText = Class.MarksSpecialInText,
            CallPadding = Class.CallPadding,
            Special = new()
            {
                Unk = Role("unk_token"),
                Cls = Role("cls_token"),
                Sep = Role("sep_token"),
                Pad = pad,
                Mask = Role("mask_token"),
                Bos = Role("bos_token"),
                Eos = Role("eos_token"),
                AllIds = [.. Special.Select(t => idOf(t.Content)).OfType<int>().Concat(added.Tokens.Where(t => t.Value.Special).Select(t => t.Key)).Distinct().Order()],
            },
        };
    }

    private static Side ReadSide(JsonPlace? node, Side absent) => node is not { } side ? absent : side.Text().ToUpperInvariant() switch
    {
        "LEFT" => Side.Left,
        "RIGHT" => Side.Right,
        _ => throw side.Unsupported($"\"{side.Text()}\"", "left, right"),
    };
}
