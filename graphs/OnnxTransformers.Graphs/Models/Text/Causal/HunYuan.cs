using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>Hunyuan dense (Tencent, 2025): LLaMA's network with norms of queries and keys after they are turned, and a base that an alpha stretches. Hunyuan-0.5B, -1.8B, -4B, -7B. Reference: models/hunyuan_v1_dense/modeling_hunyuan_v1_dense.py.</summary>
internal static class HunYuan
{
    private static Llama.Config Read(ConfigReader json)
    {
        json.Ignore("pretraining_tp", "eod_token_id", "sep_token_id");
        var sizes = DecoderSizes.Read(json, vocab: 290943, hidden: 4096, layers: 32, heads: 32, positions: 2048, padding: 0);
        var (bias, epsilon) = (json.Bool("attention_bias", false), json.Double("rms_norm_eps", 1e-5));
        var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions))
        { Bias = bias, OutputBias = bias, HeadNorm = (m, x) => RmsNorm(m, x, epsilon), Norms = ("query_layernorm", "key_layernorm"), TurnFirst = true };
        return Llama.Config.Of(json, sizes, _ => attention, width: 11008, epsilon: 1e-5);
    }

    // Norms after the turn see where a token stands, not only distances.
    internal static readonly ModelFamily Family = Llama.Of("hunyuan_v1_dense", Read, PositionInput.Absolute);
}
