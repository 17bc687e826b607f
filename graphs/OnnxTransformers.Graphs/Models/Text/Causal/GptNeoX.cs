using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>GPT-NeoX (Black et al., 2022): rotary positions on a part of each head, attention and feed-forward beside each other. gpt-neox-20b, pythia-*, dolly-v2, RedPajama, stablelm-alpha. Reference: models/gpt_neox/modeling_gpt_neox.py.</summary>
internal sealed class GptNeoX(GptNeoX.Config c, Module m)
{
    internal sealed record Config(DecoderSizes Sizes, Rotary Rotary, int Width, Activation Activation, float Epsilon, bool Parallel, bool Bias)
    {
        internal static Config Read(ConfigReader json)
        {
            var sizes = DecoderSizes.Read(json, vocab: 50432, hidden: 6144, layers: 44, heads: 64, positions: 2048);
            var rotary = RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions, json.Double("rotary_emb_base", 10000), json.Double("rotary_pct", 0.25));
            return new(sizes, rotary, json.Count("intermediate_size", 24576), json.Activation("hidden_act", "gelu"), json.Float("layer_norm_eps", 1e-5f), json.Bool("use_parallel_residual", true), json.Bool("attention_bias", true));
        }
    }

    private Value Attention(Module m, int i, Value h, CausalInputs x)                               // [B, S, D] -> [B, S, D]
    {
        var (q, k, v) = SplitByHead(Linear(m["query_key_value"], h, 3 * c.Sizes.HiddenSize, c.Bias), c.Sizes.Heads);
        (q, k) = (Rotate(q, c.Rotary, x), Rotate(k, c.Rotary, x));
        return Linear(m["dense"], AttendCausal(m, x, i, q, k, v, new(c.Sizes.Scale)), c.Sizes.HiddenSize, c.Bias);
    }

    private Value FeedForward(Module m, Value h) => Linear(m["dense_4h_to_h"], Linear(m["dense_h_to_4h"], h, c.Width, c.Activation), c.Sizes.HiddenSize);

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        var attended = h + Attention(m["attention"], i, LayerNorm(m["input_layernorm"], h, c.Epsilon), x);
        return attended + FeedForward(m["mlp"], LayerNorm(m["post_attention_layernorm"], c.Parallel ? h : attended, c.Epsilon));
    }

    private Value Hidden(CausalInputs x)                                                            // [B, S] -> [B, S, D]
    {
        var h = TokenEmbedding(m["embed_in"], m.Root["embed_out"], x, c.Sizes.VocabSize, c.Sizes.HiddenSize, c.Sizes.Tied);
        return LayerNorm(m["final_layer_norm"], m["layers"].Fold(c.Sizes.Layers, h, (layer, i, h) => Layer(layer, i, h, x)), c.Epsilon);
    }

    private Value Logits(Value h) => OutputTable(m.Root["embed_out"], m["embed_in"], h, c.Sizes.VocabSize, c.Sizes.Tied);

    private CausalNetwork Network => new(m, c.Sizes, Hidden, Logits) { TokenClassifier = "classifier" };

    internal static readonly ModelFamily Family = CausalFamily.Of("gpt_neox", "gpt_neox", Config.Read, (c, m) => new GptNeoX(c, m).Network,
        new SkippedTensors("embed_out", "the output table, where the task does not read it"), new SkippedTensors(".attention.bias", "a buffer of older versions: the causal mask"),
        new SkippedTensors(".attention.masked_bias", "a buffer of older versions: the fill of masks"), new SkippedTensors(".attention.rotary_emb.inv_freq", "a buffer of older versions"));
}
