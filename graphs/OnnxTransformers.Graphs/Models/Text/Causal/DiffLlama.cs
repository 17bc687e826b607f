using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>DiffLlama (Ye et al., 2024, as built on LLaMA): the attention of half of the heads is subtracted from that of the other half. Reference: models/diffllama/modeling_diffllama.py.</summary>
internal sealed class DiffLlama(Llama.Config c, Module m)
{
    private static Llama.Config Read(ConfigReader json)
    {
        json.Ignore("lambda_std_dev", "pretraining_tp", "mlp_bias");                                // how weights are drawn before training
        var sizes = DecoderSizes.Read(json, vocab: 32000, hidden: 2048, layers: 16, heads: 32, positions: 2048);
        var bias = json.Bool("attention_bias", false);
        var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions)) { Bias = bias, OutputBias = bias };
        return Llama.Config.Of(json, sizes, _ => attention, width: 8192, epsilon: 1e-5);
    }

    private Value Differential(Module m, int i, Value h, CausalInputs x)                            // [B, S, D] -> [B, S, D]
    {
        var (s, a) = (c.Sizes, c.Layers[i]);
        int d = s.HeadSize, half = s.Heads / 2, group = s.Heads / s.KvHeads;
        Value Projected(string name, int heads) => SplitHeads(Linear(m[name], h, (long)heads * d, a.Bias), heads);
        var (k, v) = Remember(m, x, i, Rotate(Projected("k_proj", s.KvHeads), a.Rotary, x), Projected("v_proj", s.KvHeads));
        v = RepeatHeads(v, group);                                                                  // [B, H, T, d]
        v = Op.Concat(3, Op.Slice(v, 1, 0, half), Op.Slice(v, 1, half, s.Heads));                   // values of both halves side by side: [B, H/2, T, 2d]
        var context = AttendTo(m, x, Rotate(Projected("q_proj", s.Heads), a.Rotary, x), RepeatHeads(k, group), Op.Concat(1, v, v), a.How);

        using var scope = m.Enter();
        var both = Split(context, half * 2L * d, half * 2L * d);                                    // [B, S, H/2 * 2d] each
        double initial = 0.8 - 0.6 * Math.Exp(-0.3 * i);
        Value Share(string q, string k) => Op.Exp(Op.ReduceSum((Value)m.Weight(q, d) * (Value)m.Weight(k, d), 0, keep: true));
        var share = Share("lambda_q1", "lambda_k1") - Share("lambda_q2", "lambda_k2") + initial;
        var difference = Op.Reshape(both[0] - share * both[1], [0, 0, half, 2L * d]);
        var normed = RootMeanSquare(difference, c.Epsilon) * (1 - initial);
        return Linear(m["o_proj"], Op.Reshape(normed, [0, 0, (long)s.Heads * d]), s.HiddenSize, a.OutputBias);
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        h += Differential(m["self_attn"], i, RmsNorm(m["input_layernorm"], h, c.Epsilon), x);
        return h + GatedFeedForward(m["mlp"], RmsNorm(m["post_attention_layernorm"], h, c.Epsilon), c.Width, c.Activation);
    }

    private CausalNetwork Network => CausalNetwork.Of(m, c.Sizes, c.Epsilon, Layer);

    internal static readonly ModelFamily Family = CausalFamily.Of("diffllama", "model", Read, (c, m) => new DiffLlama(c, m).Network);
}
