using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>DeepSeek-V3 (DeepSeek-AI, 2024): keys and values from one narrow latent vector a token, experts chosen within groups by sigmoid scores, one expert for all. DeepSeek-V3, R1, Kimi-K2, Moonlight.
/// Reference: models/deepseek_v3/modeling_deepseek_v3.py.</summary>
internal sealed class DeepseekV3(DeepseekV3.Config c, Module m)
{
    private const double LatentEpsilon = 1e-6;                                                      // of norms inside of latents, whatever rms_norm_eps says

    internal sealed record Config(DecoderSizes Sizes, LatentAttention Attention, double Epsilon, int Width, Activation Activation, int DenseLayers, int Experts, int Shared, int PerToken, int ExpertWidth, ExpertGroups Groups, bool Normalized, double RoutedScale)
    {
        internal static Config Read(ConfigReader json)
        {
            // Training and parallelism only; head_dim, qk_head_dim and num_key_value_heads follow from the others; extra layers for several tokens at once are not read.
            json.Ignore("output_router_logits", "router_aux_loss_coef", "pretraining_tp", "ep_size", "seq_aux", "aux_loss_alpha", "head_dim", "qk_head_dim", "num_key_value_heads", "num_nextn_predict_layers", "moe_layer_freq", "scoring_func", "topk_method");
            var sizes = DecoderSizes.Read(json, vocab: 129280, hidden: 7168, layers: 61, heads: 128, positions: 4096, kvHeads: 128);
            int nope = json.Count("qk_nope_head_dim", 128), rope = json.Count("qk_rope_head_dim", 64);
            var pairs = json.Bool("rope_interleave", true) ? RotaryPairs.InterleavedToHalves : RotaryPairs.Halves;
            var scale = Math.Pow(nope + rope, -0.5) * RotaryConfig.TemperatureScale(json);
            var rotary = RotaryConfig.Read(json, rope, sizes.MaxPositions) with { Pairs = pairs };
            var attention = new LatentAttention(sizes.Heads, nope, rope, json.Count("v_head_dim", 128), json.Count("kv_lora_rank", 512), json.Int("q_lora_rank", json.Element.TryGetProperty("q_lora_rank", out _) ? 0 : 1536), rotary, scale)
            { Bias = json.Bool("attention_bias", false), Epsilon = LatentEpsilon };
            return new(sizes, attention, json.Double("rms_norm_eps", 1e-6), json.Count("intermediate_size", 18432), json.Activation("hidden_act", "silu"), json.Count("first_k_dense_replace", 3, least: 0),
                json.CountOf(256, "n_routed_experts", "num_local_experts"), json.Count("n_shared_experts", 1), json.Count("num_experts_per_tok", 8), json.Count("moe_intermediate_size", 2048),
                new ExpertGroups(json.Count("n_group", 8), json.Count("topk_group", 4), BestTwo: true), json.Bool("norm_topk_prob", true), json.Double("routed_scaling_factor", 2.5));
        }
    }

    private Value Experts(Module m, Value h)                                                        // [B, S, D] -> [B, S, D]
    {
        var rows = TokenRows(h);
        var gate = m["gate"];
        var scores = Op.Sigmoid(Linear(gate, rows, c.Experts, bias: false, MatrixRole.Router));
        var routing = TopWithBias(scores, gate.Weight("e_score_correction_bias", c.Experts), c.PerToken, c.Groups);
        if (c.Normalized) routing = Normalized(routing);
        routing = routing with { Weights = routing.Weights * c.RoutedScale };
        return LikeTokens(GatedExperts(m["experts"], rows, routing, c.Experts, c.ExpertWidth, c.Activation) + GatedFeedForward(m["shared_experts"], rows, c.Shared * c.ExpertWidth, c.Activation), h);
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        h += AttendLatent(m["self_attn"], x, i, RmsNorm(m["input_layernorm"], h, c.Epsilon), c.Attention);
        var normed = RmsNorm(m["post_attention_layernorm"], h, c.Epsilon);
        return h + (i < c.DenseLayers ? GatedFeedForward(m["mlp"], normed, c.Width, c.Activation) : Experts(m["mlp"], normed));
    }

    private CausalNetwork Network => CausalNetwork.Of(m, c.Sizes, c.Epsilon, Layer) with { Cache = [.. Enumerable.Repeat(c.Attention.Cache, c.Sizes.Layers)] };

    internal static readonly ModelFamily Family = CausalFamily.Of("deepseek_v3", "model", Config.Read, (c, m) => new DeepseekV3(c, m).Network,
        new SkippedTensors("layers.61", "the layer that predicts several tokens at once, which the reference does not read"));
}
