using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;

namespace OnnxTransformers.Tokenizers;

/// <summary>tokenizer_config.json, with special_tokens_map.json and added_tokens.json where the first does not list the added tokens: as transformers merges them.</summary>
internal sealed class TokenizerConfig
{
    private const string ConfigFile = "tokenizer_config.json", MapFile = "special_tokens_map.json", AddedFile = "added_tokens.json";

    /// <summary>The roles, in the order in which transformers goes through them.</summary>
    private static readonly string[] Roles = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

    private readonly Dictionary<string, AddedToken?> _tokens = new(StringComparer.Ordinal);
    private readonly HashSet<string> _named = new(StringComparer.Ordinal);
    private readonly List<AddedToken> _additional = [];
    private readonly SortedDictionary<int, AddedToken> _added = [];
    private readonly JsonPlace _root;

    private TokenizerConfig(JsonPlace root, string? className, TokenizerClass kind) => (_root, ClassName, Class) = (root, className, kind);

    internal string? ClassName { get; }

    internal TokenizerClass Class { get; }

    /// <summary>The id of a token; set once the vocabulary is known.</summary>
    internal Func<string, int> IdOf { get; set; } = _ => 0;

    /// <summary>The tokens of <c>added_tokens_decoder</c>, by id.</summary>
    internal IReadOnlyDictionary<int, AddedToken> Added => _added;

    /// <summary>Reads what there is; an absent file counts as an empty one.</summary>
    internal static TokenizerConfig Read(string folder)
    {
        var root = ReadObject(folder, ConfigFile) ?? new(JsonDocument.Parse("{}").RootElement, ConfigFile, "$");
        var name = root.Find("tokenizer_class")?.Text() ?? ReadObject(folder, "config.json")?.Find("tokenizer_class")?.Text();
        var kind = name is null ? new TokenizerClass("PreTrained") : TokenizerClass.Find(name) ?? throw new UnsupportedCheckpointException(
            $"reading {ConfigFile}", new Problem("$.tokenizer_class", $"\"{name}\"", TokenizerClass.Known, "read the tokenizer.json alone with Tokenizer.FromFile, if the class adds nothing to it"))
        { Key = "$.tokenizer_class" };
        var config = new TokenizerConfig(root, name, kind);
        config.ReadTokens(folder);
        return config;
    }

    internal static JsonPlace? ReadObject(string folder, string file)
    {
        var path = Path.Combine(folder, file);
        if (!File.Exists(path)) return null;
        return new(ConfigReader.Parse(File.ReadAllBytes(path), file).Element, file, "$");
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
        if (_root.Find("added_tokens_decoder") is null && ReadObject(folder, AddedFile) is { } added)
            foreach (var (content, value) in added.Members())
            {
                var special = Special.Any(t => t.Content == content);
                _added[value.Count()] = new(content, Normalized: !special, Special: special);
            }
    }

    /// <summary>T5's sentinels, where no file lists them.</summary>
    private void AddSentinels()
    {
        if (Class.Name != "T5" || _additional.Exists(t => t.Content.Contains("<extra_id_", StringComparison.Ordinal))) return;
        var count = _root.Find("extra_ids")?.Count() ?? 100;
        for (var i = 0; i < count; i++) _additional.Add(Named($"<extra_id_{i.ToString(CultureInfo.InvariantCulture)}>", ""));
    }

    private AddedToken Read(JsonPlace value, string role) => value.Value.ValueKind == JsonValueKind.Object ? ReadToken(value, special: true) : Named(value.Text(), role);

    private AddedToken Named(string content, string role)
    {
        _named.Add(content);
        return new(content, LeftStrip: role == "mask_token" && Class.MaskTakesSpace, Normalized: false, Special: true);
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

    internal bool? Flag(string key) => _root.Find(key)?.Bool();

    internal static UnsupportedCheckpointException Problem(string key, string found, string supported) => new JsonPlace(default, ConfigFile, $"$.{key}").Unsupported(found, supported);

    /// <summary>What the files say about the use of a tokenizer.</summary>
    internal TokenizerSettings Settings(Func<string, int?> idOf, AddedVocabulary added, JsonPlace? truncation, JsonPlace? padding)
    {
        SpecialToken? Role(string role) => Token(role) is { } token && idOf(token.Content) is { } id ? new(token.Content, id) : null;
        var inputs = _root.Find("model_input_names")?.Items().Select(i => i.Text()).ToImmutableArray() ?? Class.Inputs;
        var longest = _root.Find("model_max_length")?.Number() ?? double.MaxValue;
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
