using System.Collections.Immutable;
using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>LLaMA's parts with their norms behind them only: OLMo 2 (Team OLMo, 2025) and OLMo 3 norm whole queries and keys, EXAONE 4 (LG AI Research, 2025) their heads; the latter two slide on most layers.
/// Reference: models/olmo2/modeling_olmo2.py, models/olmo3, models/exaone4.</summary>
internal sealed class Olmo2(Llama.Config c, Module m)
{
    private static Llama.Config ReadOlmo2(ConfigReader json)
    {
        var sizes = DecoderSizes.Read(json, vocab: 50304, hidden: 4096, layers: 32, heads: 32, positions: 2048, padding: 1);
        var attention = Attention(json, sizes) with { Rotary = RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions) };
        return Llama.Config.Of(json, sizes, _ => attention, width: 11008, epsilon: 1e-5);
    }

    private static Llama.Config ReadOlmo3(ConfigReader json)
    {
        var sizes = DecoderSizes.Read(json, vocab: 50304, hidden: 4096, layers: 32, heads: 32, positions: 2048, padding: 1);
        var attention = Attention(json, sizes);
        // Scaling is for full layers only; sliding ones keep the base.
        var (full, sliding) = RotaryConfig.ReadByLayer(json, sizes.HeadSize, sizes.MaxPositions, theta: 10000, "rope_theta", slidingTheta: 10000);
        var window = json.Count("sliding_window", 4096);
        var slides = json.Sliding(sizes.Layers, i => (i + 1) % 4 != 0);
        return Llama.Config.Of(json, sizes, i => attention with { Rotary = slides[i] ? sliding : full, How = attention.How with { Window = slides[i] ? window : 0 } }, width: 11008, epsilon: 1e-5);
    }

    private static Llama.Config ReadExaone4(ConfigReader json)
    {
        var sizes = DecoderSizes.Read(json, vocab: 102400, hidden: 4096, layers: 32, heads: 32, positions: 2048, kvHeads: 32);
        var layers = ExaoneAttention(json, sizes);
        return Llama.Config.Of(json, sizes, i => layers[i], width: 16384, epsilon: 1e-5);
    }

    /// <summary>Attention of EXAONE's layers: where some slide, the full ones have no positions.</summary>
    internal static ImmutableArray<SelfAttention> ExaoneAttention(ConfigReader json, DecoderSizes sizes)
    {
        var epsilon = json.Double("rms_norm_eps", 1e-5);
        var rotary = RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions);
        var window = json.Int("sliding_window", json.Element.TryGetProperty("sliding_window", out _) ? 0 : 4096);
        var pattern = json.Raw("sliding_window_pattern") is { ValueKind: System.Text.Json.JsonValueKind.String } text ? text.GetString()!.Length : window == 0 ? 0 : json.Int("sliding_window_pattern", 4);
        var slides = json.Sliding(sizes.Layers, i => window > 0 && pattern > 0 && (i + 1) % pattern != 0);
        var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, rotary) { HeadNorm = (m, x) => RmsNorm(m, x, epsilon) };
        return [.. slides.Select(s => attention with { Rotary = window == 0 || s ? rotary : null, How = attention.How with { Window = s ? window : 0 } })];
    }

    private static SelfAttention Attention(ConfigReader json, DecoderSizes sizes)
    {
        var (bias, epsilon) = (json.Bool("attention_bias", false), json.Double("rms_norm_eps", 1e-5));
        return new(sizes.Heads, sizes.KvHeads, sizes.HeadSize, Rotary: null) { Bias = bias, OutputBias = bias, WholeNorm = (m, x) => RmsNorm(m, x, epsilon) };
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        h += RmsNorm(m["post_attention_layernorm"], Layers.Layer.Attention(m["self_attn"], x, i, h, c.Layers[i]), c.Epsilon);
        return h + RmsNorm(m["post_feedforward_layernorm"], GatedFeedForward(m["mlp"], h, c.Width, c.Activation), c.Epsilon);
    }

    private CausalNetwork Network => CausalNetwork.Of(m, c.Sizes, c.Epsilon, Layer);

    private static ModelFamily Of(string modelType, Func<ConfigReader, Llama.Config> read) => CausalFamily.Of(modelType, "model", read, (c, m) => new Olmo2(c, m).Network);

    internal static readonly ModelFamily Family = Of("olmo2", ReadOlmo2);
    internal static readonly ModelFamily Olmo3 = Of("olmo3", ReadOlmo3);
    internal static readonly ModelFamily Exaone4 = Of("exaone4", ReadExaone4);
}
