using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>GPTBigCode (Ben Allal et al., 2023): GPT-2's network with matrices [out, in] and one key head for all queries. starcoder, santacoder, tiny_starcoder. Reference: models/gpt_bigcode/modeling_gpt_bigcode.py.</summary>
internal sealed class GptBigCode(GptBigCode.Config c, Module m)
{
    internal sealed record Config(DecoderSizes Sizes, int Width, Activation Activation, float Epsilon, bool Scaled)
    {
        internal static Config Read(ConfigReader json)
        {
            // Orders of roundings, and what GPT-2 has for its double heads.
            json.Ignore("attention_softmax_in_fp32", "scale_attention_softmax_in_fp32", "num_key_value_heads", "n_ctx", "summary_type", "summary_use_proj", "summary_activation", "summary_proj_to_labels", "inference_runner", "validate_runner_input", "pre_allocate_kv_cache", "max_sequence_length", "max_batch_size", "pad_key_length");
            json.MustBe("add_cross_attention", false, "the decoder alone; cross-attention is not supported yet");
            var one = json.Bool("multi_query", true);
            var sizes = DecoderSizes.Read(json, vocab: 50257, hidden: 768, layers: 12, heads: 12, positions: 1024, tied: true, kvHeads: null);
            return new(sizes with { KvHeads = one ? 1 : sizes.Heads }, json.IntOrNull("n_inner") ?? 4 * sizes.HiddenSize, json.Activation("activation_function", "gelu_pytorch_tanh"), json.Float("layer_norm_epsilon", 1e-5f), json.Bool("scale_attn_weights", true));
        }
    }

    private Value Attention(Module m, int i, Value h, CausalInputs x)                               // [B, S, D] -> [B, S, D]
    {
        var s = c.Sizes;
        var (q, k, v) = s.KvHeads == 1 ? SplitByGroup(Linear(m["c_attn"], h, s.HiddenSize + 2 * s.HeadSize), s.Heads, 1) : SplitByHead(Linear(m["c_attn"], h, 3 * s.HiddenSize), s.Heads);
        return Linear(m["c_proj"], AttendCausal(m, x, i, q, k, v, new(c.Scaled ? s.Scale : 1)), s.HiddenSize);
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        h += Attention(m["attn"], i, LayerNorm(m["ln_1"], h, c.Epsilon), x);
        return h + PlainFeedForward(m["mlp"], LayerNorm(m["ln_2"], h, c.Epsilon), c.Width, c.Activation, bias: true, "c_fc", "c_proj");
    }

    private Value Hidden(CausalInputs x)                                                            // [B, S] -> [B, S, D]
    {
        var h = TokenEmbedding(m["wte"], m.Root["lm_head"], x, c.Sizes.VocabSize, c.Sizes.HiddenSize, c.Sizes.Tied) + PositionEmbedding(m["wpe"], x, c.Sizes.MaxPositions, c.Sizes.HiddenSize);
        return LayerNorm(m["ln_f"], m["h"].Fold(c.Sizes.Layers, h, (layer, i, h) => Layer(layer, i, h, x)), c.Epsilon);
    }

    private Value Logits(Value h) => OutputTable(m.Root["lm_head"], m["wte"], h, c.Sizes.VocabSize, c.Sizes.Tied);

    private CausalNetwork Network => new(m, c.Sizes, Hidden, Logits) { Positions = PositionInput.Absolute, TokenClassifier = "classifier" };

    internal static readonly ModelFamily Family = CausalFamily.Of("gpt_bigcode", "transformer", Config.Read, (c, m) => new GptBigCode(c, m).Network, new SkippedTensors(".attn.bias", "a buffer of older versions: the causal mask"));
}
