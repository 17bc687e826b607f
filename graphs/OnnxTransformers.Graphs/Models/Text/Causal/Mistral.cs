using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>Mistral (Jiang et al., 2023): LLaMA's network, whose queries see a window of keys. Mistral-7B, Mistral-Nemo, Zephyr, e5-mistral. Reference: models/mistral/modeling_mistral.py.</summary>
internal static class Mistral
{
    private static Llama.Config Read(ConfigReader json)
    {
        var sizes = DecoderSizes.Read(json, vocab: 32000, hidden: 4096, layers: 32, heads: 32, positions: 4096 * 32, kvHeads: 8);
        var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions));
        var window = json.Has("sliding_window") || json.Element.TryGetProperty("sliding_window", out _) ? json.Int("sliding_window", 0) : 4096;   // null is none, absent is 4096
        return Llama.Config.Of(json, sizes, _ => attention with { How = attention.How with { Window = window } }, width: 14336);
    }

    internal static readonly ModelFamily Family = Llama.Of("mistral", Read);
}
