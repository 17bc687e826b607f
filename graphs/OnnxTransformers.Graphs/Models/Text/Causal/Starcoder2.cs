using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>StarCoder 2 (Lozhkov et al., 2024) and Jais 2 (2025): rotary positions, layer norms, biases and a plain feed-forward part; queries may see a window of keys. starcoder2-*, Jais-2-*. Reference: models/starcoder2/modeling_starcoder2.py, models/jais2.</summary>
internal sealed class Starcoder2(Starcoder2.Config c, Module m)
{
    internal sealed record Config(DecoderSizes Sizes, SelfAttention Attention, int Width, Activation Activation, float Epsilon, bool Bias, (string Up, string Down) Names)
    {
        internal static Config ReadJais2(ConfigReader json)
        {
            var sizes = DecoderSizes.Read(json, vocab: 150272, hidden: 3328, layers: 32, heads: 26, positions: 8192);
            var bias = json.Bool("attention_bias", true);
            var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions)) { Bias = bias, OutputBias = bias };
            return new(sizes, attention, json.Count("intermediate_size", 26624), json.Activation("hidden_act", "relu2"), json.Float("layer_norm_eps", 1e-5f), json.Bool("mlp_bias", true), ("up_proj", "down_proj"));
        }

        internal static Config Read(ConfigReader json)
        {
            json.Ignore("residual_dropout", "embedding_dropout", "norm_type", "mlp_type", "attention_bias", "mlp_bias");
            var sizes = DecoderSizes.Read(json, vocab: 49152, hidden: 3072, layers: 30, heads: 24, positions: 4096, kvHeads: 2, tied: true);
            var bias = json.Bool("use_bias", true);
            var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions)) { Bias = bias, OutputBias = bias };
            return new(sizes, attention with { How = attention.How with { Window = json.Int("sliding_window", 0) } }, json.Count("intermediate_size", 12288), json.Activation("hidden_act", "gelu_pytorch_tanh"),
                json.Float("norm_epsilon", 1e-5f), bias, ("c_fc", "c_proj"));
        }
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        h += Attention(m["self_attn"], x, i, LayerNorm(m["input_layernorm"], h, c.Epsilon), c.Attention);
        return h + PlainFeedForward(m["mlp"], LayerNorm(m["post_attention_layernorm"], h, c.Epsilon), c.Width, c.Activation, c.Bias, c.Names.Up, c.Names.Down);
    }

    private Value Hidden(CausalInputs x)                                                            // [B, S] -> [B, S, D]
    {
        var h = TokenEmbedding(m["embed_tokens"], m.Root["lm_head"], x, c.Sizes.VocabSize, c.Sizes.HiddenSize, c.Sizes.Tied);
        return LayerNorm(m["norm"], m["layers"].Fold(c.Sizes.Layers, h, (layer, i, h) => Layer(layer, i, h, x)), c.Epsilon);
    }

    private Value Logits(Value h) => OutputTable(m.Root["lm_head"], m["embed_tokens"], h, c.Sizes.VocabSize, c.Sizes.Tied);

    private CausalNetwork Network => new(m, c.Sizes, Hidden, Logits);

    internal static readonly ModelFamily Family = CausalFamily.Of("starcoder2", "model", Config.Read, (c, m) => new Starcoder2(c, m).Network);
    internal static readonly ModelFamily Jais2 = CausalFamily.Of("jais2", "model", Config.ReadJais2, (c, m) => new Starcoder2(c, m).Network);
}
