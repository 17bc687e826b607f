using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>MiniCPM3 (Hu et al., 2024): DeepSeek's latent attention in a dense network, with constants on embeddings, residuals and hidden states. MiniCPM3-4B. Reference: models/minicpm3/modeling_minicpm3.py.</summary>
internal sealed class MiniCpm3(MiniCpm3.Config c, Module m)
{
    /// <param name="Sizes">Its sizes.</param>
    /// <param name="Attention">Attention of each layer.</param>
    /// <param name="Epsilon">Of norms.</param>
    /// <param name="Width">Of the feed-forward part.</param>
    /// <param name="Activation">Of its gate.</param>
    /// <param name="FeedForwardBias">Whether its projections have biases.</param>
    /// <param name="Embedding">What embeddings are multiplied by.</param>
    /// <param name="Residual">What the results of both parts are.</param>
    /// <param name="Logits">What the last hidden states are divided by.</param>
    internal sealed record Config(DecoderSizes Sizes, LatentAttention Attention, double Epsilon, int Width, Activation Activation, bool FeedForwardBias, double Embedding, double Residual, double Logits)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("head_dim", "num_key_value_heads", "pretraining_tp", "qk_head_dim");        // these follow from the others
            var sizes = DecoderSizes.Read(json, vocab: 73448, hidden: 2560, layers: 62, heads: 40, positions: 32768, kvHeads: 40, headSize: 32, tied: true);
            int plain = json.Count("qk_nope_head_dim", 64), turned = json.Count("qk_rope_head_dim", 32);
            var rank = json.Int("q_lora_rank", json.Element.TryGetProperty("q_lora_rank", out _) ? 0 : 768);
            var attention = new LatentAttention(sizes.Heads, plain, turned, json.Count("v_head_dim", sizes.HiddenSize / sizes.Heads), json.Count("kv_lora_rank", 256), rank, RotaryConfig.Read(json, turned, sizes.MaxPositions),
                Math.Pow(plain + turned, -0.5) * RotaryConfig.TemperatureScale(json))
            { Bias = json.Bool("attention_bias", false), KeepsLatents = true };
            double Given(string key, double absent, double none) => json.Double(key, json.Element.TryGetProperty(key, out _) ? none : absent); // null is another value than none at all
            return new(sizes, attention, json.Double("rms_norm_eps", 1e-5), json.Count("intermediate_size", 6400), json.Activation("hidden_act", "silu"), json.Bool("mlp_bias", false), json.Double("scale_emb", 12),
                Given("scale_depth", 1.4, Math.Sqrt(sizes.Layers)) / Math.Sqrt(sizes.Layers), sizes.HiddenSize / Given("dim_model_base", 256, sizes.HiddenSize));
        }
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        h += AttendLatent(m["self_attn"], x, i, RmsNorm(m["input_layernorm"], h, c.Epsilon), c.Attention) * c.Residual;
        return h + GatedFeedForward(m["mlp"], RmsNorm(m["post_attention_layernorm"], h, c.Epsilon), c.Width, c.Activation, c.FeedForwardBias) * c.Residual;
    }

    private Value Hidden(CausalInputs x)                                                            // [B, S] -> [B, S, D]
    {
        var s = c.Sizes;
        var h = TokenEmbedding(m["embed_tokens"], m.Root["lm_head"], x, s.VocabSize, s.HiddenSize, s.Tied) * c.Embedding;
        return RmsNorm(m["norm"], m["layers"].Fold(s.Layers, h, (layer, i, h) => Layer(layer, i, h, x)), c.Epsilon);
    }

    private Value Logits(Value h) => OutputTable(m.Root["lm_head"], m["embed_tokens"], h / c.Logits, c.Sizes.VocabSize, c.Sizes.Tied);

    private CausalNetwork Network => new(m, c.Sizes, Hidden, Logits) { Cache = [.. Enumerable.Repeat(c.Attention.Cache, c.Sizes.Layers)] };

    internal static readonly ModelFamily Family = CausalFamily.Of("minicpm3", "model", Config.Read, (c, m) => new MiniCpm3(c, m).Network);
}
