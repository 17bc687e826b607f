using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text;

/// <summary>MPNet (Song et al., 2020): post-norm blocks whose scores have one table of relative positions for all layers. microsoft/mpnet-base, all-mpnet-base-v2. Reference: models/mpnet/modeling_mpnet.py.</summary>
internal sealed class MpNet(MpNet.Config c, Module m)
{
    // The reference counts padding as id 1 and distances in 32 buckets up to 128, whatever the configuration says.
    private const int Padding = 1, Buckets = 32, LargestDistance = 128;
    private static readonly Activation Gelu = Activation.Named("gelu");
    private static readonly Activation Tanh = Activation.Named("tanh");

    internal sealed record Config(int VocabSize, int HiddenSize, int Layers, int Heads, int IntermediateSize, Activation Activation, float Epsilon, int MaxPositions, int BucketRows, bool Tied, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            json.RefuseDecoder();
            var hidden = json.Count("hidden_size", 768);
            return new(json.Count("vocab_size", 30527), hidden, json.Count("num_hidden_layers", 12), json.Heads("num_attention_heads", 12, hidden), json.Count("intermediate_size", 3072), json.Activation("hidden_act", "gelu"),
                json.Float("layer_norm_eps", 1e-12f), json.Count("max_position_embeddings", 512), json.Count("relative_attention_num_buckets", 32, least: Buckets), json.Bool("tie_word_embeddings", true), json.Labels());
        }
    }

    private TextEncoder Encoder => new(m, HasTokenTypes: false, c.HiddenSize, c.Labels, Encode, h => Pool(m["pooler"], h, c.HiddenSize));

    private Value Embed(TextInputs x)                                                               // [B, S] -> [B, S, D]
    {
        var e = m["embeddings"];
        var sum = WordEmbedding(e["word_embeddings"], x.InputIds, c.VocabSize, c.HiddenSize) + CountedPositionEmbedding(e["position_embeddings"], x, Padding, c.MaxPositions, c.HiddenSize);
        return LayerNorm(e["LayerNorm"], sum, c.Epsilon);
    }

    private Value Block(Module m, Value h, AttentionMask mask, Value bias)                          // [B, S, D] -> [B, S, D]
    {
        var a = m["attention.attn"];
        var context = Attend(a, Linear(a["q"], h, c.HiddenSize), Linear(a["k"], h, c.HiddenSize), Linear(a["v"], h, c.HiddenSize), c.Heads, mask, bias);
        h = AddNorm(m["attention.LayerNorm"], Linear(a["o"], context, c.HiddenSize), h, c.Epsilon);
        var wide = Linear(m["intermediate.dense"], h, c.IntermediateSize, c.Activation);
        return AddNorm(m["output.LayerNorm"], Linear(m["output.dense"], wide, c.HiddenSize), h, c.Epsilon);
    }

    private Value Encode(TextInputs x)
    {
        var bias = RelativeBias(m["encoder.relative_attention_bias"], x, c.Heads, c.BucketRows, Buckets, LargestDistance);
        return m["encoder.layer"].Fold(c.Layers, Embed(x), (layer, h) => Block(layer, h, x.Mask, bias));
    }

    private Value Words(Value h)                                                                    // [B, S, D] -> [B, S, V]
    {
        var head = m.Root["lm_head"];
        h = Transform(head["dense"], head["layer_norm"], h, c.HiddenSize, Gelu, c.Epsilon);
        return MaskedWords(head["decoder"], c.Tied ? m["embeddings.word_embeddings"] : null, h, head.Weight(["bias", "decoder.bias"], c.VocabSize));
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("mpnet", "mpnet", Config.Read, (c, m) => new MpNet(c, m), [SkippedTensors.Positions, SkippedTensors.Pooler],
    [
        new TaskGraphs<MpNet>("feature-extraction", n => n.Encoder.FeaturesWithPooler()),
        new TaskGraphs<MpNet>("fill-mask", n => [("logits", n.Words(n.Encoder.Hidden()))]),
        new TaskGraphs<MpNet>("text-classification", n => n.Encoder.ClassifyFirstToken(Tanh)),
        .. TextEncoder.SharedTasks<MpNet>(n => n.Encoder),
    ]);
}
