using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>MiniMax-M2 (MiniMax, 2025): norms over whole queries and keys, positions on half of each head, experts by sigmoid scores with a bias for the choice only. MiniMax-M2. Reference: models/minimax_m2/modeling_minimax_m2.py.</summary>
internal static class MiniMaxM2
{
    private static MoeLlama.Config Read(ConfigReader json)
    {
        json.Ignore("output_router_logits", "router_aux_loss_coef", "router_jitter_noise");         // training only
        var sizes = DecoderSizes.Read(json, vocab: 200064, hidden: 3072, layers: 62, heads: 48, positions: 196608, kvHeads: 8, headSize: 128);
        var epsilon = json.Double("rms_norm_eps", 1e-6);
        var share = (double)json.Count("rotary_dim", sizes.HeadSize) / sizes.HeadSize;
        var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions, theta: 5e6, partial: share)) { WholeNorm = (m, x) => RmsNorm(m, x, epsilon) };
        var llama = Llama.Config.Of(json, sizes, _ => attention, width: 1536);
        var part = new SparsePart(json.CountOf(256, "num_local_experts", "num_experts"), json.Count("num_experts_per_tok", 8), llama.Width, llama.Activation, ExpertScores.Sigmoid)
        { Bias = "e_score_correction_bias", Normalized = true, Names = ("w1", "w3", "w2") };
        return new(llama, part, MoeLlama.Everywhere(sizes.Layers), "block_sparse_moe");
    }

    internal static readonly ModelFamily Family = MoeLlama.Of("minimax_m2", Read);
}
