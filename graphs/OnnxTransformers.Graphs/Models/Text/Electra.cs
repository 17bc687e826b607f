using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Text;

/// <summary>ELECTRA (Clark et al., 2020): BERT's blocks over embeddings that may be narrower; a discriminator and a generator. google/electra-*. Reference: models/electra/modeling_electra.py.</summary>
internal sealed class Electra(Electra.Config c, Module m)
{
    private static readonly Activation Gelu = Activation.Named("gelu");

    internal enum Summary { First, Last, Mean }

    internal sealed record Config(int VocabSize, int EmbeddingSize, int Layers, BertBlock Block, int TypeVocabSize, bool Tied, int Labels, Summary Summary, bool SummaryProjects, bool SummaryToLabels, Activation SummaryActivation)
    {
        internal static Config Read(ConfigReader json)
        {
            json.RefuseDecoder();
            var hidden = json.Count("hidden_size", 256);
            var block = new BertBlock(hidden, json.Heads("num_attention_heads", 4, hidden), json.Count("intermediate_size", 1024), json.Activation("hidden_act", "gelu"), json.Float("layer_norm_eps", 1e-12f), json.Positions(),
                json.Count("max_position_embeddings", 512));
            return new(json.Count("vocab_size", 30522), json.Count("embedding_size", 128), json.Count("num_hidden_layers", 12), block, json.Count("type_vocab_size", 2), json.Bool("tie_word_embeddings", true), json.Labels(),
                json.OneOf("summary_type", Summary.First, ("first", Summary.First), ("last", Summary.Last), ("mean", Summary.Mean)), json.Bool("summary_use_proj", true), json.Bool("summary_proj_to_labels", false),
                json.Activation("summary_activation", "gelu"));
        }
    }

    private TextInputs Inputs() => TextInputs.Declare(m.Graph, tokenTypes: true);

    private Value Embed(TextInputs x)                                                               // [B, S] -> [B, S, D]
    {
        var e = m["embeddings"];
        var sum = Embedding(e["word_embeddings"], x.InputIds, c.VocabSize, c.EmbeddingSize) + Embedding(e["token_type_embeddings"], x.TokenTypeIds!, c.TypeVocabSize, c.EmbeddingSize);
        if (c.Block.Positions == PositionKind.Absolute) sum += PositionEmbedding(e["position_embeddings"], x, c.Block.MaxPositions, c.EmbeddingSize);
        var h = LayerNorm(e["LayerNorm"], sum, c.Block.Epsilon);
        return c.EmbeddingSize == c.Block.HiddenSize ? h : Linear(m["embeddings_project"], h, c.Block.HiddenSize);
    }

    private Value Encode(TextInputs x) => BertEncoder(m["encoder.layer"], c.Layers, Embed(x), x, c.Block);

    private Value Encode() => Encode(Inputs());

    private GraphOutputs Discriminate()                                                             // -> [B, S], positive where a token was replaced
    {
        var head = m.Root["discriminator_predictions"];
        return [("logits", Op.Squeeze(Linear(head["dense_prediction"], Linear(head["dense"], Encode(), c.Block.HiddenSize, c.Block.Activation), 1), -1))];
    }

    private GraphOutputs Words()                                                                    // -> [B, S, V]; this head's activation is gelu whatever the configuration says
    {
        var head = m.Root["generator_predictions"];
        var h = Transform(head["dense"], head["LayerNorm"], Encode(), c.EmbeddingSize, Gelu, c.Block.Epsilon);
        var decoder = m.Root["generator_lm_head"];
        var table = (c.Tied ? m["embeddings.word_embeddings"] : decoder).Weight("weight", c.VocabSize, c.EmbeddingSize);
        return [("logits", VocabularyLogits(decoder, h, table, decoder.Weight("bias", c.VocabSize)))];
    }

    private GraphOutputs Choices()
    {
        var x = TextInputs.DeclareChoices(m.Graph, tokenTypes: true);
        return Head.Choices(m.Root["classifier"], Summarize(Encode(x)), x);
    }

    private Value Summarize(Value h)                                                                // [B, S, D] -> [B, D]
    {
        var head = m.Root["sequence_summary"];
        var one = c.Summary switch { Summary.First => FirstToken(h), Summary.Last => Op.Select(h, 1, -1), _ => Op.ReduceMean(h, 1, keep: false) };
        if (c.SummaryProjects) one = Linear(head["summary"], one, c.SummaryToLabels ? c.Labels : c.Block.HiddenSize);
        return Activate(head, c.SummaryActivation, one);
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("electra", "electra", Config.Read, (c, m) => new Electra(c, m),
        [new("embeddings.position_ids", "a buffer of consecutive numbers")],
        new TaskGraphs<Electra>("feature-extraction", e => [("last_hidden_state", e.Encode())]),
        new TaskGraphs<Electra>("pretraining", e => e.Discriminate()),
        new TaskGraphs<Electra>("fill-mask", e => e.Words()),
        new TaskGraphs<Electra>("text-classification", e => DenseClassifier(e.Top["classifier"], e.Encode(), e.Width, Gelu, e.Labels)),
        new TaskGraphs<Electra>("token-classification", e => Logits(e.Top["classifier"], e.Encode(), e.Labels)),
        new TaskGraphs<Electra>("question-answering", e => Spans(e.Top["qa_outputs"], e.Encode())),
        new TaskGraphs<Electra>("multiple-choice", e => e.Choices()));

    private Module Top => m.Root;

    private int Width => c.Block.HiddenSize;

    private int Labels => c.Labels;
}
