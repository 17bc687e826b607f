using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>Phi (Li et al., 2023): rotary positions on a part of each head, one norm for attention and feed-forward beside each other, biases everywhere. phi-1, phi-1_5, phi-2. Reference: models/phi/modeling_phi.py.</summary>
internal sealed class Phi(Phi.Config c, Module m)
{
    internal sealed record Config(DecoderSizes Sizes, SelfAttention Attention, int Width, Activation Activation, float Epsilon)
    {
        internal static Config Read(ConfigReader json)
        {
            var sizes = DecoderSizes.Read(json, vocab: 51200, hidden: 2048, layers: 24, heads: 32, positions: 2048);
            var (epsilon, normed) = (json.Float("layer_norm_eps", 1e-5f), json.Bool("qk_layernorm", false));
            var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions, partial: 0.5)) { Bias = true, OutputBias = true, Output = "dense" };
            if (normed) attention = attention with { HeadNorm = (m, x) => LayerNorm(m, x, epsilon), Norms = ("q_layernorm", "k_layernorm") };
            return new(sizes, attention, json.Count("intermediate_size", 8192), json.Activation("hidden_act", "gelu_new"), epsilon);
        }
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        var normed = LayerNorm(m["input_layernorm"], h, c.Epsilon);
        var wide = Linear(m["mlp.fc1"], normed, c.Width, c.Activation);
        return Attention(m["self_attn"], x, i, normed, c.Attention) + Linear(m["mlp.fc2"], wide, c.Sizes.HiddenSize) + h;
    }

    private Value Hidden(CausalInputs x)                                                            // [B, S] -> [B, S, D]
    {
        var h = TokenEmbedding(m["embed_tokens"], m.Root["lm_head"], x, c.Sizes.VocabSize, c.Sizes.HiddenSize, c.Sizes.Tied);
        return LayerNorm(m["final_layernorm"], m["layers"].Fold(c.Sizes.Layers, h, (layer, i, h) => Layer(layer, i, h, x)), c.Epsilon);
    }

    private Value Logits(Value h) => OutputTable(m.Root["lm_head"], m["embed_tokens"], h, c.Sizes.VocabSize, c.Sizes.Tied, bias: true);

    private CausalNetwork Network => new(m, c.Sizes, Hidden, Logits);

    internal static readonly ModelFamily Family = CausalFamily.Of("phi", "model", Config.Read, (c, m) => new Phi(c, m).Network);
}
