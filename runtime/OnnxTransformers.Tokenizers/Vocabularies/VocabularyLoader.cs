using System.Collections.Immutable;

namespace OnnxTransformers.Tokenizers;

/// <summary>Puts a tokenizer together from a class's recipe and the tokens that the configuration adds.</summary>
internal static class VocabularyLoader
{
    /// <summary>The vocabulary files of all classes.</summary>
    internal static readonly ImmutableArray<string> Files =
        ["vocab.txt", "vocab.json", "byte_maps.json", "spiece.model", "tokenizer.model", "sentencepiece.bpe.model", "sentencepiece.model", "spm_char.model", "spm.model", "source.spm", "prophetnet.tokenizer"];

    internal static Tokenizer Load(VocabularyFolder folder, Func<VocabularyFolder, bool, Recipe> build, bool target)
    {
        var config = folder.Config;
        var recipe = build(folder, target);
        var model = recipe.Model;
        var added = new AddedVocabulary { EncodeSpecialTokens = recipe.LeavesSpecial || (config.Flag("split_special_tokens") ?? false) };
        var python = config.Class.IsPython || target;
        if (python) AddAsPython(added, recipe, config);
        else
        {
            added.Add(recipe.Added, model);
            added.Add([.. config.ToAdd(added.Ids.Keys.ToHashSet(StringComparer.Ordinal))], model);
        }
        added.Build(python ? null : recipe.Normalizer);
        var tokens = new TokenSet(config, added, model, recipe.Count);
        var frame = config.Class.Frame?.Invoke(config, target) ?? recipe.Frame;
        var parts = new Tokenizer.Parts(model)
        {
            Normalizer = recipe.Normalizer,
            PreTokenizer = recipe.PreTokenizer,
            PostProcessor = recipe.PostProcessor?.Invoke(tokens) ?? frame?.Resolve(tokens),
            Decoder = recipe.Decoder(tokens),
            Prepare = recipe.Prepare(tokens),
            Added = added,
        };
        var settings = config.Settings(token => tokens.Find(token) is var id and >= 0 ? id : null, added, truncation: null, padding: null);
        return new(parts with { Settings = settings with { CleanUp = recipe.CleanUp, NamesTokensById = true, HasOffsets = !python } });
    }

    /// <summary>Tokens as PreTrainedTokenizer adds them: ids are those that the configuration lists, others follow behind; only tokens with a role are special; all are found in the
    /// text as it is.</summary>
    private static void AddAsPython(AddedVocabulary added, Recipe recipe, TokenizerConfig config)
    {
        var model = recipe.Model;
        var special = config.Special.Select(t => t.Content).ToHashSet(StringComparer.Ordinal);
        if (recipe.KeepsPad && config.Token("pad_token") is { } pad) special.Remove(pad.Content);
        void Put(int id, AddedToken token) => added.Put(id, token with { Normalized = false, Special = special.Contains(token.Content) });
        for (var id = 0; id < recipe.Fixed.Length; id++)
        {
            var role = recipe.Fixed[id];
            if (!role.EndsWith("_token", StringComparison.Ordinal)) Put(id, new(role));
            else if (config.Token(role) is { } token) Put(id, token);
        }
        foreach (var (id, token) in config.Added) Put(id, token);
        var next = recipe.Count ?? model.Vocabulary.Count;
        next += added.Ids.Keys.Count(t => model.Find(t) < 0);
        foreach (var token in config.Special)
        {
            if (added.Ids.ContainsKey(token.Content)) continue;
            Put(model.Find(token.Content) is var id and >= 0 ? id : next++, token);
        }
        foreach (var token in recipe.Added) Put(model.Find(token.Content), token);
    }
}
