using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>BitNet b1.58 (Ma et al., 2025): LLaMA's network with one more norm before each last projection and a squared rectifier; the unpacked weights only. bitnet-b1.58-2B-4T-bf16. Reference: models/bitnet/modeling_bitnet.py.</summary>
internal sealed class BitNet(Llama.Config c, Module m)
{
    private static Llama.Config Read(ConfigReader json)
    {
        var sizes = DecoderSizes.Read(json, vocab: 128256, hidden: 2560, layers: 30, heads: 20, positions: 2048, kvHeads: 5);
        var (bias, epsilon) = (json.Bool("attention_bias", false), json.Double("rms_norm_eps", 1e-5));
        var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions, theta: 500000))
        { Bias = bias, OutputBias = bias, ContextNorm = (m, x) => RmsNorm(m["attn_sub_norm"], x, epsilon) };
        return Llama.Config.Of(json, sizes, _ => attention, width: 6912, epsilon: 1e-5, activation: "relu2");
    }

    private Value FeedForward(Module m, Value h)                                                    // [B, S, D] -> [B, S, D]
    {
        var wide = Activate(m, c.Activation, Linear(m["gate_proj"], h, c.Width, bias: false)) * Linear(m["up_proj"], h, c.Width, bias: false);
        return Linear(m["down_proj"], RmsNorm(m["ffn_sub_norm"], wide, c.Epsilon), c.Sizes.HiddenSize, bias: false);
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        h += Attention(m["self_attn"], x, i, RmsNorm(m["input_layernorm"], h, c.Epsilon), c.Layers[i]);
        return h + FeedForward(m["mlp"], RmsNorm(m["post_attention_layernorm"], h, c.Epsilon));
    }

    private CausalNetwork Network => CausalNetwork.Of(m, c.Sizes, c.Epsilon, Layer);

    internal static readonly ModelFamily Family = CausalFamily.Of("bitnet", "model", Read, (c, m) => new BitNet(c, m).Network);
}
