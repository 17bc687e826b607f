using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>GPT (Radford et al., 2018): learned positions, norms behind each part, matrices [in, out]; the reference keeps no cache for it. openai-community/openai-gpt. Reference: models/openai/modeling_openai.py.</summary>
internal sealed class OpenAiGpt(OpenAiGpt.Config c, Module m)
{
    internal sealed record Config(DecoderSizes Sizes, Activation Activation, float Epsilon)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("n_ctx", "n_special", "predict_special_tokens", "summary_type", "summary_use_proj", "summary_activation", "summary_proj_to_labels");   // the double heads' own
            var sizes = DecoderSizes.Read(json, vocab: 40478, hidden: 768, layers: 12, heads: 12, positions: 512, tied: true);
            // What this type calls gelu is the approximation by tanh.
            var activation = json.OneOf("afn", "gelu_new", ("gelu", "gelu_new"), ("relu", "relu"), ("silu", "silu"), ("swish", "silu"));
            return new(sizes, Activation.Named(activation), json.Float("layer_norm_epsilon", 1e-5f));
        }
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        var (s, a, f) = (c.Sizes, m["attn"], m["mlp"]);
        var qkv = Split(Conv1D(a["c_attn"], h, 3 * s.HiddenSize), s.HiddenSize, s.HiddenSize, s.HiddenSize);
        var context = AttendCausal(a, x, i, SplitHeads(qkv[0], s.Heads), SplitHeads(qkv[1], s.Heads), SplitHeads(qkv[2], s.Heads), new(s.Scale));
        h = LayerNorm(m["ln_1"], h + Conv1D(a["c_proj"], context, s.HiddenSize), c.Epsilon);
        return LayerNorm(m["ln_2"], h + Conv1D(f["c_proj"], Activate(f, c.Activation, Conv1D(f["c_fc"], h, 4 * s.HiddenSize)), s.HiddenSize), c.Epsilon);
    }

    private Value Hidden(CausalInputs x)                                                            // [B, S] -> [B, S, D]
    {
        var h = TokenEmbedding(m["tokens_embed"], m.Root["lm_head"], x, c.Sizes.VocabSize, c.Sizes.HiddenSize, c.Sizes.Tied) + PositionEmbedding(m["positions_embed"], x, c.Sizes.MaxPositions, c.Sizes.HiddenSize);
        return m["h"].Fold(c.Sizes.Layers, h, (layer, i, h) => Layer(layer, i, h, x));
    }

    private Value Logits(Value h) => OutputTable(m.Root["lm_head"], m["tokens_embed"], h, c.Sizes.VocabSize, c.Sizes.Tied);

    private CausalNetwork Network => new(m, c.Sizes, Hidden, Logits) { Positions = PositionInput.Absolute, Cache = [] };

    internal static readonly ModelFamily Family = CausalFamily.Of("openai-gpt", "transformer", Config.Read, (c, m) => new OpenAiGpt(c, m).Network,
        new SkippedTensors(".attn.bias", "a buffer of older versions: the causal mask"), new SkippedTensors("position_ids", "a buffer of consecutive numbers"));
}
