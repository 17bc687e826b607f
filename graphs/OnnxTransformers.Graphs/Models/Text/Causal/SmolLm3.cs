using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>SmolLM3 (Hugging Face, 2025): LLaMA's network, of which every fourth layer has no positions. SmolLM3-3B. Reference: models/smollm3/modeling_smollm3.py.</summary>
internal static class SmolLm3
{
    private static Llama.Config Read(ConfigReader json)
    {
        json.Ignore("pretraining_tp", "max_window_layers", "mlp_bias");                             // mlp_bias is read below
        var sizes = DecoderSizes.Read(json, vocab: 128256, hidden: 2048, layers: 36, heads: 16, positions: 32768, kvHeads: 4, tied: true, padding: 128004);
        var bias = json.Bool("attention_bias", false);
        var rotary = RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions, theta: 2e6);
        var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, rotary) { Bias = bias, OutputBias = bias };
        var interval = json.Count("no_rope_layer_interval", 4);
        var turned = json.Ints("no_rope_layers", [.. Enumerable.Range(1, sizes.Layers).Select(i => i % interval != 0 ? 1 : 0)]);   // 1 is for positions, whatever the key is called
        if (turned.Length < sizes.Layers) json.Problem("no_rope_layers", $"{turned.Length} entries", $"one for each of the {sizes.Layers} layers");
        var (on, window) = (json.Bool("use_sliding_window", false), json.Int("sliding_window", 0));
        var slides = json.Sliding(sizes.Layers, i => on && window > 0 && turned[i] == 0);
        SelfAttention Of(int i) => attention with { Rotary = turned.ElementAtOrDefault(i) == 1 ? rotary : null, How = attention.How with { Window = slides[i] ? window : 0 } };
        return Llama.Config.Of(json, sizes, Of, width: 11008) with { FeedForwardBias = json.Bool("mlp_bias", false) };
    }

    internal static readonly ModelFamily Family = Llama.Of("smollm3", Read);
}
