using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>Laguna (Poolside, 2026): Qwen3's attention with a number of heads for each layer, a gate on what each head gives, two rotary schemes, and experts by sigmoid scores. laguna-XS.2. Reference: models/laguna/modeling_laguna.py.</summary>
internal static class Laguna
{
    private static MoeLlama.Config Read(ConfigReader json)
    {
        json.Ignore("output_router_logits", "router_aux_loss_coef");
        json.MustBe("moe_apply_router_weight_on_input", false, "weights on what experts give, as in the reference");
        var sizes = DecoderSizes.Read(json, vocab: 100352, hidden: 2048, layers: 40, heads: 48, positions: 131072, kvHeads: 8, headSize: 128);
        var (bias, epsilon) = (json.Bool("attention_bias", false), json.Double("rms_norm_eps", 1e-6));
        var (full, sliding) = RotaryConfig.ReadLayers(json, (sizes.HeadSize, 1), (sizes.HeadSize, 1), sizes.MaxPositions);
        var window = json.Count("sliding_window", 512);
        var slides = json.Sliding(sizes.Layers, _ => false);
        var heads = json.Ints("num_attention_heads_per_layer", [.. Enumerable.Repeat(sizes.Heads, sizes.Layers)]);
        if (heads.Length != sizes.Layers) json.Problem("num_attention_heads_per_layer", $"{heads.Length} entries", $"one for each of the {sizes.Layers} layers");
        foreach (var odd in heads.Where(h => h <= 0 || h % sizes.KvHeads != 0).Distinct()) json.Problem("num_attention_heads_per_layer", $"{odd}", $"multiples of the {sizes.KvHeads} key heads");
        var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, full) { Bias = bias, OutputBias = bias, HeadNorm = (m, x) => RmsNorm(m, x, epsilon), Gate = Gate(json, sizes.HeadSize) };
        SelfAttention Of(int i) => attention with { Heads = heads.ElementAtOrDefault(i), Rotary = slides[i] ? sliding : full, How = attention.How with { Window = slides[i] ? window : 0 } };
        var llama = Llama.Config.Of(json, sizes, Of, width: 8192);
        var part = new SparsePart(json.CountOf(256, "num_experts", "num_local_experts"), json.Count("num_experts_per_tok", 8), json.Count("moe_intermediate_size", 512), llama.Activation, ExpertScores.Sigmoid)
        {
            Bias = "experts.e_score_correction_bias",
            LogitCap = json.Double("moe_router_logit_softcapping", 0),
            Normalized = true,
            Scale = json.Double("moe_routed_scaling_factor", 1),
            SharedWidth = json.Count("shared_expert_intermediate_size", 512),
            Shared = "shared_expert",
        };
        return new(llama, part, json.SparseLayers(sizes.Layers, i => i > 0));
    }

    /// <summary>The softplus of one number for each head, or, where "gating" names another kind, for each component of it.</summary>
    private static Func<Module, Value, Value, Value> Gate(ConfigReader json, int headSize)
    {
        var byHead = json.Raw("gating") is not { ValueKind: System.Text.Json.JsonValueKind.String } kind || kind.GetString() == "per-head";
        if (json.Raw("gating") is { ValueKind: System.Text.Json.JsonValueKind.False }) json.Problem("gating", "false", "true, or the name of a kind");
        return (m, h, context) =>
        {
            var width = context.Shape[-1].Size!.Value;
            var gate = Op.Softplus(Linear(m["g_proj"], h, byHead ? width / headSize : width, bias: false));
            return byHead ? Op.Reshape(Op.Reshape(context, [0, 0, width / headSize, headSize]) * Op.Unsqueeze(gate, 3), [0, 0, width]) : context * gate;
        };
    }

    internal static readonly ModelFamily Family = MoeLlama.Of("laguna", Read);
}
