using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>Qwen3 (Yang et al., 2025): LLaMA's network with norms over each head of queries and keys. Qwen3, Qwen3-Embedding, Qwen3-Reranker. Reference: models/qwen3/modeling_qwen3.py.</summary>
internal static class Qwen3
{
    private static Llama.Config Read(ConfigReader json)
    {
        var sizes = DecoderSizes.Read(json, vocab: 151936, hidden: 4096, layers: 32, heads: 32, positions: 32768, kvHeads: 32, headSize: 128);
        var windows = Qwen2.Windows(json, sizes.Layers);
        var attention = Attention(json, sizes);
        return Llama.Config.Of(json, sizes, i => attention with { How = attention.How with { Window = windows[i] } }, width: 22016);
    }

    /// <summary>Attention of Qwen3's types.</summary>
    internal static SelfAttention Attention(ConfigReader json, DecoderSizes sizes)
    {
        var (bias, epsilon) = (json.Bool("attention_bias", false), json.Double("rms_norm_eps", 1e-6));
        return new(sizes.Heads, sizes.KvHeads, sizes.HeadSize, RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions)) { Bias = bias, OutputBias = bias, HeadNorm = (m, x) => RmsNorm(m, x, epsilon) };
    }

    internal static readonly ModelFamily Family = Llama.Of("qwen3", Read);
}
