using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text;

/// <summary>RoBERTa (Liu et al., 2019): BERT's blocks with positions that count real tokens from pad + 1, and heads of its own. roberta-*, xlm-roberta-*, camembert-*, multilingual-e5-*, bge-m3.
/// Reference: models/roberta/modeling_roberta.py, models/xlm_roberta, models/camembert.</summary>
internal sealed class Roberta(Roberta.Config c, Module m)
{
    private static readonly Activation Gelu = Activation.Named("gelu");
    private static readonly Activation Tanh = Activation.Named("tanh");

    internal sealed record Config(int VocabSize, int Layers, BertBlock Block, int TypeVocabSize, int Padding, bool Tied, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            json.RefuseDecoder();
            return new(json.Count("vocab_size", 30522), json.Count("num_hidden_layers", 12), json.BertBlock(), json.Count("type_vocab_size", 2), json.Int("pad_token_id", 1), json.Bool("tie_word_embeddings", true), json.Labels());
        }
    }

    // A single token type is added to every position; only where there are more can a caller choose.
    private TextEncoder Encoder => new(m, HasTokenTypes: c.TypeVocabSize > 1, c.Block.HiddenSize, c.Labels, Encode, h => Pool(m["pooler"], h, c.Block.HiddenSize));

    private Value Embed(TextInputs x)                                                               // [B, S] -> [B, S, D]
    {
        var e = m["embeddings"];
        var types = x.TokenTypeIds ?? m.Graph.Constant(0);
        var sum = Embedding(e["word_embeddings"], x.InputIds, c.VocabSize, c.Block.HiddenSize) + Embedding(e["token_type_embeddings"], types, c.TypeVocabSize, c.Block.HiddenSize);
        if (c.Block.Positions == PositionKind.Absolute) sum += CountedPositionEmbedding(e["position_embeddings"], x, c.Padding, c.Block.MaxPositions, c.Block.HiddenSize);
        return LayerNorm(e["LayerNorm"], sum, c.Block.Epsilon);
    }

    private Value Encode(TextInputs x) => BertEncoder(m["encoder.layer"], c.Layers, Embed(x), x, c.Block);

    private Value Words(Value h)                                                                    // [B, S, D] -> [B, S, V]
    {
        var head = m.Root["lm_head"];
        h = Transform(head["dense"], head["layer_norm"], h, c.Block.HiddenSize, Gelu, c.Block.Epsilon);
        return MaskedWords(head["decoder"], c.Tied ? m["embeddings.word_embeddings"] : null, h, head.Weight(["decoder.bias", "bias"], c.VocabSize));
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("roberta", "roberta", Config.Read, (c, m) => new Roberta(c, m), [SkippedTensors.Positions, SkippedTensors.UnreadPositions, SkippedTensors.Pooler],
    [
        new TaskGraphs<Roberta>("feature-extraction", r => r.Encoder.FeaturesWithPooler()),
        new TaskGraphs<Roberta>("fill-mask", r => [("logits", r.Words(r.Encoder.Hidden()))]),
        new TaskGraphs<Roberta>("text-classification", r => r.Encoder.ClassifyFirstToken(Tanh)),
        .. TextEncoder.SharedTasks<Roberta>(r => r.Encoder),
    ]);
}
