using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>Qwen2 (Yang et al., 2024): LLaMA's network with biases on q, k and v, and windows on later layers where switched on. Qwen1.5, Qwen2, Qwen2.5, QwQ, gte-Qwen2. Reference: models/qwen2/modeling_qwen2.py.</summary>
internal static class Qwen2
{
    private static Llama.Config Read(ConfigReader json)
    {
        var sizes = DecoderSizes.Read(json, vocab: 151936, hidden: 4096, layers: 32, heads: 32, positions: 32768, kvHeads: 32);
        var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions)) { Bias = true };
        var windows = Windows(json, sizes.Layers);
        return Llama.Config.Of(json, sizes, i => attention with { How = attention.How with { Window = windows[i] } }, width: 22016);
    }

    /// <summary>The windows of Qwen's types: on layers that slide, if use_sliding_window; without a list, on those from max_window_layers on.</summary>
    /// <param name="json">The configuration.</param>
    /// <param name="layers">Number of layers.</param>
    /// <param name="fromLayer">max_window_layers where it is absent.</param>
    /// <param name="unlisted">The first layer that slides where there is no list, whatever max_window_layers says; null where that counts.</param>
    internal static int[] Windows(ConfigReader json, int layers, int fromLayer = 28, int? unlisted = null)
    {
        var on = json.Bool("use_sliding_window", false);
        var window = json.Int("sliding_window", json.Element.TryGetProperty("sliding_window", out _) ? 0 : 4096);
        var first = json.Int("max_window_layers", fromLayer);
        var sliding = json.Sliding(layers, i => on && window > 0 && i >= (unlisted ?? first));
        return [.. sliding.Select(s => s && on ? window : 0)];
    }

    internal static readonly ModelFamily Family = Llama.Of("qwen2", Read);
}
