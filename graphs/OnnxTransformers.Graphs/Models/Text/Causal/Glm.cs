using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>GLM-4 (Zhipu AI, 2024): LLaMA's network with biases on q, k and v, gate and up in one matrix, and interleaved rotary positions on half of each head. glm-4-9b-hf, glm-edge. Reference: models/glm/modeling_glm.py.</summary>
internal sealed class Glm(Llama.Config c, Module m)
{
    private static Llama.Config Read(ConfigReader json)
    {
        var sizes = DecoderSizes.Read(json, vocab: 151552, hidden: 4096, layers: 40, heads: 32, positions: 131072, kvHeads: 2, headSize: 128, padding: 151329);
        var rotary = RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions, partial: 0.5) with { Pairs = RotaryPairs.Interleaved };
        var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, rotary) { Bias = json.Bool("attention_bias", true) };
        return Llama.Config.Of(json, sizes, _ => attention, width: 13696, epsilon: 0.00000015625);
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        h += Attention(m["self_attn"], x, i, RmsNorm(m["input_layernorm"], h, c.Epsilon), c.Layers[i]);
        return h + FusedFeedForward(m["mlp"], RmsNorm(m["post_attention_layernorm"], h, c.Epsilon), c.Width, c.Activation);
    }

    private CausalNetwork Network => CausalNetwork.Of(m, c.Sizes, c.Epsilon, Layer);

    internal static readonly ModelFamily Family = CausalFamily.Of("glm", "model", Read, (c, m) => new Glm(c, m).Network);
}
