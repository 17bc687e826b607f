using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>Persimmon (Adept, 2023): q, k and v in one matrix by head, norms of queries and keys, rotary positions on half of each head, a squared rectifier. persimmon-8b. Reference: models/persimmon/modeling_persimmon.py.</summary>
internal sealed class Persimmon(Persimmon.Config c, Module m)
{
    internal sealed record Config(DecoderSizes Sizes, Rotary Rotary, int Width, Activation Activation, float Epsilon, bool Normed)
    {
        internal static Config Read(ConfigReader json)
        {
            var sizes = DecoderSizes.Read(json, vocab: 262144, hidden: 4096, layers: 36, heads: 64, positions: 16384);
            return new(sizes, RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions, theta: 25000, partial: 0.5), json.Count("intermediate_size", 16384), json.Activation("hidden_act", "relu2"),
                json.Float("layer_norm_eps", 1e-5f), json.Bool("qk_layernorm", true));
        }
    }

    private Value Attention(Module m, int i, Value h, CausalInputs x)                               // [B, S, D] -> [B, S, D]
    {
        var (q, k, v) = SplitByHead(Linear(m["query_key_value"], h, 3 * c.Sizes.HiddenSize), c.Sizes.Heads);
        if (c.Normed) (q, k) = (LayerNorm(m["q_layernorm"], q, c.Epsilon), LayerNorm(m["k_layernorm"], k, c.Epsilon));
        (q, k) = (Rotate(q, c.Rotary, x), Rotate(k, c.Rotary, x));
        return Linear(m["dense"], AttendCausal(m, x, i, q, k, v, new(c.Sizes.Scale)), c.Sizes.HiddenSize);
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        h += Attention(m["self_attn"], i, LayerNorm(m["input_layernorm"], h, c.Epsilon), x);
        return h + PlainFeedForward(m["mlp"], LayerNorm(m["post_attention_layernorm"], h, c.Epsilon), c.Width, c.Activation, bias: true, "dense_h_to_4h", "dense_4h_to_h");
    }

    private Value Hidden(CausalInputs x)                                                            // [B, S] -> [B, S, D]
    {
        var h = TokenEmbedding(m["embed_tokens"], m.Root["lm_head"], x, c.Sizes.VocabSize, c.Sizes.HiddenSize, c.Sizes.Tied);
        return LayerNorm(m["final_layernorm"], m["layers"].Fold(c.Sizes.Layers, h, (layer, i, h) => Layer(layer, i, h, x)), c.Epsilon);
    }

    private Value Logits(Value h) => OutputTable(m.Root["lm_head"], m["embed_tokens"], h, c.Sizes.VocabSize, c.Sizes.Tied);

    private CausalNetwork Network => new(m, c.Sizes, Hidden, Logits);

    internal static readonly ModelFamily Family = CausalFamily.Of("persimmon", "model", Config.Read, (c, m) => new Persimmon(c, m).Network);
}
