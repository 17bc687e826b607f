using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>GPT-2 (Radford et al., 2019): learned positions, layer norms before each part, matrices [in, out]. gpt2-*, distilgpt2, DialoGPT, cerebras-GPT. Reference: models/gpt2/modeling_gpt2.py.</summary>
internal sealed class Gpt2(Gpt2.Config c, Module m)
{
    internal sealed record Config(DecoderSizes Sizes, int Width, Activation Activation, float Epsilon, bool Scaled, bool ScaledByLayer)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("n_ctx", "reorder_and_upcast_attn", "summary_type", "summary_use_proj", "summary_activation", "summary_proj_to_labels");   // an older name, an order of roundings, and the double heads' own
            json.MustBe("add_cross_attention", false, "the decoder alone; cross-attention is not supported yet");
            var sizes = DecoderSizes.Read(json, vocab: 50257, hidden: 768, layers: 12, heads: 12, positions: 1024, tied: true);
            return new(sizes, json.IntOrNull("n_inner") ?? 4 * sizes.HiddenSize, json.Activation("activation_function", "gelu_new"), json.Float("layer_norm_epsilon", 1e-5f),
                json.Bool("scale_attn_weights", true), json.Bool("scale_attn_by_inverse_layer_idx", false));
        }
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        var (s, a) = (c.Sizes, m["attn"]);
        var qkv = Split(Conv1D(a["c_attn"], LayerNorm(m["ln_1"], h, c.Epsilon), 3 * s.HiddenSize), s.HiddenSize, s.HiddenSize, s.HiddenSize);
        Value q = SplitHeads(qkv[0], s.Heads), k = SplitHeads(qkv[1], s.Heads), v = SplitHeads(qkv[2], s.Heads);
        var scale = (c.Scaled ? s.Scale : 1) / (c.ScaledByLayer ? i + 1 : 1);
        h += Conv1D(a["c_proj"], AttendCausal(a, x, i, q, k, v, new(scale)), s.HiddenSize);
        var f = m["mlp"];
        return h + Conv1D(f["c_proj"], Activate(f, c.Activation, Conv1D(f["c_fc"], LayerNorm(m["ln_2"], h, c.Epsilon), c.Width)), s.HiddenSize);
    }

    private Value Hidden(CausalInputs x)                                                            // [B, S] -> [B, S, D]
    {
        var h = TokenEmbedding(m["wte"], m.Root["lm_head"], x, c.Sizes.VocabSize, c.Sizes.HiddenSize, c.Sizes.Tied) + PositionEmbedding(m["wpe"], x, c.Sizes.MaxPositions, c.Sizes.HiddenSize);
        return LayerNorm(m["ln_f"], m["h"].Fold(c.Sizes.Layers, h, (layer, i, h) => Layer(layer, i, h, x)), c.Epsilon);
    }

    private Value Logits(Value h) => OutputTable(m.Root["lm_head"], m["wte"], h, c.Sizes.VocabSize, c.Sizes.Tied);

    private CausalNetwork Network => new(m, c.Sizes, Hidden, Logits) { Positions = PositionInput.Absolute, TokenClassifier = "classifier" };

    internal static readonly ModelFamily Family = CausalFamily.Of("gpt2", "transformer", Config.Read, (c, m) => new Gpt2(c, m).Network,
        new SkippedTensors(".attn.bias", "a buffer of older versions: the causal mask"), new SkippedTensors(".attn.masked_bias", "a buffer of older versions: the fill of masks"));
}
