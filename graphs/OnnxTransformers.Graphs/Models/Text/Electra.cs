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
            return new(json.Count("vocab_size", 30522), json.Count("embedding_size", 128), json.Count("num_hidden_layers", 12), json.BertBlock(hidden: 256, heads: 4, intermediate: 1024), json.Count("type_vocab_size", 2),
                json.Bool("tie_word_embeddings", true), json.Labels(),
                json.OneOf("summary_type", Summary.First, ("first", Summary.First), ("last", Summary.Last), ("mean", Summary.Mean)), json.Bool("summary_use_proj", true), json.Bool("summary_proj_to_labels", false),
                json.Activation("summary_activation", "gelu"));
        }
    }

    private TextEncoder Encoder => new(m, HasTokenTypes: true, c.Block.HiddenSize, c.Labels, Encode, Summarize);

    private Value Embed(TextInputs x)                                                               // [B, S] -> [B, S, D]
    {
        var e = m["embeddings"];
        var sum = Embedding(e["word_embeddings"], x.InputIds, c.VocabSize, c.EmbeddingSize) + Embedding(e["token_type_embeddings"], x.TokenTypeIds!, c.TypeVocabSize, c.EmbeddingSize);
        if (c.Block.Positions == PositionKind.Absolute) sum += PositionEmbedding(e["position_embeddings"], x, c.Block.MaxPositions, c.EmbeddingSize);
        var h = LayerNorm(e["LayerNorm"], sum, c.Block.Epsilon);
        return c.EmbeddingSize == c.Block.HiddenSize ? h : Linear(m["embeddings_project"], h, c.Block.HiddenSize);
    }

    private Value Encode(TextInputs x) => BertEncoder(m["encoder.layer"], c.Layers, Embed(x), x, c.Block);

    private Value Discriminate(Value h)                                                             // [B, S, D] -> [B, S], positive where a token was replaced
    {
        var head = m.Root["discriminator_predictions"];
        return Op.Squeeze(Linear(head["dense_prediction"], Linear(head["dense"], h, c.Block.HiddenSize, c.Block.Activation), 1), -1);
    }

    private Value Words(Value h)                                                                    // [B, S, D] -> [B, S, V]; this head's activation is gelu whatever the configuration says
    {
        var (head, decoder) = (m.Root["generator_predictions"], m.Root["generator_lm_head"]);
        h = Transform(head["dense"], head["LayerNorm"], h, c.EmbeddingSize, Gelu, c.Block.Epsilon);
        return MaskedWords(decoder, c.Tied ? m["embeddings.word_embeddings"] : null, h, decoder.Weight("bias", c.VocabSize));
    }

    private Value Summarize(Value h)                                                                // [B, S, D] -> [B, D]
    {
        var head = m.Root["sequence_summary"];
        var one = c.Summary switch { Summary.First => FirstToken(h), Summary.Last => Op.Select(h, 1, -1), _ => Op.ReduceMean(h, 1, keep: false) };
        if (c.SummaryProjects) one = Linear(head["summary"], one, c.SummaryToLabels ? c.Labels : c.Block.HiddenSize);
        return Activate(head, c.SummaryActivation, one);
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("electra", "electra", Config.Read, (c, m) => new Electra(c, m), [SkippedTensors.Positions, SkippedTensors.UnreadPositions],
    [
        new TaskGraphs<Electra>("feature-extraction", e => e.Encoder.Features()),
        new TaskGraphs<Electra>("pretraining", e => [("logits", e.Discriminate(e.Encoder.Hidden()))]),
        new TaskGraphs<Electra>("fill-mask", e => [("logits", e.Words(e.Encoder.Hidden()))]),
        new TaskGraphs<Electra>("text-classification", e => e.Encoder.ClassifyFirstToken(Gelu)),
        .. TextEncoder.SharedTasks<Electra>(e => e.Encoder),
    ]);
}
