using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>AFM (Arcee AI, 2025): LLaMA's network, whose feed-forward part is without a gate and squares its rectifier. AFM-4.5B. Reference: models/arcee/modeling_arcee.py.</summary>
internal static class Arcee
{
    private static Llama.Config Read(ConfigReader json)
    {
        var sizes = DecoderSizes.Read(json, vocab: 32000, hidden: 2560, layers: 32, heads: 32, positions: 4096);
        var bias = json.Bool("attention_bias", false);
        var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions)) { Bias = bias, OutputBias = bias };
        return Llama.Config.Of(json, sizes, _ => attention, width: 18432, epsilon: 1e-5, activation: "relu2") with { Gated = false, FeedForwardBias = json.Bool("mlp_bias", false) };
    }

    internal static readonly ModelFamily Family = Llama.Of("arcee", Read);
}
