using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>Hy3 (Tencent, 2026): Qwen3's attention, experts by sigmoid scores with a bias for the choice only, one expert for all. Hy3-preview. Reference: models/hy_v3/modeling_hy_v3.py.</summary>
internal static class HyV3
{
    private static MoeLlama.Config Read(ConfigReader json)
    {
        json.Ignore("output_router_logits", "router_aux_loss_coef", "enable_moe_fp32_combine", "first_k_dense_replace", "num_nextn_predict_layers");   // the sum's type follows the graph's; mlp_layer_types counts
        var sizes = DecoderSizes.Read(json, vocab: 120832, hidden: 4096, layers: 80, heads: 64, positions: 131072, kvHeads: 8, headSize: 128);
        var (bias, epsilon) = (json.Bool("attention_bias", false), json.Double("rms_norm_eps", 1e-5));
        var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions, theta: 11158840))
        { Bias = bias, OutputBias = bias, HeadNorm = (m, x) => RmsNorm(m, x, epsilon) };
        var feedForwardBias = json.Bool("mlp_bias", false);
        var llama = Llama.Config.Of(json, sizes, _ => attention, width: 13312, epsilon: 1e-5) with { FeedForwardBias = feedForwardBias };
        var width = json.Count("moe_intermediate_size", 1536);
        var part = new SparsePart(json.CountOf(192, "num_experts", "num_local_experts"), json.Count("num_experts_per_tok", 8), width, llama.Activation, ExpertScores.Sigmoid)
        {
            Router = "router.gate",
            Bias = "expert_bias",
            Normalized = true,
            Epsilon = 1e-20,
            Scale = json.Double("router_scaling_factor", 2.826),
            SharedWidth = width * json.Count("num_shared_experts", 1),
            Shared = "shared_mlp",
            SharedBias = feedForwardBias,
        };
        return new(llama, part, json.SparseLayers(sizes.Layers, i => i > 0));
    }

    internal static readonly ModelFamily Family = MoeLlama.Of("hy_v3", Read, new SkippedTensors("layers.80", "the layer that predicts several tokens at once, which the reference does not read"));
}
