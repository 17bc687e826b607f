using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>Code World Model (Meta, 2025): LLaMA's network, of whose layers three in four see a window of keys. cwm. Reference: models/cwm/modeling_cwm.py.</summary>
internal static class Cwm
{
    private static Llama.Config Read(ConfigReader json)
    {
        json.Ignore("pretraining_tp");
        var sizes = DecoderSizes.Read(json, vocab: 128256, hidden: 6144, layers: 64, heads: 48, positions: 131072, kvHeads: 8, headSize: 128);
        var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions, theta: 1e6));
        var window = json.Count("sliding_window", 8192);
        var slides = json.Sliding(sizes.Layers, i => i % 4 != 0);
        return Llama.Config.Of(json, sizes, i => attention with { How = attention.How with { Window = slides[i] ? window : 0 } }, width: 21504, epsilon: 1e-5) with { FeedForwardBias = json.Bool("mlp_bias", false) };
    }

    internal static readonly ModelFamily Family = Llama.Of("cwm", Read);
}
