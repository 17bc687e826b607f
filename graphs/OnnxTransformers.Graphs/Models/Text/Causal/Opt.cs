using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>OPT (Zhang et al., 2022): learned positions from the third row on; norms before each part, or after it (opt-350m). opt-*, galactica. Reference: transformers, modeling_opt.py.</summary>
internal sealed class Opt(Opt.Config c, Module m)
{
    private const int Offset = 2;
    private const float Epsilon = 1e-5f;

    internal sealed record Config(DecoderSizes Sizes, int EmbeddingSize, int Width, Activation Activation, bool NormBefore, bool LastNorm, bool Bias, bool NormWeights)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("layerdrop", "init_std", "activation_dropout");                             // training only
            var sizes = DecoderSizes.Read(json, vocab: 50272, hidden: 768, layers: 12, heads: 12, positions: 2048, tied: true, padding: 1);
            var before = json.Bool("do_layer_norm_before", true);
            return new(sizes, json.Count("word_embed_proj_dim", sizes.HiddenSize), json.Count("ffn_dim", 3072), json.Activation("activation_function", "relu"), before, before & !json.Bool("_remove_final_layer_norm", false),
                json.Bool("enable_bias", true), json.Bool("layer_norm_elementwise_affine", true));
        }
    }

    private Value Norm(Module m, Value h) => c.NormWeights ? LayerNorm(m, h, Epsilon) : PlainNorm(m, h, Epsilon);

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        var attention = new SelfAttention(c.Sizes.Heads, c.Sizes.Heads, c.Sizes.HeadSize, Rotary: null) { Bias = c.Bias, OutputBias = c.Bias, Output = "out_proj" };
        var normed = c.NormBefore ? Norm(m["self_attn_layer_norm"], h) : h;
        h += Attention(m["self_attn"], x, i, normed, attention);
        h = c.NormBefore ? h : Norm(m["self_attn_layer_norm"], h);
        normed = c.NormBefore ? Norm(m["final_layer_norm"], h) : h;
        h += Linear(m["fc2"], Activate(m, c.Activation, Linear(m["fc1"], normed, c.Width, c.Bias)), c.Sizes.HiddenSize, c.Bias);
        return c.NormBefore ? h : Norm(m["final_layer_norm"], h);
    }

    private Value Hidden(CausalInputs x)                                                            // [B, S] -> [B, S, E]
    {
        var (s, d) = (c.Sizes, m["decoder"]);
        var h = TokenEmbedding(d["embed_tokens"], m.Root["lm_head"], x, s.VocabSize, c.EmbeddingSize, s.Tied);
        if (c.EmbeddingSize != s.HiddenSize) h = Linear(d["project_in"], h, s.HiddenSize, bias: false);
        h += PositionEmbedding(d["embed_positions"], x, s.MaxPositions, s.HiddenSize, Offset);
        h = d["layers"].Fold(s.Layers, h, (layer, i, h) => Layer(layer, i, h, x));
        if (c.LastNorm) h = Norm(d["final_layer_norm"], h);
        return c.EmbeddingSize != s.HiddenSize ? Linear(d["project_out"], h, c.EmbeddingSize, bias: false) : h;
    }

    private Value Logits(Value h) => OutputTable(m.Root["lm_head"], m["decoder.embed_tokens"], h, c.Sizes.VocabSize, c.Sizes.Tied);

    private CausalNetwork Network => new(m, c.Sizes, Hidden, Logits) { Positions = PositionInput.Absolute };

    internal static readonly ModelFamily Family = CausalFamily.Of("opt", "model", Config.Read, (c, m) => new Opt(c, m).Network);
}
