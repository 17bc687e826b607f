using System.Collections.Immutable;

namespace OnnxTransformers;

/// <summary>How many tokens a model has positions for. Beyond that a table is read past its end, which CUDA answers with zeros instead of an error.</summary>
internal static class PositionLimit
{
    // Learned tables of absolute positions that count from 0.
    private static readonly ImmutableArray<string> FromZero =
        ["bert", "distilbert", "electra", "albert", "ernie", "mobilebert", "megatron-bert", "convbert", "roc_bert", "rembert", "squeezebert", "layoutlm", "fnet"];

    // Tables whose first row that a token uses comes after the padding token's.
    private static readonly ImmutableArray<string> AfterPadding =
        ["roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "data2vec-text", "xmod", "ibert", "roberta-prelayernorm", "mpnet", "longformer"];

    /// <summary>Tokens, or null where the model sets no limit that is known here.</summary>
    internal static int? Of(ModelConfig config)
    {
        if (config.Json is not { } json || json.IntOrNull("max_position_embeddings") is not { } rows || rows <= 0) return null;
        if (FromZero.Contains(config.ModelType)) return rows;
        return AfterPadding.Contains(config.ModelType) ? rows - json.Int("pad_token_id", 1) - 1 : null;
    }
}
