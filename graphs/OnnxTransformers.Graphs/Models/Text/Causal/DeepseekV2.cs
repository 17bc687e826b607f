using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>DeepSeek-V2 (DeepSeek-AI, 2024): keys and values from one narrow latent vector a token, experts by a softmax, also within groups, one or more experts for all. DeepSeek-V2, V2-Lite, Coder-V2. Reference: models/deepseek_v2/modeling_deepseek_v2.py.</summary>
internal sealed class DeepseekV2(DeepseekV2.Config c, Module m)
{
    internal sealed record Config(DecoderSizes Sizes, LatentAttention Attention, double Epsilon, int Width, Activation Activation, bool FeedForwardBias, int DenseLayers, int Experts, int Shared, int PerToken, int ExpertWidth, ExpertGroups? Groups, double RoutedScale)
    {
        internal static Config Read(ConfigReader json)
        {
            // Training only; what follows from others; and norm_topk_prob, which is never read.
            json.Ignore("output_router_logits", "router_aux_loss_coef", "pretraining_tp", "ep_size", "seq_aux", "aux_loss_alpha", "head_dim", "num_key_value_heads", "norm_topk_prob", "moe_layer_freq", "scoring_func");
            var sizes = DecoderSizes.Read(json, vocab: 32000, hidden: 4096, layers: 32, heads: 32, positions: 2048, kvHeads: 32);
            int nope = json.Count("qk_nope_head_dim", 128), rope = json.Count("qk_rope_head_dim", 64);
            var rotary = RotaryConfig.Read(json, rope, sizes.MaxPositions) with { Pairs = RotaryPairs.Interleaved };
            var attention = new LatentAttention(sizes.Heads, nope, rope, json.Count("v_head_dim", 128), json.Count("kv_lora_rank", 512), json.Int("q_lora_rank", json.Element.TryGetProperty("q_lora_rank", out _) ? 0 : 1536), rotary, Math.Pow(nope + rope, -0.5))
            { Bias = json.Bool("attention_bias", false) };
            var grouped = json.OneOf("topk_method", false, ("greedy", false), ("group_limited_greedy", true));
            int groups = json.Int("n_group", 1), chosen = json.Int("topk_group", 1);
            return new(sizes, attention, json.Double("rms_norm_eps", 1e-6), json.Count("intermediate_size", 11008), json.Activation("hidden_act", "silu"), json.Bool("mlp_bias", false), json.Count("first_k_dense_replace", 0, least: 0),
                json.CountOf(64, "n_routed_experts", "num_local_experts"), json.Count("n_shared_experts", 2), json.Count("num_experts_per_tok", 1), json.Count("moe_intermediate_size", 1407),
                grouped ? new ExpertGroups(groups, chosen, BestTwo: false) : null, json.Double("routed_scaling_factor", 1));
        }
    }

    private Value Experts(Module m, Value h)                                                        // [B, S, D] -> [B, S, D]
    {
        var rows = TokenRows(h);
        var routing = TopWithBias(Op.Softmax(Linear(m["gate"], rows, c.Experts, bias: false, MatrixRole.Router), -1), null, c.PerToken, c.Groups);
        routing = routing with { Weights = routing.Weights * c.RoutedScale };
        var shared = GatedFeedForward(m["shared_experts"], rows, c.Shared * c.ExpertWidth, c.Activation, c.FeedForwardBias);
        return LikeTokens(GatedExperts(m["experts"], rows, routing, c.Experts, c.ExpertWidth, c.Activation) + shared, h);
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        h += AttendLatent(m["self_attn"], x, i, RmsNorm(m["input_layernorm"], h, c.Epsilon), c.Attention);
        var normed = RmsNorm(m["post_attention_layernorm"], h, c.Epsilon);
        return h + (i < c.DenseLayers ? GatedFeedForward(m["mlp"], normed, c.Width, c.Activation, c.FeedForwardBias) : Experts(m["mlp"], normed));
    }

    private CausalNetwork Network => CausalNetwork.Of(m, c.Sizes, c.Epsilon, Layer) with { Cache = [.. Enumerable.Repeat(c.Attention.Cache, c.Sizes.Layers)] };

    internal static readonly ModelFamily Family = CausalFamily.Of("deepseek_v2", "model", Config.Read, (c, m) => new DeepseekV2(c, m).Network);
}
