using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>K-EXAONE (LG AI Research, 2026): LLaMA's network with EXAONE 4's attention and DeepSeek-V3's experts. K-EXAONE-236B-A23B. Reference: models/exaone_moe/modeling_exaone_moe.py.</summary>
internal static class ExaoneMoe
{
    private static MoeLlama.Config Read(ConfigReader json)
    {
        json.Ignore("output_router_logits", "router_aux_loss_coef");
        var sizes = DecoderSizes.Read(json, vocab: 102400, hidden: 4096, layers: 32, heads: 32, positions: 2048, kvHeads: 32, padding: 0);
        var layers = Olmo2.ExaoneAttention(json, sizes);
        var llama = Llama.Config.Of(json, sizes, i => layers[i], width: 16384, epsilon: 1e-5);
        var width = json.Count("moe_intermediate_size", 1024);
        var part = new SparsePart(json.CountOf(64, "num_experts", "num_local_experts"), json.Count("num_experts_per_tok", 8), width, llama.Activation, ExpertScores.Sigmoid)
        {
            Bias = "e_score_correction_bias",
            Groups = json.BestGroups(),
            Normalized = json.Bool("norm_topk_prob", true),
            Epsilon = 1e-20,
            Scale = json.Double("routed_scaling_factor", 2.5),
            SharedWidth = width * json.Count("num_shared_experts", 1),
        };
        var dense = json.Count("first_k_dense_replace", 1, least: 0);
        return new(llama, part, json.SparseLayers(sizes.Layers, i => i >= dense));
    }

    internal static readonly ModelFamily Family = MoeLlama.Of("exaone_moe", Read, new SkippedTensors("mtp", "layers that predict several tokens at once, which the reference does not read"));
}
