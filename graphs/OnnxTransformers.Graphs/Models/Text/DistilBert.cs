using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text;

/// <summary>DistilBERT (Sanh et al., 2019): BERT without token types and pooler, under names of its own. distilbert-*, sst2 classifiers. Reference: models/distilbert/modeling_distilbert.py.</summary>
internal sealed class DistilBert(DistilBert.Config c, Module m)
{
    private const float Epsilon = 1e-12f;
    private static readonly Activation Relu = Activation.Named("relu");

    internal sealed record Config(int VocabSize, int MaxPositions, int Width, int Layers, int Heads, int HiddenWidth, Activation Activation, bool Tied, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            json.RefuseDecoder();
            json.Ignore("sinusoidal_pos_embds");    // how the table of positions was initialized: the checkpoint holds it
            var width = json.Count("dim", 768);
            return new(json.Count("vocab_size", 30522), json.Count("max_position_embeddings", 512), width, json.Count("n_layers", 6), json.Heads("n_heads", 12, width), json.Count("hidden_dim", 3072),
                json.Activation("activation", "gelu"), json.Bool("tie_word_embeddings", true), json.Labels());
        }
    }

    private TextInputs Inputs() => TextInputs.Declare(m.Graph, tokenTypes: false);

    private Value Embed(TextInputs x)                                                               // [B, S] -> [B, S, D]
    {
        var e = m["embeddings"];
        return LayerNorm(e["LayerNorm"], Embedding(e["word_embeddings"], x.InputIds, c.VocabSize, c.Width) + PositionEmbedding(e["position_embeddings"], x, c.MaxPositions, c.Width), Epsilon);
    }

    private Value Block(Module m, Value h, AttentionMask mask)                                      // [B, S, D] -> [B, S, D]
    {
        var a = m["attention"];
        var context = Attend(a, Linear(a["q_lin"], h, c.Width), Linear(a["k_lin"], h, c.Width), Linear(a["v_lin"], h, c.Width), c.Heads, mask);
        h = AddNorm(m["sa_layer_norm"], Linear(a["out_lin"], context, c.Width), h, Epsilon);
        return AddNorm(m["output_layer_norm"], Linear(m["ffn.lin2"], Linear(m["ffn.lin1"], h, c.HiddenWidth, c.Activation), c.Width), h, Epsilon);
    }

    private Value Encode(TextInputs x) => m["transformer.layer"].Fold(c.Layers, Embed(x), (layer, h) => Block(layer, h, x.Mask));

    private Value Encode() => Encode(Inputs());

    private Value Pooled(TextInputs x) => Linear(m.Root["pre_classifier"], FirstToken(Encode(x)), c.Width, Relu);    // [B, S] -> [B, D]

    private GraphOutputs Words()                                                                    // -> [B, S, V]
    {
        var head = m.Root;
        var h = Transform(head["vocab_transform"], head["vocab_layer_norm"], Encode(), c.Width, c.Activation, Epsilon);
        var projector = head["vocab_projector"];
        var table = (c.Tied ? m["embeddings.word_embeddings"] : projector).Weight("weight", c.VocabSize, c.Width);
        return [("logits", VocabularyLogits(projector, h, table, projector.Weight("bias", c.VocabSize)))];
    }

    private GraphOutputs Choices()
    {
        var x = TextInputs.DeclareChoices(m.Graph, tokenTypes: false);
        return Head.Choices(m.Root["classifier"], Pooled(x), x);
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("distilbert", "distilbert", Config.Read, (c, m) => new DistilBert(c, m),
        [new("embeddings.position_ids", "a buffer of consecutive numbers")],
        new TaskGraphs<DistilBert>("feature-extraction", d => [("last_hidden_state", d.Encode())]),
        new TaskGraphs<DistilBert>("fill-mask", d => d.Words()),
        new TaskGraphs<DistilBert>("text-classification", d => Logits(d.Top["classifier"], d.Pooled(d.Inputs()), d.Labels)),
        new TaskGraphs<DistilBert>("token-classification", d => Logits(d.Top["classifier"], d.Encode(), d.Labels)),
        new TaskGraphs<DistilBert>("question-answering", d => Spans(d.Top["qa_outputs"], d.Encode())),
        new TaskGraphs<DistilBert>("multiple-choice", d => d.Choices()));

    private Module Top => m.Root;

    private int Labels => c.Labels;
}
