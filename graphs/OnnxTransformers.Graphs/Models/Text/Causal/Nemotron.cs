using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>Nemotron (Parmar et al., 2024): layer norms of 1 + weight, a squared rectifier without a gate, rotary positions on half of each head. Minitron-4B, -8B, nemotron-3-8b, Nemotron-4-340B. Reference: models/nemotron/modeling_nemotron.py.</summary>
internal sealed class Nemotron(Nemotron.Config c, Module m)
{
    internal sealed record Config(DecoderSizes Sizes, SelfAttention Attention, int Width, Activation Activation, float Epsilon, bool FeedForwardBias)
    {
        internal static Config Read(ConfigReader json)
        {
            var sizes = DecoderSizes.Read(json, vocab: 256000, hidden: 6144, layers: 32, heads: 48, positions: 4096);
            var bias = json.Bool("attention_bias", false);
            var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions, partial: 0.5)) { Bias = bias, OutputBias = bias };
            return new(sizes, attention, json.Count("intermediate_size", 24576), json.Activation("hidden_act", "relu2"), json.Float("norm_eps", 1e-5f), json.Bool("mlp_bias", false));
        }
    }

    private Value Norm(Module m, Value h)                                                           // [..., D] -> [..., D]
    {
        using var scope = m.Enter();
        return m.Result(Op.LayerNormalization(h, (Value)m.Weight("weight", c.Sizes.HiddenSize) + 1, m.Weight("bias", c.Sizes.HiddenSize), c.Epsilon));
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        h += Attention(m["self_attn"], x, i, Norm(m["input_layernorm"], h), c.Attention);
        return h + PlainFeedForward(m["mlp"], Norm(m["post_attention_layernorm"], h), c.Width, c.Activation, c.FeedForwardBias);
    }

    private Value Hidden(CausalInputs x)                                                            // [B, S] -> [B, S, D]
    {
        var h = TokenEmbedding(m["embed_tokens"], m.Root["lm_head"], x, c.Sizes.VocabSize, c.Sizes.HiddenSize, c.Sizes.Tied);
        return Norm(m["norm"], m["layers"].Fold(c.Sizes.Layers, h, (layer, i, h) => Layer(layer, i, h, x)));
    }

    private Value Logits(Value h) => OutputTable(m.Root["lm_head"], m["embed_tokens"], h, c.Sizes.VocabSize, c.Sizes.Tied);

    private CausalNetwork Network => new(m, c.Sizes, Hidden, Logits);

    internal static readonly ModelFamily Family = CausalFamily.Of("nemotron", "model", Config.Read, (c, m) => new Nemotron(c, m).Network);
}
