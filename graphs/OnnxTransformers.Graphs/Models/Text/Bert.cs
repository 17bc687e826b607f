using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text;

/// <summary>BERT (Devlin et al., 2018): bert-base-*, all-MiniLM-*, bge-*, e5-*, gte-*. Reference: models/bert/modeling_bert.py.</summary>
internal sealed class Bert(Bert.Config c, Module m)
{
    internal sealed record Config(int VocabSize, int Layers, BertBlock Block, int TypeVocabSize, bool Tied, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            json.RefuseDecoder();
            return ReadBlocks(json);
        }

        /// <summary>What an encoder and a decoder have alike.</summary>
        internal static Config ReadBlocks(ConfigReader json)
        {
            // Sizes of a pooler that the reference's class never had.
            json.Ignore("directionality", "pooler_fc_size", "pooler_num_attention_heads", "pooler_num_fc_layers", "pooler_size_per_head", "pooler_type");
            return new(json.Count("vocab_size", 30522), json.Count("num_hidden_layers", 12), json.BertBlock(), json.Count("type_vocab_size", 2), json.Bool("tie_word_embeddings", true), json.Labels());
        }
    }

    private TextEncoder Encoder => new(m, HasTokenTypes: true, c.Block.HiddenSize, c.Labels, Encode, Pooled);

    private Value Embed(TextInputs x)                                                               // [B, S] -> [B, S, D]
    {
        var e = m["embeddings"];
        var sum = Embedding(e["word_embeddings"], x.InputIds, c.VocabSize, c.Block.HiddenSize) + Embedding(e["token_type_embeddings"], x.TokenTypeIds!, c.TypeVocabSize, c.Block.HiddenSize);
        if (c.Block.Positions == PositionKind.Absolute) sum += PositionEmbedding(e["position_embeddings"], x, c.Block.MaxPositions, c.Block.HiddenSize);
        return LayerNorm(e["LayerNorm"], sum, c.Block.Epsilon);
    }

    /// <summary>[B, S] -> [B, S, D].</summary>
    internal Value Encode(TextInputs x) => BertEncoder(m["encoder.layer"], c.Layers, Embed(x), x, c.Block);

    private Value Pooled(Value h) => Pool(m["pooler"], h, c.Block.HiddenSize);                      // [B, S, D] -> [B, D]

    internal Value Words(Value h)                                                                   // [B, S, D] -> [B, S, V]
    {
        var head = m.Root["cls.predictions"];
        h = Transform(head["transform.dense"], head["transform.LayerNorm"], h, c.Block.HiddenSize, c.Block.Activation, c.Block.Epsilon);
        return MaskedWords(head["decoder"], c.Tied ? m["embeddings.word_embeddings"] : null, h, head.Weight(["bias", "decoder.bias"], c.VocabSize));
    }

    private Value NextSentence(Value pooled) => Linear(m.Root["cls.seq_relationship"], pooled, 2, role: MatrixRole.Head);    // [B, D] -> [B, 2]

    private GraphOutputs Pretraining()
    {
        var h = Encoder.Hidden();
        return [("prediction_logits", Words(h)), ("seq_relationship_logits", NextSentence(Pooled(h)))];
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("bert", "bert", Config.Read, (c, m) => new Bert(c, m), [SkippedTensors.Positions, SkippedTensors.UnreadPositions, SkippedTensors.Pooler],
    [
        new TaskGraphs<Bert>("feature-extraction", b => b.Encoder.FeaturesWithPooler()),
        new TaskGraphs<Bert>("fill-mask", b => [("logits", b.Words(b.Encoder.Hidden()))]),
        new TaskGraphs<Bert>("text-classification", b => b.Encoder.ClassifyPooled()),
        .. TextEncoder.SharedTasks<Bert>(b => b.Encoder),
        new TaskGraphs<Bert>("next-sentence-prediction", b => [("logits", b.NextSentence(b.Encoder.Pooled()))]),
        new TaskGraphs<Bert>("pretraining", b => b.Pretraining()),
    ]);
}
