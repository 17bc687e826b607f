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

    private Value Hidden(CausalInputs x)                                                            // [B, S] -> [B, S, D]
    {
        var h = TokenEmbedding(m["embed_tokens"], m.Root["lm_head"], x, c.Sizes.VocabSize, c.Sizes.HiddenSize, c.Sizes.Tied);
        return RmsNorm(m["norm"], m["layers"].Fold(c.Sizes.Layers, h, (layer, i, h) => Layer(layer, i, h, x)), c.Epsilon);
    }

    private Value Logits(Value h) => OutputTable(m.Root["lm_head"], m["embed_tokens"], h, c.Sizes.VocabSize, c.Sizes.Tied);

    private CausalNetwork Network => new(m, c.Sizes, Hidden, Logits);

    internal static readonly ModelFamily Family = CausalFamily.Of("apertus", "model", Read, (c, m) => new Apertus(c, m).Network);
}
