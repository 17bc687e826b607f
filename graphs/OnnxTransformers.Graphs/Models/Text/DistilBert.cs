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

    private TextEncoder Encoder => new(m, HasTokenTypes: false, c.Width, c.Labels, Encode, Pooled);

    private Value Embed(TextInputs x)                                                               // [B, S] -> [B, S, D]
    {
        var e = m["embeddings"];
        return LayerNorm(e["LayerNorm"], WordEmbedding(e["word_embeddings"], x.InputIds, c.VocabSize, c.Width) + PositionEmbedding(e["position_embeddings"], x, c.MaxPositions, c.Width), Epsilon);
    }

    private Value Block(Module m, Value h, AttentionMask mask)                                      // [B, S, D] -> [B, S, D]
    {
        var a = m["attention"];
        var context = Attend(a, Linear(a["q_lin"], h, c.Width), Linear(a["k_lin"], h, c.Width), Linear(a["v_lin"], h, c.Width), c.Heads, mask);
        h = AddNorm(m["sa_layer_norm"], Linear(a["out_lin"], context, c.Width), h, Epsilon);
        return AddNorm(m["output_layer_norm"], Linear(m["ffn.lin2"], Linear(m["ffn.lin1"], h, c.HiddenWidth, c.Activation), c.Width), h, Epsilon);
    }

    private Value Encode(TextInputs x) => m["transformer.layer"].Fold(c.Layers, Embed(x), (layer, h) => Block(layer, h, x.Mask));

    private Value Pooled(Value h) => Linear(m.Root["pre_classifier"], FirstToken(h), c.Width, Relu);    // [B, S, D] -> [B, D]

    private Value Words(Value h)                                                                    // [B, S, D] -> [B, S, V]
    {
        h = Transform(m.Root["vocab_transform"], m.Root["vocab_layer_norm"], h, c.Width, c.Activation, Epsilon);
        var projector = m.Root["vocab_projector"];
        return MaskedWords(projector, c.Tied ? m["embeddings.word_embeddings"] : null, h, projector.Weight("bias", c.VocabSize));
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("distilbert", "distilbert", Config.Read, (c, m) => new DistilBert(c, m), [SkippedTensors.Positions],
    [
        new TaskGraphs<DistilBert>("feature-extraction", d => d.Encoder.Features()),
        new TaskGraphs<DistilBert>("fill-mask", d => [("logits", d.Words(d.Encoder.Hidden()))]),
        new TaskGraphs<DistilBert>("text-classification", d => d.Encoder.ClassifyPooled()),
        .. TextEncoder.SharedTasks<DistilBert>(d => d.Encoder),
    ]);
}
