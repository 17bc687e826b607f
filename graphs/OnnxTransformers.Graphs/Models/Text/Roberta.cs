using OnnxTransformers.Graphs.Heads;
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
            var hidden = json.Count("hidden_size", 768);
            var block = new BertBlock(hidden, json.Heads("num_attention_heads", 12, hidden), json.Count("intermediate_size", 3072), json.Activation("hidden_act", "gelu"), json.Float("layer_norm_eps", 1e-12f), json.Positions(),
                json.Count("max_position_embeddings", 512));
            return new(json.Count("vocab_size", 30522), json.Count("num_hidden_layers", 12), block, json.Count("type_vocab_size", 2), json.Int("pad_token_id", 1), json.Bool("tie_word_embeddings", true), json.Labels());
        }
    }

    // A single token type is added to every position; only where there are more can a caller choose.
    private TextInputs Inputs() => TextInputs.Declare(m.Graph, tokenTypes: c.TypeVocabSize > 1);

    private Value Embed(TextInputs x)                                                               // [B, S] -> [B, S, D]
    {
        var e = m["embeddings"];
        var types = x.TokenTypeIds ?? m.Graph.Constant(0);
        var sum = Embedding(e["word_embeddings"], x.InputIds, c.VocabSize, c.Block.HiddenSize) + Embedding(e["token_type_embeddings"], types, c.TypeVocabSize, c.Block.HiddenSize);
        if (c.Block.Positions == PositionKind.Absolute) sum += Embedding(e["position_embeddings"], PositionsFromIds(x, c.Padding), c.Block.MaxPositions, c.Block.HiddenSize);
        return LayerNorm(e["LayerNorm"], sum, c.Block.Epsilon);
    }

    private Value Encode(TextInputs x) => BertEncoder(m["encoder.layer"], c.Layers, Embed(x), x, c.Block);

    private Value Encode() => Encode(Inputs());

    private GraphOutputs Features() => Head.Features(m["pooler"], Encode(), c.Block.HiddenSize);

    private GraphOutputs Words()                                                                    // -> [B, S, V]
    {
        var head = m.Root["lm_head"];
        var h = Transform(head["dense"], head["layer_norm"], Encode(), c.Block.HiddenSize, Gelu, c.Block.Epsilon);
        var table = (c.Tied ? m["embeddings.word_embeddings"] : head["decoder"]).Weight("weight", c.VocabSize, c.Block.HiddenSize);
        return [("logits", VocabularyLogits(head["decoder"], h, table, head.Weight(["decoder.bias", "bias"], c.VocabSize)))];
    }

    private GraphOutputs Choices()
    {
        var x = TextInputs.DeclareChoices(m.Graph, tokenTypes: c.TypeVocabSize > 1);
        return Head.Choices(m.Root["classifier"], Pool(m["pooler"], Encode(x), c.Block.HiddenSize), x);
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("roberta", "roberta", Config.Read, (c, m) => new Roberta(c, m),
        [new("embeddings.position_ids", "a buffer of consecutive numbers"), new("pooler.", "the pooler, where the task does not read it")],
        new TaskGraphs<Roberta>("feature-extraction", r => r.Features()),
        new TaskGraphs<Roberta>("fill-mask", r => r.Words()),
        new TaskGraphs<Roberta>("text-classification", r => DenseClassifier(r.Top["classifier"], r.Encode(), r.Width, Tanh, r.Labels)),
        new TaskGraphs<Roberta>("token-classification", r => Logits(r.Top["classifier"], r.Encode(), r.Labels)),
        new TaskGraphs<Roberta>("question-answering", r => Spans(r.Top["qa_outputs"], r.Encode())),
        new TaskGraphs<Roberta>("multiple-choice", r => r.Choices()));

    private Module Top => m.Root;

    private int Width => c.Block.HiddenSize;

    private int Labels => c.Labels;
}
