using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>Phi-3 (Abdin et al., 2024): LLaMA's network with q, k, v in one matrix and gate and up in another, and rotary factors for long texts. Phi-3-mini, -medium, Phi-3.5-mini, Phi-4, Phi-4-mini. Reference: models/phi3/modeling_phi3.py.</summary>
internal sealed class Phi3(Phi3.Config c, Module m)
{
    internal sealed record Config(DecoderSizes Sizes, Rotary Rotary, int Window, double Epsilon, int Width, Activation Activation)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("original_max_position_embeddings", "attention_bias", "mlp_bias");          // read with longrope only; no projection has a bias
            var sizes = DecoderSizes.Read(json, vocab: 32064, hidden: 3072, layers: 32, heads: 32, positions: 4096, padding: 32000);
            var rotary = RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions, aliases: [("su", "longrope"), ("yarn", "longrope")]);
            return new(sizes, rotary, json.Int("sliding_window", 0), json.Double("rms_norm_eps", 1e-5), json.Count("intermediate_size", 8192), json.Activation("hidden_act", "silu"));
        }
    }

    private Value Attention(Module m, int i, Value h, CausalInputs x)                               // [B, S, D] -> [B, S, D]
    {
        var s = c.Sizes;
        long width = (long)s.Heads * s.HeadSize, kvWidth = (long)s.KvHeads * s.HeadSize;
        var qkv = Split(Linear(m["qkv_proj"], h, width + 2 * kvWidth, bias: false), width, kvWidth, kvWidth);
        Value q = Rotate(SplitHeads(qkv[0], s.Heads), c.Rotary, x), k = Rotate(SplitHeads(qkv[1], s.KvHeads), c.Rotary, x), v = SplitHeads(qkv[2], s.KvHeads);
        return Linear(m["o_proj"], AttendCausal(m, x, i, q, k, v, new(s.Scale) { Window = c.Window }), s.HiddenSize, bias: false);
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        (h, var normed) = AddRmsNorm(m["post_attention_layernorm"], h, Attention(m["self_attn"], i, RmsNorm(m["input_layernorm"], h, c.Epsilon), x), c.Epsilon);
        return h + FusedFeedForward(m["mlp"], normed, c.Width, c.Activation);
    }

    private CausalNetwork Network()
    {
        // Keys that were turned by the short factors don't serve texts that have the long ones.
        if (c.Rotary is Rotary.LongRope rope) m.Graph.SwitchesAt = rope.Original;
        return CausalNetwork.Of(m, c.Sizes, c.Epsilon, Layer);
    }

    internal static readonly ModelFamily Family = CausalFamily.Of("phi3", "model", Config.Read, (c, m) => new Phi3(c, m).Network());
}
