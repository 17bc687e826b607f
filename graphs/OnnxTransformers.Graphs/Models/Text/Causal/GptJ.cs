using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>GPT-J (Wang and Komatsuzaki, 2021) and CodeGen (Nijkamp et al., 2022): one norm for attention and feed-forward beside each other, interleaved rotary positions on the first components of each head. gpt-j-6b, codegen-*.
/// Reference: models/gptj/modeling_gptj.py, models/codegen.</summary>
internal sealed class GptJ(GptJ.Config c, Module m)
{
    private const int Parts = 4;                                                                    // CodeGen's matrix is in four parts, one for each processor it was trained on

    internal sealed record Config(DecoderSizes Sizes, Rotary Rotary, int Width, Activation Activation, float Epsilon, bool Fused);

    private static Config Read(ConfigReader json, bool fused)
    {
        json.Ignore("n_ctx", "summary_type", "summary_use_proj", "summary_activation", "summary_proj_to_labels", "scale_attn_weights", "rotary", "gradient_checkpointing");   // what other GPTs have
        var sizes = DecoderSizes.Read(json, vocab: 50400, hidden: 4096, layers: 28, heads: 16, positions: 2048);
        var turned = json.Count("rotary_dim", 64);
        var rotary = RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions, partial: (double)turned / sizes.HeadSize) with { Pairs = RotaryPairs.Interleaved };
        return new(sizes, rotary, json.IntOrNull("n_inner") ?? 4 * sizes.HiddenSize, json.Activation("activation_function", "gelu_new"), json.Float("layer_norm_epsilon", 1e-5f), fused);
    }

    private (Value Q, Value K, Value V) Project(Module m, Value h)                                  // [B, S, D] -> three times [B, H, S, d]
    {
        var (heads, width) = (c.Sizes.Heads, c.Sizes.HiddenSize);
        if (!c.Fused) return (SplitHeads(Linear(m["q_proj"], h, width, bias: false), heads), SplitHeads(Linear(m["k_proj"], h, width, bias: false), heads), SplitHeads(Linear(m["v_proj"], h, width, bias: false), heads));
        var apart = Op.Reshape(Linear(m["qkv_proj"], h, 3 * width, bias: false), [0, 0, Parts, 3, width / Parts]);   // each part is q, v, k
        Value Part(int i) => SplitHeads(Op.Reshape(Op.Select(apart, 3, i), [0, 0, width]), heads);
        return (Part(0), Part(2), Part(1));
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        var (a, f, normed) = (m["attn"], m["mlp"], LayerNorm(m["ln_1"], h, c.Epsilon));
        var (q, k, v) = Project(a, normed);
        var context = AttendCausal(a, x, i, Rotate(q, c.Rotary, x), Rotate(k, c.Rotary, x), v, new(c.Sizes.Scale));
        return Linear(a["out_proj"], context, c.Sizes.HiddenSize, bias: false) + PlainFeedForward(f, normed, c.Width, c.Activation, bias: true, "fc_in", "fc_out") + h;
    }

    private Value Hidden(CausalInputs x)                                                            // [B, S] -> [B, S, D]
    {
        var h = TokenEmbedding(m["wte"], m.Root["lm_head"], x, c.Sizes.VocabSize, c.Sizes.HiddenSize, c.Sizes.Tied);
        return LayerNorm(m["ln_f"], m["h"].Fold(c.Sizes.Layers, h, (layer, i, h) => Layer(layer, i, h, x)), c.Epsilon);
    }

    private Value Logits(Value h) => OutputTable(m.Root["lm_head"], m["wte"], h, c.Sizes.VocabSize, c.Sizes.Tied, bias: true);

    private CausalNetwork Network => new(m, c.Sizes, Hidden, Logits);

    private static ModelFamily Of(string modelType, bool fused) => CausalFamily.Of(modelType, "transformer", json => Read(json, fused), (c, m) => new GptJ(c, m).Network,
        new SkippedTensors(".attn.bias", "a buffer of older versions: the causal mask"), new SkippedTensors(".attn.masked_bias", "a buffer of older versions: the fill of masks"), new SkippedTensors(".attn.causal_mask", "a buffer: the causal mask"));

    internal static readonly ModelFamily Family = Of("gptj", fused: false);
    internal static readonly ModelFamily CodeGen = Of("codegen", fused: true);
}
