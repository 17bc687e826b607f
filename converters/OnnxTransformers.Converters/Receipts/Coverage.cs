using System.Collections.Frozen;
using System.Collections.Immutable;

namespace OnnxTransformers.Converters.Receipts;

/// <summary>Which fixtures of the reference each model type is compared with in this library's tests. The tests keep the table complete.</summary>
internal static class Coverage
{
    private static readonly FrozenDictionary<string, ImmutableArray<string>> Table = new Dictionary<string, ImmutableArray<string>>
    {
        ["bert"] =
        [
            "text/bert-base", "text/bert-fill-mask", "text/bert-float16", "text/bert-legacy-checkpoint", "text/bert-multiple-choice",
            "text/bert-next-sentence", "text/bert-question-answering", "text/bert-text-classification", "text/bert-token-classification",
            "text/cross-encoder-identity", "text/cross-encoder-nli", "text/pipeline-fill-mask", "text/pipeline-question-answering",
            "text/pipeline-text-classification", "text/pipeline-token-classification", "text/pipeline-zero-shot-classification", "text/splade-max",
            "text/st-cls-prompts", "text/st-instructor", "text/st-max-new-layout", "text/st-mean-dense", "text/st-mean-normalize",
        ],
        ["camembert"] =
        [
            "text/camembert-base", "text/camembert-fill-mask",
        ],
        ["distilbert"] =
        [
            "text/distilbert-base", "text/distilbert-fill-mask", "text/distilbert-pickled", "text/distilbert-question-answering",
            "text/distilbert-text-classification", "text/pipeline-feature-extraction",
        ],
        ["electra"] =
        [
            "text/electra-base", "text/electra-discriminator", "text/electra-fill-mask", "text/electra-text-classification",
        ],
        ["mpnet"] =
        [
            "text/mpnet-base", "text/mpnet-fill-mask", "text/mpnet-text-classification",
        ],
        ["roberta"] =
        [
            "text/cross-encoder-roberta-sigmoid", "text/roberta-base", "text/roberta-fill-mask", "text/roberta-question-answering",
            "text/roberta-sharded", "text/roberta-text-classification",
        ],
        ["xlm-roberta"] =
        [
            "text/xlm-roberta-base", "text/xlm-roberta-fill-mask", "text/xlm-roberta-reranker",
        ],
    }.ToFrozenDictionary();

    /// <summary>The fixtures of a model type, as "text/bert-base".</summary>
    internal static ImmutableArray<string> Of(string modelType) => Table.GetValueOrDefault(modelType, []);
}
