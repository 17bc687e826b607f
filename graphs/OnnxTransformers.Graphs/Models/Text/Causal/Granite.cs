using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>Granite (IBM, 2024): LLaMA's network with constants on embeddings, scores, residuals and logits; also with experts in the place of the feed-forward part. granite-3.*, granite-3.*-a800m. Reference: models/granite/modeling_granite.py, models/granitemoe.</summary>
internal sealed class Granite(Granite.Config c, Module m)
{
    /// <param name="Base">What it has of LLaMA.</param>
    /// <param name="Embedding">What embeddings are multiplied by.</param>
    /// <param name="Residual">What the results of both parts are.</param>
    /// <param name="Logits">What logits are divided by.</param>
    /// <param name="Experts">E; 0 for none.</param>
    /// <param name="PerToken">k.</param>
    internal sealed record Config(Llama.Config Base, double Embedding, double Residual, double Logits, int Experts, int PerToken);

    private static Config ReadDense(ConfigReader json) => Read(json, experts: false);

    private static Config ReadMoe(ConfigReader json) => Read(json, experts: true);

    private static Config Read(ConfigReader json, bool experts)
    {
        json.Ignore("router_aux_loss_coef", "output_router_logits", "position_embedding_type", "shared_intermediate_size");
        var sizes = DecoderSizes.Read(json, vocab: 32000, hidden: 4096, layers: 32, heads: 32, positions: 2048);
        var bias = json.Bool("attention_bias", false);
        var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions)) { Bias = bias, OutputBias = bias, How = new(json.Double("attention_multiplier", 1)) };
        var llama = Llama.Config.Of(json, sizes, _ => attention, width: 11008) with { FeedForwardBias = json.Bool("mlp_bias", false) };
        return new(llama, json.Double("embedding_multiplier", 1), json.Double("residual_multiplier", 1), json.Double("logits_scaling", 1), experts ? json.CountOf(8, "num_local_experts") : 0, experts ? json.Count("num_experts_per_tok", 2) : 0);
    }

    private Value FeedForward(Module m, Value h)                                                    // [B, S, D] -> [B, S, D]
    {
        if (c.Experts == 0) return GatedFeedForward(m["mlp"], h, c.Base.Width, c.Base.Activation, c.Base.FeedForwardBias);
        var (moe, rows) = (m["block_sparse_moe"], TokenRows(h));
        var routing = TopThenSoftmax(Linear(moe["router.layer"], rows, c.Experts, bias: false, MatrixRole.Router), c.PerToken);
        return LikeTokens(StackedExperts(moe, rows, routing, c.Experts, c.Base.Width, c.Base.Activation, "input_linear.weight", "output_linear.weight"), h);
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        h += Attention(m["self_attn"], x, i, RmsNorm(m["input_layernorm"], h, c.Base.Epsilon), c.Base.Layers[i]) * c.Residual;
        return h + FeedForward(m, RmsNorm(m["post_attention_layernorm"], h, c.Base.Epsilon)) * c.Residual;
    }

    private Value Hidden(CausalInputs x)                                                            // [B, S] -> [B, S, D]
    {
        var s = c.Base.Sizes;
        var h = TokenEmbedding(m["embed_tokens"], m.Root["lm_head"], x, s.VocabSize, s.HiddenSize, s.Tied) * c.Embedding;
        return RmsNorm(m["norm"], m["layers"].Fold(s.Layers, h, (layer, i, h) => Layer(layer, i, h, x)), c.Base.Epsilon);
    }

    private Value Logits(Value h) => OutputTable(m.Root["lm_head"], m["embed_tokens"], h, c.Base.Sizes.VocabSize, c.Base.Sizes.Tied) / c.Logits;

    private CausalNetwork Network => new(m, c.Base.Sizes, Hidden, Logits);

    internal static readonly ModelFamily Family = CausalFamily.Of("granite", "model", ReadDense, (c, m) => new Granite(c, m).Network);
    internal static readonly ModelFamily Moe = CausalFamily.Of("granitemoe", "model", ReadMoe, (c, m) => new Granite(c, m).Network);
}
