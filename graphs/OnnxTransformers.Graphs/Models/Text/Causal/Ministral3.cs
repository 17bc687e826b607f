using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>Ministral 3 (Mistral AI, 2025): Mistral's network, whose queries grow with their position beyond the trained context. Ministral-3-3B, -8B, -14B. Reference: models/ministral3/modeling_ministral3.py.</summary>
internal static class Ministral3
{
    private static Llama.Config Read(ConfigReader json)
    {
        var sizes = DecoderSizes.Read(json, vocab: 131072, hidden: 4096, layers: 34, heads: 32, positions: 262144, kvHeads: 8, headSize: 128, padding: 11);
        var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, RotaryConfig.ReadBeside(json, sizes.HeadSize, sizes.MaxPositions, partial: 1, RotaryConfig.GrowthKeys)) { QueryScale = RotaryConfig.GrowingQueries(json) };
        var how = attention.How with { Window = json.Int("sliding_window", 0) };
        return Llama.Config.Of(json, sizes, _ => attention with { How = how }, width: 14336, epsilon: 1e-5);
    }

    internal static readonly ModelFamily Family = Llama.Of("ministral3", Read, PositionInput.Absolute);
}
