using System.Collections.Immutable;
using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>Gemma (Gemma Team, 2024): embeddings times the root of their width, norms of 1 + weight; since Gemma 2 with norms around both parts, windows on some layers and soft caps, since Gemma 3 with norms of queries and keys
/// and two rotary bases. gemma-*, gemma-2-*, gemma-3-*, embeddinggemma. Reference: models/gemma/modeling_gemma.py, models/gemma2, models/gemma3.</summary>
internal sealed class Gemma(Gemma.Config c, Module m)
{
    /// <param name="Sizes">Its sizes.</param>
    /// <param name="Layers">Attention of each layer.</param>
    /// <param name="Epsilon">Of norms.</param>
    /// <param name="Width">Of the feed-forward part.</param>
    /// <param name="Activation">Of its gate.</param>
    /// <param name="NormsAround">Whether each part has a norm behind it, too.</param>
    /// <param name="LogitCap">Logits are limited to this; 0 for no limit.</param>
    internal sealed record Config(DecoderSizes Sizes, ImmutableArray<SelfAttention> Layers, double Epsilon, int Width, Activation Activation, bool NormsAround, double LogitCap);

    private static Config ReadGemma(ConfigReader json)
    {
        json.Ignore("hidden_activation", "use_bidirectional_attention");                            // the reference reads hidden_act as it is written
        var sizes = DecoderSizes.Read(json, vocab: 256000, hidden: 3072, layers: 28, heads: 16, positions: 8192, kvHeads: 16, headSize: 256, tied: true, padding: 0);
        if (json.Sliding(sizes.Layers, _ => false).Contains(true)) json.Problem("layer_types", "\"sliding_attention\"", "full_attention");
        var attention = Attention(json, sizes) with { Rotary = RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions) };
        return new(sizes, [.. Enumerable.Repeat(attention, sizes.Layers)], json.Double("rms_norm_eps", 1e-6), json.Count("intermediate_size", 24576), json.Activation("hidden_act", "gelu_pytorch_tanh"), NormsAround: false, LogitCap: 0);
    }

    private static Config ReadGemma2(ConfigReader json)
    {
        json.Ignore("hidden_act", "cache_implementation", "use_bidirectional_attention");           // hidden_activation counts
        var sizes = DecoderSizes.Read(json, vocab: 256000, hidden: 2304, layers: 26, heads: 8, positions: 8192, kvHeads: 4, headSize: 256, tied: true, padding: 0);
        var rotary = RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions);
        var attention = Attention(json, sizes, scalar: 256) with { Rotary = rotary };
        var how = attention.How with { SoftCap = Cap(json, "attn_logit_softcapping", 50) };
        var (window, sliding) = (json.Count("sliding_window", 4096), json.Sliding(sizes.Layers, i => i % 2 == 0));
        return new(sizes, [.. sliding.Select(s => attention with { How = how with { Window = s ? window : 0 } })], json.Double("rms_norm_eps", 1e-6), json.Count("intermediate_size", 9216),
            json.Activation("hidden_activation", "gelu_pytorch_tanh"), NormsAround: true, Cap(json, "final_logit_softcapping", 30));
    }

    private static Config ReadGemma3(ConfigReader json)
    {
        json.Ignore("cache_implementation", "hidden_act", "attn_logit_softcapping");                 // the reference keeps the cap and does not apply it
        var sizes = DecoderSizes.Read(json, vocab: 262208, hidden: 2304, layers: 26, heads: 8, positions: 131072, kvHeads: 4, headSize: 256, tied: true, padding: 0);
        var (full, sliding) = RotaryConfig.ReadByLayer(json, sizes.HeadSize, sizes.MaxPositions, theta: 1e6, "rope_local_base_freq", slidingTheta: 10000);
        var epsilon = json.Double("rms_norm_eps", 1e-6);
        var pattern = json.CountOf(6, "sliding_window_pattern", "_sliding_window_pattern");
        var slides = json.Sliding(sizes.Layers, i => (i + 1) % pattern != 0);
        var both = json.Bool("use_bidirectional_attention", false);
        var window = json.Count("sliding_window", 4096);
        if (both) window = window / 2 + 1;                                                          // to each side
        var attention = Attention(json, sizes, scalar: 256) with { HeadNorm = (m, x) => RmsNorm(m, x, epsilon, offset: 1) };
        var how = attention.How with { BothWays = both };
        return new(sizes, [.. slides.Select(s => attention with { Rotary = s ? sliding : full, How = how with { Window = s ? window : 0 } })], epsilon, json.Count("intermediate_size", 9216),
            json.Activation("hidden_activation", "gelu_pytorch_tanh"), NormsAround: true, Cap(json, "final_logit_softcapping", 0));
    }

    private static SelfAttention Attention(ConfigReader json, DecoderSizes sizes, double? scalar = null)
    {
        var bias = json.Bool("attention_bias", false);
        var scale = scalar is { } absent ? Math.Pow(json.Double("query_pre_attn_scalar", absent), -0.5) : sizes.Scale;
        return new(sizes.Heads, sizes.KvHeads, sizes.HeadSize, Rotary: null) { Bias = bias, OutputBias = bias, How = new(scale) };
    }

    /// <summary>Null is no cap, as in configurations where the key is there; absent is the type's own.</summary>
    private static double Cap(ConfigReader json, string key, double absent) => json.Double(key, json.Element.TryGetProperty(key, out _) ? 0 : absent);

    private Value Norm(Module m, Value h) => RmsNorm(m, h, c.Epsilon, offset: 1);

    private Value FeedForward(Module m, Value h) => GatedFeedForward(m, h, c.Width, c.Activation);

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        var attended = Layers.Layer.Attention(m["self_attn"], x, i, Norm(m["input_layernorm"], h), c.Layers[i]);
        if (!c.NormsAround)
        {
            h += attended;
            return h + FeedForward(m["mlp"], Norm(m["post_attention_layernorm"], h));
        }
        h += Norm(m["post_attention_layernorm"], attended);
        return h + Norm(m["post_feedforward_layernorm"], FeedForward(m["mlp"], Norm(m["pre_feedforward_layernorm"], h)));
    }

    private Value Hidden(CausalInputs x)                                                            // [B, S] -> [B, S, D]
    {
        var s = c.Sizes;
        var h = TokenEmbedding(m["embed_tokens"], m.Root["lm_head"], x, s.VocabSize, s.HiddenSize, s.Tied) * Math.Sqrt(s.HiddenSize);
        return Norm(m["norm"], m["layers"].Fold(s.Layers, h, (layer, i, h) => Layer(layer, i, h, x)));
    }

    private Value Logits(Value h)
    {
        var logits = OutputTable(m.Root["lm_head"], m["embed_tokens"], h, c.Sizes.VocabSize, c.Sizes.Tied);
        return c.LogitCap > 0 ? SoftCap(logits, c.LogitCap) : logits;
    }

    private CausalNetwork Network => new(m, c.Sizes, Hidden, Logits);

    private static ModelFamily Of(string modelType, Func<ConfigReader, Config> read) => CausalFamily.Of(modelType, "model", read, (c, m) => new Gemma(c, m).Network);

    internal static readonly ModelFamily Family = Of("gemma", ReadGemma);
    internal static readonly ModelFamily Gemma2 = Of("gemma2", ReadGemma2);
    internal static readonly ModelFamily Gemma3 = Of("gemma3_text", ReadGemma3);
}
