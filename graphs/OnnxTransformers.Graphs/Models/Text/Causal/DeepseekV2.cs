using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>DeepSeek-V2 (DeepSeek-AI, 2024): keys and values from one narrow latent vector a token, experts by a softmax, also within groups, one or more experts for all. DeepSeek-V2, V2-Lite, Coder-V2. Reference: models/deepseek_v2/modeling_deepseek_v2.py.</summary>
internal sealed class DeepseekV2(DeepseekV2.Config c, Module m)
{
    internal sealed record Config(DecoderSizes Sizes, LatentAttention Attention, double Epsilon, int Width, bool FeedForwardBias, int DenseLayers, SparsePart Part)
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
            int experts = json.CountOf(64, "n_routed_experts", "num_local_experts"), shared = json.Count("n_shared_experts", 2), perToken = json.Count("num_experts_per_tok", 1), width = json.Count("moe_intermediate_size", 1407);
            var bias = json.Bool("mlp_bias", false);
            var part = new SparsePart(experts, perToken, width, json.Activation("hidden_act", "silu"), ExpertScores.Softmax)
            { Groups = grouped ? new ExpertGroups(groups, chosen, BestTwo: false, Outside: 0) : null, Scale = json.Double("routed_scaling_factor", 1), SharedWidth = shared * width, SharedBias = bias };
            return new(sizes, attention, json.Double("rms_norm_eps", 1e-6), json.Count("intermediate_size", 11008), bias, json.Count("first_k_dense_replace", 0, least: 0), part);
        }
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        h += AttendLatent(m["self_attn"], x, i, RmsNorm(m["input_layernorm"], h, c.Epsilon), c.Attention);
        var normed = RmsNorm(m["post_attention_layernorm"], h, c.Epsilon);
        return h + (i < c.DenseLayers ? GatedFeedForward(m["mlp"], normed, c.Width, c.Part.Activation, c.FeedForwardBias) : SparseFeedForward(m["mlp"], normed, c.Part));
    }

    private CausalNetwork Network => CausalNetwork.Of(m, c.Sizes, c.Epsilon, Layer) with { Cache = [.. Enumerable.Repeat(c.Attention.Cache, c.Sizes.Layers)] };

    internal static readonly ModelFamily Family = CausalFamily.Of("deepseek_v2", "model", Config.Read, (c, m) => new DeepseekV2(c, m).Network);
}
