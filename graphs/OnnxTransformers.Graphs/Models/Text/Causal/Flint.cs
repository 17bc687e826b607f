using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>Flint: Qwen3's network with sinks beside the keys, windows of keys with positions, full layers without, and experts by sigmoid scores. Reference: models/flint/modeling_flint.py.</summary>
internal static class Flint
{
    private static MoeLlama.Config Read(ConfigReader json)
    {
        json.Ignore("output_router_logits", "router_aux_loss_coef");
        // Sizes have no defaults here: a configuration that the reference saves has them all.
        json.MustHave("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim", "max_position_embeddings", "rms_norm_eps", "intermediate_size", "moe_intermediate_size", "num_experts",
            "num_experts_per_tok", "norm_topk_prob", "shared_expert_intermediate_size", "sliding_window", "layer_types", "rope_parameters");
        var sizes = DecoderSizes.Read(json, vocab: 1, hidden: 1, layers: 1, heads: 1, positions: 1, headSize: 1);
        var (bias, epsilon) = (json.Bool("attention_bias", false), json.Double("rms_norm_eps", 1e-6));
        var rotary = RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions);
        var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, Rotary: null) { Bias = bias, OutputBias = bias, HeadNorm = (m, x) => RmsNorm(m, x, epsilon), Sinks = "softmax_offset" };
        var window = json.Count("sliding_window", 1);
        var slides = json.Sliding(sizes.Layers, _ => false);
        var llama = Llama.Config.Of(json, sizes, i => slides[i] ? attention with { Rotary = rotary, How = attention.How with { Window = window } } : attention, width: 1);
        var part = new SparsePart(json.Count("num_experts", 1), json.Count("num_experts_per_tok", 1), json.Count("moe_intermediate_size", 1), llama.Activation, ExpertScores.Sigmoid)
        { Normalized = json.Bool("norm_topk_prob", true), SharedWidth = json.Count("shared_expert_intermediate_size", 1, least: 0), Shared = "shared_expert" };
        return new(llama, part, MoeLlama.Steps(json, sizes.Layers));
    }

    internal static readonly ModelFamily Family = MoeLlama.Of("flint", Read);
}
