using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>OLMo (Groeneveld et al., 2024): LLaMA's parts behind layer norms without weights; projections may be clipped. OLMo-1B-hf, OLMo-7B-hf. Reference: models/olmo/modeling_olmo.py.</summary>
internal sealed class Olmo(Llama.Config c, Module m)
{
    private const float Epsilon = 1e-5f;

    private static Llama.Config Read(ConfigReader json)
    {
        var sizes = DecoderSizes.Read(json, vocab: 50304, hidden: 4096, layers: 32, heads: 32, positions: 2048, padding: 1);
        var bias = json.Bool("attention_bias", false);
        var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions)) { Bias = bias, OutputBias = bias, Clip = json.Double("clip_qkv", 0) };
        return Llama.Config.Of(json, sizes, _ => attention, width: 11008);
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        h += Attention(m["self_attn"], x, i, PlainNorm(m["input_layernorm"], h, Epsilon), c.Layers[i]);
        return h + GatedFeedForward(m["mlp"], PlainNorm(m["post_attention_layernorm"], h, Epsilon), c.Width, c.Activation);
    }

    private Value Hidden(CausalInputs x)                                                            // [B, S] -> [B, S, D]
    {
        var h = TokenEmbedding(m["embed_tokens"], m.Root["lm_head"], x, c.Sizes.VocabSize, c.Sizes.HiddenSize, c.Sizes.Tied);
        return PlainNorm(m["norm"], m["layers"].Fold(c.Sizes.Layers, h, (layer, i, h) => Layer(layer, i, h, x)), Epsilon);
    }

    private Value Logits(Value h) => OutputTable(m.Root["lm_head"], m["embed_tokens"], h, c.Sizes.VocabSize, c.Sizes.Tied);

    private CausalNetwork Network => new(m, c.Sizes, Hidden, Logits);

    internal static readonly ModelFamily Family = CausalFamily.Of("olmo", "model", Read, (c, m) => new Olmo(c, m).Network);
}
