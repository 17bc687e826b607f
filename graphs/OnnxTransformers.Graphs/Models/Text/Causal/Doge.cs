using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>Doge (Shi et al., 2024): what is kept of a token says how much it counts for those that come later, and of a long text only the tokens that count most are seen; residuals have weights. SmallDoge/Doge-*.
/// Reference: models/doge/modeling_doge.py.</summary>
internal sealed class Doge(Doge.Config c, Module m)
{
    internal sealed record Config(DecoderSizes Sizes, Rotary? Rotary, double Epsilon, int Width, Activation Activation, bool AttentionBias, bool FeedForwardBias, int Window, int Kept)
    {
        internal static Config Read(ConfigReader json)
        {
            json.MustBe("is_moe", false, "the plain feed-forward; the reference's own experts fail");
            json.Ignore("hidden_dropout", "num_experts", "num_experts_per_tok", "norm_topk_prob", "output_router_logits", "router_aux_loss_coef");     // training, and experts
            var sizes = DecoderSizes.Read(json, vocab: 32768, hidden: 1024, layers: 32, heads: 8, positions: 2048);
            return new(sizes, RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions), json.Double("rms_norm_eps", 1e-6), json.Count("intermediate_size", 2048), json.Activation("hidden_act", "silu"),
                json.Bool("attention_bias", false), json.Bool("mlp_bias", false), json.Int("sliding_window", 0), json.Count("keep_window_size", 2048));
        }
    }

    private Value Heads(Module m, string name, Value h, int heads) => SplitHeads(Linear(m[name], h, (long)heads * c.Sizes.HeadSize, c.AttentionBias), heads);

    private Value Attend(Module m, int i, Value h, CausalInputs x)                                  // [B, S, D] -> [B, S, D]
    {
        var (s, group) = (c.Sizes, c.Sizes.Heads / c.Sizes.KvHeads);
        var q = Rotate(RmsNorm(m["q_norm"], Heads(m, "q_proj", h, s.Heads), c.Epsilon), c.Rotary, x);
        var (k, v) = Remember(m, x, i, Rotate(RmsNorm(m["k_norm"], Heads(m, "k_proj", h, s.KvHeads), c.Epsilon), c.Rotary, x), Heads(m, "v_proj", h, s.KvHeads));
        var each = m.Graph.Constant([.. Enumerable.Range(0, s.Heads).Select(head => (long)(head / group))]);
        var how = new CausalAttention(s.Scale) { Window = c.Window, Bias = Op.Gather(Importance(m, v, x), each, 1) };
        return Linear(m["o_proj"], AttendTo(m, x, q, RepeatHeads(k, group), RepeatHeads(v, group), how), s.HiddenSize, c.AttentionBias);
    }

    /// <summary>exp(A softplus(values W)), which is added to the scores of a key. In texts longer than a query may see keys, the others are hidden. [B, K, T, d] -> [B, K, 1 or S, T].</summary>
    private Value Importance(Module m, Value v, CausalInputs x)
    {
        var (g, kvHeads) = (v.Graph, c.Sizes.KvHeads);
        using var scope = m.Enter();
        var steps = Op.Softplus(Linear(m["dt_proj"], MergeHeads(v), kvHeads, c.AttentionBias));     // [B, T, K]
        Value weights = m.Weight("A", kvHeads);
        var counts = Op.Unsqueeze(Op.Transpose(Op.Exp(steps * weights), [0, 2, 1]), 2);             // [B, K, 1, T]
        return g.If(Op.Squeeze(Op.Greater(x.Total, g.Scalar(c.Kept, ElementType.Int64)), 0), () =>
        {
            var seen = counts + x.AdditiveMask(c.Window);                                           // [B, K, S, T]
            var least = Op.Slice(Op.TopK(seen, c.Kept, 3).Values, 3, c.Kept - 1, c.Kept);
            return new[] { Op.Where(Op.GreaterOrEqual(seen, least), counts, g.Scalar(Scalars.Lowest(counts.Type) / 2, counts.Type)) };
        }, () => new[] { counts + 0 })[0];
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        Value Residual(string name) => m.Weight(name, c.Sizes.HiddenSize);
        h = h * Residual("input_residual") + Attend(m["self_attn"], i, RmsNorm(m["input_layernorm"], h, c.Epsilon), x);
        return h * Residual("post_attention_residual") + GatedFeedForward(m["mlp"], RmsNorm(m["post_attention_layernorm"], h, c.Epsilon), c.Width, c.Activation, c.FeedForwardBias);
    }

    private CausalNetwork Network => CausalNetwork.Of(m, c.Sizes, c.Epsilon, Layer);

    internal static readonly ModelFamily Family = CausalFamily.Of("doge", "model", Config.Read, (c, m) => new Doge(c, m).Network);
}
