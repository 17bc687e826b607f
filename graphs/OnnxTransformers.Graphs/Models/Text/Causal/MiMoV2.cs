using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>MiMo-V2-Flash (Xiaomi, 2026): sliding layers have twice the key heads and a sink for each query head; values are narrower than keys and scaled; positions on a third of each head; experts by sigmoid scores. MiMo-V2-Flash.
/// Reference: models/mimo_v2_flash/modeling_mimo_v2_flash.py.</summary>
internal static class MiMoV2
{
    private const double Turned = 0.334;

    private static MoeLlama.Config Read(ConfigReader json)
    {
        json.Ignore("output_router_logits", "router_aux_loss_coef");
        var sizes = DecoderSizes.Read(json, vocab: 152576, hidden: 4096, layers: 48, heads: 64, positions: 131072, kvHeads: 4, headSize: 192);
        var (full, sliding) = RotaryConfig.ReadLayers(json, (sizes.HeadSize, Turned), (sizes.HeadSize, Turned), sizes.MaxPositions);
        var window = json.Count("sliding_window", 128);
        var slides = json.Sliding(sizes.Layers, i => i > 0 && (i + 1) % 6 != 0);
        var scale = json.Double("attention_value_scale", json.Element.TryGetProperty("attention_value_scale", out _) ? 1 : 0.707);
        var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, full) { Bias = json.Bool("attention_bias", false), ValueSize = json.Count("v_head_dim", 128), ValueScale = scale };
        var slide = attention with { KvHeads = 2 * sizes.KvHeads, Rotary = sliding, How = attention.How with { Window = window }, Sinks = "attention_sink_bias" };
        var llama = Llama.Config.Of(json, sizes, i => slides[i] ? slide : attention, width: 16384, epsilon: 1e-5);
        var part = new SparsePart(json.CountOf(256, "n_routed_experts", "num_local_experts"), json.Count("num_experts_per_tok", 8), json.Count("moe_intermediate_size", 2048), llama.Activation, ExpertScores.Sigmoid)
        { Bias = "gate.e_score_correction_bias", Groups = json.BestGroups(), Normalized = json.Bool("norm_topk_prob", true), Epsilon = 1e-20, Scale = json.Double("routed_scaling_factor", 1) };
        return new(llama, part, json.SparseLayers(sizes.Layers, i => i > 0));
    }

    internal static readonly ModelFamily Family = MoeLlama.Of("mimo_v2_flash", Read, new SkippedTensors("mtp", "layers that predict several tokens at once, which the reference does not read"));
}
