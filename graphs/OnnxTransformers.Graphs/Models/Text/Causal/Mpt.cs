using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>MPT (MosaicML, 2023): ALiBi by the distance to the last key, layer norms without shift, q, k and v in one matrix that may be clipped. mpt-7b, mpt-30b, replit-code. Reference: models/mpt/modeling_mpt.py.</summary>
internal sealed class Mpt(Mpt.Config c, Module m)
{
    private static readonly Activation Gelu = Activation.Named("gelu");

    internal sealed record Config(DecoderSizes Sizes, double Scale, double Clip, float Epsilon)
    {
        internal static Config Read(ConfigReader json)
        {
            // The reference reads none of these: norms are without shift, biases absent, the feed-forward part four times as wide, the positions alibi's.
            json.Ignore("expansion_ratio", "emb_pdrop", "learned_pos_emb", "init_device", "logit_scale", "no_bias", "verbose", "embedding_fraction", "norm_type", "init_config");
            var sizes = DecoderSizes.Read(json, vocab: 50368, hidden: 2048, layers: 24, heads: 16, positions: json.Count("max_seq_len", 2048), tied: true);
            var attention = json.Object("attn_config");
            attention?.Ignore("attn_type", "attn_pdrop", "attn_impl", "attn_uses_sequence_id", "alibi_bias_max", "qk_ln", "model_type", "prefix_lm", "alibi");
            if (attention?.Bool("prefix_lm", false) == true) attention.Problem("prefix_lm", "true", "false (the causal mask)");
            return new(sizes, attention?.DoubleOrNull("softmax_scale") ?? sizes.Scale, attention?.Double("clip_qkv", 0) ?? 0, json.Float("layer_norm_epsilon", 1e-5f));
        }
    }

    private Value Attention(Module m, int i, Value h, CausalInputs x)                               // [B, S, D] -> [B, S, D]
    {
        var (width, heads) = (c.Sizes.HiddenSize, c.Sizes.Heads);
        var fused = Linear(m["Wqkv"], h, 3 * width, bias: false);
        var qkv = Split(c.Clip > 0 ? Op.Clip(fused, -c.Clip, c.Clip) : fused, width, width, width);
        var context = AttendCausal(m, x, i, SplitHeads(qkv[0], heads), SplitHeads(qkv[1], heads), SplitHeads(qkv[2], heads), new(c.Scale) { Bias = Alibi.FromEnd(x, heads) });
        return Linear(m["out_proj"], context, width, bias: false);
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        h += Attention(m["attn"], i, ScaleNorm(m["norm_1"], h, c.Epsilon), x);
        return h + PlainFeedForward(m["ffn"], ScaleNorm(m["norm_2"], h, c.Epsilon), 4 * c.Sizes.HiddenSize, Gelu);
    }

    private Value Hidden(CausalInputs x)                                                            // [B, S] -> [B, S, D]
    {
        var h = TokenEmbedding(m["wte"], m.Root["lm_head"], x, c.Sizes.VocabSize, c.Sizes.HiddenSize, c.Sizes.Tied);
        return ScaleNorm(m["norm_f"], m["blocks"].Fold(c.Sizes.Layers, h, (layer, i, h) => Layer(layer, i, h, x)), c.Epsilon);
    }

    private Value Logits(Value h) => OutputTable(m.Root["lm_head"], m["wte"], h, c.Sizes.VocabSize, c.Sizes.Tied);

    private CausalNetwork Network => new(m, c.Sizes, Hidden, Logits) { Positions = PositionInput.None, TokenClassifier = "classifier" };

    internal static readonly ModelFamily Family = CausalFamily.Of("mpt", "transformer", Config.Read, (c, m) => new Mpt(c, m).Network);
}
