using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>Apertus (Swiss AI, 2025): LLaMA's network with norms of queries and keys, and a feed-forward part without a gate whose activation has learned slopes (xIELU). Apertus-8B, -70B. Reference: models/apertus/modeling_apertus.py.</summary>
internal sealed class Apertus(Llama.Config c, Module m)
{
    private static Llama.Config Read(ConfigReader json)
    {
        json.Ignore("post_norm", "qk_norm", "mlp_bias");                                            // never read
        var sizes = DecoderSizes.Read(json, vocab: 131072, hidden: 4096, layers: 32, heads: 32, positions: 65536, padding: 3);
        var (bias, epsilon) = (json.Bool("attention_bias", false), json.Double("rms_norm_eps", 1e-5));
        var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions, theta: 12e6)) { Bias = bias, OutputBias = bias, HeadNorm = (m, x) => RmsNorm(m, x, epsilon) };
        return Llama.Config.Of(json, sizes, _ => attention, width: 14336, epsilon: 1e-5, activation: "xielu");
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        h += Attention(m["self_attn"], x, i, RmsNorm(m["attention_layernorm"], h, c.Epsilon), c.Layers[i]);
        return h + PlainFeedForward(m["mlp"], RmsNorm(m["feedforward_layernorm"], h, c.Epsilon), c.Width, c.Activation);
    }

    private CausalNetwork Network => CausalNetwork.Of(m, c.Sizes, c.Epsilon, Layer);

    internal static readonly ModelFamily Family = CausalFamily.Of("apertus", "model", Read, (c, m) => new Apertus(c, m).Network);
}
