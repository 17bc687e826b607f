using System.Collections.Immutable;

namespace OnnxTransformers.Tokenizers;

/// <summary>What a tokenizer class makes of its vocabulary files: the parts of a tokenizer, before the tokens are added that the configuration lists.</summary>
internal sealed record Recipe(Model Model)
{
    internal Normalizer? Normalizer { get; init; }

    internal PreTokenizer? PreTokenizer { get; init; }

    /// <summary>The decoder, once all tokens are known.</summary>
    internal Func<TokenSet, Decoder?> Decoder { get; init; } = _ => null;

    /// <summary>Special tokens around texts; the class's own come before these.</summary>
    internal Frame? Frame { get; init; }

    /// <summary>A post-processor that no frame can describe.</summary>
    internal Func<TokenSet, PostProcessor>? PostProcessor { get; init; }

    /// <summary>Tokens that the vocabulary files themselves declare to be found before the model looks at a text.</summary>
    internal ImmutableArray<AddedToken> Added { get; init; } = [];

    /// <summary>Tokens that have the first ids, whatever the configuration lists: roles (as pad_token), or tokens themselves.</summary>
    internal ImmutableArray<string> Fixed { get; init; } = [];

    /// <summary>Leaves special tokens that stand in a text to the model.</summary>
    internal bool LeavesSpecial { get; init; }

    /// <summary>True where padding is the decoder's to remove, as it separates equal tokens.</summary>
    internal bool KeepsPad { get; init; }

    /// <summary>Rewrites a whole text before tokens are found in it; Python tokenizers do.</summary>
    internal Func<TokenSet, Func<string, string>?> Prepare { get; init; } = _ => null;

    /// <summary>What cleaning up decoded text does; null is what it does for most.</summary>
    internal Func<string, string>? CleanUp { get; init; }

    /// <summary>Number of tokens as the class counts them; null is that of the model.</summary>
    internal int? Count { get; init; }
}

/// <summary>All tokens of a tokenizer that is being put together.</summary>
internal sealed class TokenSet(TokenizerConfig config, AddedVocabulary added, Model model, int? count)
{
    /// <summary>The tokens with a role, and the additional special ones.</summary>
    internal IReadOnlyList<string> Special { get; } = [.. config.Special.Select(t => t.Content)];

    /// <summary>Added tokens that stand alone in decoded text: those without a role, and additional ones beyond the vocabulary.</summary>
    internal IReadOnlySet<string> Standing
    {
        get
        {
            var standing = added.Ids.Keys.ToHashSet(StringComparer.Ordinal);
            standing.ExceptWith(Special);
            standing.UnionWith(config.Additional.Select(t => t.Content).Where(t => added.Ids.TryGetValue(t, out var id) && id >= (count ?? model.Vocabulary.Count)));
            return standing;
        }
    }

    /// <summary>The added tokens by id.</summary>
    internal IEnumerable<string> AddedInOrder => added.Tokens.OrderBy(t => t.Key).Select(t => t.Value.Content);

    internal bool IsAdded(string token) => added.Ids.ContainsKey(token);

    internal int Find(string token) => added.Ids.TryGetValue(token, out var id) ? id : model.Find(token);

    internal string? NameOf(int id) => added.Tokens.TryGetValue(id, out var token) ? token.Content : model.Name(id);

    /// <summary>The token of a role, or null.</summary>
    internal string? Role(string role) => config.Token(role + "_token")?.Content;

    /// <summary>The id of a token; the unknown one's where there is no such token.</summary>
    internal int IdOf(string token)
    {
        var id = Find(token);
        if (id < 0 && Role("unk") is { } unknown) id = Find(unknown);
        return id >= 0 ? id : throw TokenizerConfig.Problem("", $"a class that puts \"{token}\" around texts, and the vocabulary does not have it", "a vocabulary with that token");
    }
}

/// <summary>Special tokens around one text and around two: words such as <c>{cls}</c> (a role), <c>$A</c>, <c>$B:1</c> (with the type of its tokens) or a token itself.</summary>
internal sealed record Frame(string Single, string Pair)
{
    /// <summary>Tokens by names that are no roles.</summary>
    internal ImmutableDictionary<string, string> Names { get; init; } = ImmutableDictionary<string, string>.Empty;

    /// <summary>One text, and two side by side, each with the same tokens before and after it all.</summary>
    internal static Frame Around(string before, string after) => new($"{before} $A {after}", $"{before} $A $B {after}");

    internal static ImmutableDictionary<string, string> One(string name, string token) => ImmutableDictionary<string, string>.Empty.Add(name, token);

    internal TemplateProcessor Resolve(TokenSet tokens) => new(Pieces(Single, tokens), Pieces(Pair, tokens));

    private ImmutableArray<TemplatePiece> Pieces(string template, TokenSet tokens) => [.. template.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(word =>
    {
        var type = 0;
        if (word.Length > 2 && word[^2] == ':' && char.IsAsciiDigit(word[^1])) (word, type) = (word[..^2], word[^1] - '0');
        if (word is "$A" or "$B") return new TemplatePiece(word == "$A" ? 0 : 1, type, []);
        var token = word[0] != '{' ? word : Names.TryGetValue(word[1..^1], out var named) ? named : tokens.Role(word[1..^1])
            ?? throw TokenizerConfig.Problem(word[1..^1] + "_token", "no token", "a token, where " + word[1..^1] + " is to be added");
        return new TemplatePiece(-1, type, [(token, tokens.IdOf(token))]);
    })];
}
