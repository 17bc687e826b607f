using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>GPT-NeoX Japanese (ABEJA, 2022): GPT-NeoX's parts one after the other, without biases but for one on the last attention. gpt-neox-japanese-2.7b. Reference: models/gpt_neox_japanese/modeling_gpt_neox_japanese.py.</summary>
internal sealed class GptNeoXJapanese(GptNeoXJapanese.Config c, Module m)
{
    internal sealed record Config(DecoderSizes Sizes, Rotary Rotary, int Width, Activation Activation, float Epsilon)
    {
        internal static Config Read(ConfigReader json)
        {
            var sizes = DecoderSizes.Read(json, vocab: 32000, hidden: 2560, layers: 32, heads: 32, positions: 2048, tied: true);
            var rotary = RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions, json.Double("rotary_emb_base", 10000), json.Double("rotary_pct", 1));
            return new(sizes, rotary, (int)(sizes.HiddenSize * json.Double("intermediate_multiple_size", 4)), json.Activation("hidden_act", "gelu"), json.Float("layer_norm_eps", 1e-5f));
        }
    }

    private Value Attention(Module m, int i, Value h, CausalInputs x)                               // [B, S, D] -> [B, S, D]
    {
        var (q, k, v) = SplitByHead(Linear(m["query_key_value"], h, 3 * c.Sizes.HiddenSize, bias: false), c.Sizes.Heads);
        (q, k) = (Rotate(q, c.Rotary, x), Rotate(k, c.Rotary, x));
        var result = Linear(m["dense"], AttendCausal(m, x, i, q, k, v, new(c.Sizes.Scale)), c.Sizes.HiddenSize, bias: false);
        return i == c.Sizes.Layers - 1 ? result + (Value)m.Weight("dense_bias", c.Sizes.HiddenSize) : result;
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        h += Attention(m["attention"], i, LayerNorm(m["input_layernorm"], h, c.Epsilon), x);
        return h + PlainFeedForward(m["mlp"], LayerNorm(m["post_attention_layernorm"], h, c.Epsilon), c.Width, c.Activation, bias: false, "dense_h_to_4h", "dense_4h_to_h");
    }

    private Value Hidden(CausalInputs x)                                                            // [B, S] -> [B, S, D]
    {
        var h = TokenEmbedding(m["embed_in"], m.Root["embed_out"], x, c.Sizes.VocabSize, c.Sizes.HiddenSize, c.Sizes.Tied);
        return LayerNorm(m["final_layer_norm"], m["layers"].Fold(c.Sizes.Layers, h, (layer, i, h) => Layer(layer, i, h, x)), c.Epsilon);
    }

    private Value Logits(Value h) => OutputTable(m.Root["embed_out"], m["embed_in"], h, c.Sizes.VocabSize, c.Sizes.Tied);

    private CausalNetwork Network => new(m, c.Sizes, Hidden, Logits);

    internal static readonly ModelFamily Family = CausalFamily.Of("gpt_neox_japanese", "gpt_neox_japanese", Config.Read, (c, m) => new GptNeoXJapanese(c, m).Network,
        new SkippedTensors("embed_out", "the output table, which is the embeddings' own"));
}
