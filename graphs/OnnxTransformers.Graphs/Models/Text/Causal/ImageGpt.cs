using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>ImageGPT (Chen et al., 2020): GPT-2's network over the pixels of an image, with norms by the root of the mean square and an output for each color but the one that begins an image. openai/imagegpt-*. Reference: models/imagegpt/modeling_imagegpt.py.</summary>
internal sealed class ImageGpt(ImageGpt.Config c, Module m)
{
    internal sealed record Config(DecoderSizes Sizes, int Width, Activation Activation, double Epsilon, bool Scaled, bool ScaledByLayer, bool Reordered)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("n_ctx");
            json.MustBe("add_cross_attention", false, "the decoder alone; cross-attention is not supported yet");
            var sizes = DecoderSizes.Read(json, vocab: 513, hidden: 512, layers: 24, heads: 8, positions: 1024);
            return new(sizes, json.IntOrNull("n_inner") ?? 4 * sizes.HiddenSize, json.Activation("activation_function", "quick_gelu"), json.Double("layer_norm_epsilon", 1e-5), json.Bool("scale_attn_weights", true),
                json.Bool("scale_attn_by_inverse_layer_idx", false), json.Bool("reorder_and_upcast_attn", false));
        }
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        var (s, a, f) = (c.Sizes, m["attn"], m["mlp"]);
        var qkv = Split(Conv1D(a["c_attn"], RmsNorm(m["ln_1"], h, c.Epsilon), 3 * s.HiddenSize), s.HiddenSize, s.HiddenSize, s.HiddenSize);
        var root = Math.Sqrt(s.HeadSize);
        if (!c.Reordered) root = Math.Floor(root);                                                  // the reference's is cut to a whole number
        var scale = (c.Scaled ? 1 / root : 1) / (c.ScaledByLayer ? i + 1 : 1);
        h += Conv1D(a["c_proj"], AttendCausal(a, x, i, SplitHeads(qkv[0], s.Heads), SplitHeads(qkv[1], s.Heads), SplitHeads(qkv[2], s.Heads), new(scale)), s.HiddenSize);
        return h + Conv1D(f["c_proj"], Activate(f, c.Activation, Conv1D(f["c_fc"], RmsNorm(m["ln_2"], h, c.Epsilon), c.Width)), s.HiddenSize);
    }

    private Value Hidden(CausalInputs x)                                                            // [B, S] -> [B, S, D]
    {
        var h = TokenEmbedding(m["wte"], m.Root["lm_head"], x, c.Sizes.VocabSize, c.Sizes.HiddenSize, tied: false) + PositionEmbedding(m["wpe"], x, c.Sizes.MaxPositions, c.Sizes.HiddenSize);
        return RmsNorm(m["ln_f"], m["h"].Fold(c.Sizes.Layers, h, (layer, i, h) => Layer(layer, i, h, x)), c.Epsilon);
    }

    private Value Logits(Value h) => Linear(m.Root["lm_head"], h, c.Sizes.VocabSize - 1, bias: false);

    private CausalNetwork Network => new(m, c.Sizes, Hidden, Logits) { Positions = PositionInput.Absolute };

    internal static readonly ModelFamily Family = CausalFamily.Of("imagegpt", "transformer", Config.Read, (c, m) => new ImageGpt(c, m).Network,
        new SkippedTensors(".attn.bias", "a buffer of older versions: the causal mask"), new SkippedTensors(".attn.masked_bias", "a buffer of older versions: the fill of masks"));
}
