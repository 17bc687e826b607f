using System.Collections.Immutable;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>AFMoE (Arcee AI, 2025): norms around both parts, a sigmoid gate on the context, positions on sliding layers only, experts by sigmoid scores with a bias for the choice only. Trinity-Mini, -Nano. Reference: models/afmoe/modeling_afmoe.py.</summary>
internal sealed class Afmoe(Afmoe.Config c, Module m)
{
    internal sealed record Config(Llama.Config Base, SparsePart Part, ImmutableArray<bool> Sparse, bool ScaledEmbeddings)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("output_router_logits", "load_balance_coeff", "attention_bias");            // training only; the projections have none
            var sizes = DecoderSizes.Read(json, vocab: 200192, hidden: 2048, layers: 32, heads: 16, positions: 16384, headSize: 128);
            var epsilon = json.Double("rms_norm_eps", 1e-5);
            var rotary = RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions);
            var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, Rotary: null) { HeadNorm = (m, x) => RmsNorm(m, x, epsilon), Gate = Gated };
            int every = json.Count("global_attn_every_n_layers", 4), window = json.Count("sliding_window", 1024);
            var slides = json.Sliding(sizes.Layers, i => (i + 1) % every != 0);
            var llama = Llama.Config.Of(json, sizes, i => slides[i] ? attention with { Rotary = rotary, How = attention.How with { Window = window } } : attention, width: 6144, epsilon: 1e-5);
            var width = json.Count("moe_intermediate_size", 1408);
            var part = new SparsePart(json.CountOf(64, "num_experts", "num_local_experts"), json.Count("num_experts_per_tok", 6), width, llama.Activation, ExpertScores.Sigmoid)
            {
                Router = "router.gate",
                Bias = "expert_bias",
                Normalized = true,
                Epsilon = 1e-20,
                Scale = json.Double("route_scale", 1),
                SharedWidth = width * json.Count("num_shared_experts", 2),
            };
            var dense = json.Count("num_dense_layers", 1, least: 0);
            return new(llama, part, [.. Enumerable.Range(0, sizes.Layers).Select(i => i >= dense)], json.Bool("mup_enabled", false));
        }
    }

    private static Value Gated(Module m, Value h, Value context) => context * Op.Sigmoid(Linear(m["gate_proj"], h, context.Shape[-1].Size!.Value, bias: false));

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        h += RmsNorm(m["post_attention_layernorm"], Attention(m["self_attn"], x, i, RmsNorm(m["input_layernorm"], h, c.Base.Epsilon), c.Base.Layers[i]), c.Base.Epsilon);
        var normed = RmsNorm(m["pre_mlp_layernorm"], h, c.Base.Epsilon);
        var part = c.Sparse[i] ? SparseFeedForward(m["mlp"], normed, c.Part) : GatedFeedForward(m["mlp"], normed, c.Base.Width, c.Base.Activation);
        return h + RmsNorm(m["post_mlp_layernorm"], part, c.Base.Epsilon);
    }

    private Value Hidden(CausalInputs x)                                                            // [B, S] -> [B, S, D]
    {
        var s = c.Base.Sizes;
        var h = TokenEmbedding(m["embed_tokens"], m.Root["lm_head"], x, s.VocabSize, s.HiddenSize, s.Tied);
        if (c.ScaledEmbeddings) h *= Math.Sqrt(s.HiddenSize);
        return RmsNorm(m["norm"], m["layers"].Fold(s.Layers, h, (layer, i, h) => Layer(layer, i, h, x)), c.Base.Epsilon);
    }

    private CausalNetwork Network => new(m, c.Base.Sizes, Hidden, h => OutputTable(m.Root["lm_head"], m["embed_tokens"], h, c.Base.Sizes.VocabSize, c.Base.Sizes.Tied));

    internal static readonly ModelFamily Family = CausalFamily.Of("afmoe", "model", Config.Read, (c, m) => new Afmoe(c, m).Network);
}
