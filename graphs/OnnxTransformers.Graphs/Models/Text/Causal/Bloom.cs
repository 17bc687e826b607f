using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>BLOOM (Le Scao et al., 2022): distances as biases of the scores (ALiBi), a norm behind the embeddings. bigscience/bloom-*, bloomz-*. Reference: models/bloom/modeling_bloom.py.</summary>
internal sealed class Bloom(Bloom.Config c, Module m)
{
    private static readonly Activation Gelu = Activation.Named("gelu_new");

    internal sealed record Config(DecoderSizes Sizes, float Epsilon, bool ResidualAfterNorm)
    {
        internal static Config Read(ConfigReader json)
        {
            // Only how products are split or summed; the rest is of the training code.
            json.Ignore("pretraining_tp", "slow_but_exact", "seq_length", "n_inner", "offset_alibi", "unk_token_id", "masked_softmax_fusion", "attention_softmax_in_fp32", "bias_dropout_fusion", "skip_bias_add", "skip_bias_add_qkv");
            var sizes = DecoderSizes.Read(json, vocab: 250880, hidden: 64, layers: 2, heads: 8, positions: 2048, tied: true);
            return new(sizes, json.Float("layer_norm_epsilon", 1e-5f), json.Bool("apply_residual_connection_post_layernorm", false));
        }
    }

    private Value Attention(Module m, int i, Value h, CausalInputs x)                               // [B, S, D] -> [B, S, D]
    {
        var (q, k, v) = SplitByHead(Linear(m["query_key_value"], h, 3 * c.Sizes.HiddenSize), c.Sizes.Heads);
        return Linear(m["dense"], AttendCausal(m, x, i, q, k, v, new(c.Sizes.Scale) { Bias = Alibi.FromMask(x, c.Sizes.Heads) }), c.Sizes.HiddenSize);
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        var normed = LayerNorm(m["input_layernorm"], h, c.Epsilon);
        h = (c.ResidualAfterNorm ? normed : h) + Attention(m["self_attention"], i, normed, x);
        normed = LayerNorm(m["post_attention_layernorm"], h, c.Epsilon);
        return (c.ResidualAfterNorm ? normed : h) + Linear(m["mlp.dense_4h_to_h"], Linear(m["mlp.dense_h_to_4h"], normed, 4 * c.Sizes.HiddenSize, Gelu), c.Sizes.HiddenSize);
    }

    private Value Hidden(CausalInputs x)                                                            // [B, S] -> [B, S, D]
    {
        var h = TokenEmbedding(m["word_embeddings"], m.Root["lm_head"], x, c.Sizes.VocabSize, c.Sizes.HiddenSize, c.Sizes.Tied);
        h = LayerNorm(m["word_embeddings_layernorm"], h, c.Epsilon);
        return LayerNorm(m["ln_f"], m["h"].Fold(c.Sizes.Layers, h, (layer, i, h) => Layer(layer, i, h, x)), c.Epsilon);
    }

    private Value Logits(Value h) => OutputTable(m.Root["lm_head"], m["word_embeddings"], h, c.Sizes.VocabSize, c.Sizes.Tied);

    private CausalNetwork Network => new(m, c.Sizes, Hidden, Logits) { Positions = PositionInput.None, TokenClassifier = "classifier" };

    internal static readonly ModelFamily Family = CausalFamily.Of("bloom", "transformer", Config.Read, (c, m) => new Bloom(c, m).Network);
}
