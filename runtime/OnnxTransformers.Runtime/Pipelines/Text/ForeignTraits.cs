using System.Collections.Immutable;

namespace OnnxTransformers;

/// <summary>What is known of networks whose graphs come from elsewhere and don't tell: of the reference's types, those that something must be known of. Graphs of this library tell it themselves.</summary>
internal static class ForeignTraits
{
    // Learned tables of absolute positions that count from 0. Beyond its end a table is read all the same, which CUDA answers with zeros instead of an error.
    private static readonly ImmutableArray<string> FromZero =
        ["bert", "distilbert", "electra", "albert", "ernie", "mobilebert", "megatron-bert", "convbert", "roc_bert", "rembert", "squeezebert", "layoutlm", "fnet"];

    // Tables whose first row that a token uses comes after the padding token's.
    private static readonly ImmutableArray<string> AfterPadding =
        ["roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "data2vec-text", "xmod", "ibert", "roberta-prelayernorm", "mpnet", "longformer"];

    // Convolutions, pooling or a Fourier transform that see the padding beside a row, and a maximum over the whole batch.
    private static readonly ImmutableArray<string> SeePadding = ["convbert", "mobilebert", "yoso", "funnel", "canine", "fnet"];
    private static readonly ImmutableArray<string> SeeEachOther = ["nystromformer"];

    internal static NetworkTraits Of(ModelConfig config) => new()
    {
        RowsAreIndependent = !SeeEachOther.Contains(config.ModelType),
        PaddingIsNeutral = !SeePadding.Contains(config.ModelType),
        MaxTokens = MaxTokens(config),
    };

    private static int? MaxTokens(ModelConfig config)
    {
        if (config.Json is not { } json || json.IntOrNull("max_position_embeddings") is not { } rows || rows <= 0) return null;
        if (FromZero.Contains(config.ModelType)) return rows;
        return AfterPadding.Contains(config.ModelType) ? rows - json.Int("pad_token_id", 1) - 1 : null;
    }
}
