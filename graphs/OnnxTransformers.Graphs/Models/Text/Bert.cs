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
            return new(json.Count("vocab_size", 30522), json.Count("num_hidden_layers", 12), ReadBlock(json), json.Count("type_vocab_size", 2), json.Bool("tie_word_embeddings", true), json.Labels());
        }

        private static BertBlock ReadBlock(ConfigReader json)
        {
            // Sizes of a pooler that the reference's class never had.
            json.Ignore("directionality", "pooler_fc_size", "pooler_num_attention_heads", "pooler_num_fc_layers", "pooler_size_per_head", "pooler_type");
            var hidden = json.Count("hidden_size", 768);
            return new(hidden, json.Heads("num_attention_heads", 12, hidden), json.Count("intermediate_size", 3072), json.Activation("hidden_act", "gelu"), json.Float("layer_norm_eps", 1e-12f), json.Positions(),
                json.Count("max_position_embeddings", 512));
        }
    }

    private TextInputs Inputs() => TextInputs.Declare(m.Graph, tokenTypes: true);

    private Value Embed(TextInputs x)                                                               // [B, S] -> [B, S, D]
    {
        var e = m["embeddings"];
        var sum = Embedding(e["word_embeddings"], x.InputIds, c.VocabSize, c.Block.HiddenSize) + Embedding(e["token_type_embeddings"], x.TokenTypeIds!, c.TypeVocabSize, c.Block.HiddenSize);
        if (c.Block.Positions == PositionKind.Absolute) sum += PositionEmbedding(e["position_embeddings"], x, c.Block.MaxPositions, c.Block.HiddenSize);
        return LayerNorm(e["LayerNorm"], sum, c.Block.Epsilon);
    }

    private Value Encode(TextInputs x) => BertEncoder(m["encoder.layer"], c.Layers, Embed(x), x, c.Block);

    private Value Encode() => Encode(Inputs());

    private Value Pooled(TextInputs x) => Pool(m["pooler"], Encode(x), c.Block.HiddenSize);         // [B, S] -> [B, D]

    private GraphOutputs Features() => Head.Features(m["pooler"], Encode(), c.Block.HiddenSize);

    private Value Words(Value h)                                                                    // [B, S, D] -> [B, S, V]
    {
        var head = m.Root["cls.predictions"];
        h = Transform(head["transform.dense"], head["transform.LayerNorm"], h, c.Block.HiddenSize, c.Block.Activation, c.Block.Epsilon);
        var table = (c.Tied ? m["embeddings.word_embeddings"] : head["decoder"]).Weight("weight", c.VocabSize, c.Block.HiddenSize);
        return VocabularyLogits(head["decoder"], h, table, head.Weight(["bias", "decoder.bias"], c.VocabSize));
    }

    private GraphOutputs Pretraining()
    {
        var h = Encode();
        return [("prediction_logits", Words(h)), ("seq_relationship_logits", Linear(m.Root["cls.seq_relationship"], Pool(m["pooler"], h, c.Block.HiddenSize), 2))];
    }

    private GraphOutputs Choices()
    {
        var x = TextInputs.DeclareChoices(m.Graph, tokenTypes: true);
        return Head.Choices(m.Root["classifier"], Pooled(x), x);
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("bert", "bert", Config.Read, (c, m) => new Bert(c, m),
        [new("embeddings.position_ids", "a buffer of consecutive numbers"), new("pooler.", "the pooler, where the task does not read it")],
        new TaskGraphs<Bert>("feature-extraction", b => b.Features()),
        new TaskGraphs<Bert>("fill-mask", b => [("logits", b.Words(b.Encode()))]),
        new TaskGraphs<Bert>("text-classification", b => Logits(b.Top["classifier"], b.Pooled(b.Inputs()), b.Labels)),
        new TaskGraphs<Bert>("token-classification", b => Logits(b.Top["classifier"], b.Encode(), b.Labels)),
        new TaskGraphs<Bert>("question-answering", b => Spans(b.Top["qa_outputs"], b.Encode())),
        new TaskGraphs<Bert>("multiple-choice", b => b.Choices()),
        new TaskGraphs<Bert>("next-sentence-prediction", b => Logits(b.Top["cls.seq_relationship"], b.Pooled(b.Inputs()), 2)),
        new TaskGraphs<Bert>("pretraining", b => b.Pretraining()));

    private Module Top => m.Root;

    private int Labels => c.Labels;
}
