using System.Collections.Immutable;
using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>LLaMA (Touvron et al., 2023): rotary positions, RMS norms before each part, a gated feed-forward. Llama 2 and 3, TinyLlama, Yi, SmolLM, Vicuna; and what differs from it in settings only.
/// Reference: models/llama/modeling_llama.py.</summary>
internal sealed class Llama(Llama.Config c, Module m)
{
    /// <summary>The network's settings. Types that differ in these only are rows: each reads its own keys.</summary>
    /// <param name="Sizes">Its sizes.</param>
    /// <param name="Layers">Attention of each layer.</param>
    /// <param name="Epsilon">Of norms.</param>
    /// <param name="Width">Of the feed-forward part.</param>
    /// <param name="Activation">Of its gate.</param>
    /// <param name="FeedForwardBias">Whether its projections have biases.</param>
    /// <param name="Gated">Whether it has a gate.</param>
    internal sealed record Config(DecoderSizes Sizes, ImmutableArray<SelfAttention> Layers, double Epsilon, int Width, Activation Activation, bool FeedForwardBias = false, bool Gated = true)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("pretraining_tp", "mup_init");                                              // only how products were split while training
            var sizes = DecoderSizes.Read(json, vocab: 32000, hidden: 4096, layers: 32, heads: 32, positions: 2048);
            var bias = json.Bool("attention_bias", false);
            var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions)) { Bias = bias, OutputBias = bias };
            return Of(json, sizes, _ => attention, width: 11008) with { FeedForwardBias = json.Bool("mlp_bias", false) };
        }

        /// <summary>Reads what all of its kind have.</summary>
        internal static Config Of(ConfigReader json, DecoderSizes sizes, Func<int, SelfAttention> attention, int width, double epsilon = 1e-6, string activation = "silu") => new(sizes, [.. Enumerable.Range(0, sizes.Layers).Select(attention)],
            json.Double("rms_norm_eps", epsilon), json.Count("intermediate_size", width), json.Activation("hidden_act", activation));
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        (h, var normed) = AddRmsNorm(m["post_attention_layernorm"], h, Attention(m["self_attn"], x, i, RmsNorm(m["input_layernorm"], h, c.Epsilon), c.Layers[i]), c.Epsilon);
        return h + (c.Gated ? GatedFeedForward(m["mlp"], normed, c.Width, c.Activation, c.FeedForwardBias) : PlainFeedForward(m["mlp"], normed, c.Width, c.Activation, c.FeedForwardBias));
    }

    private CausalNetwork Network => CausalNetwork.Of(m, c.Sizes, c.Epsilon, Layer);

    /// <summary>A type that differs in settings only.</summary>
    internal static ModelFamily Of(string modelType, Func<ConfigReader, Config> read, PositionInput positions = PositionInput.Relative) =>
        CausalFamily.Of(modelType, "model", read, (c, m) => new Llama(c, m).Network with { Positions = positions });

    internal static readonly ModelFamily Family = Of("llama", Config.Read);
}
