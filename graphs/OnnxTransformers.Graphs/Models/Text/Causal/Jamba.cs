using System.Collections.Immutable;
using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>Jamba (Lieber et al., 2024): Mamba's mixers with norms on what steers them, attention without positions on some layers, experts on every other. Jamba-v0.1, AI21-Jamba-*. Reference: models/jamba/modeling_jamba.py.</summary>
internal sealed class Jamba(Jamba.Config c, Module m)
{
    /// <param name="Sizes">Its sizes.</param>
    /// <param name="Attends">Which layers have attention.</param>
    /// <param name="Attention">Their attention.</param>
    /// <param name="Space">The mixers of the others.</param>
    /// <param name="Epsilon">Of norms.</param>
    /// <param name="Width">Of the feed-forward part of dense layers.</param>
    /// <param name="Part">The part with experts.</param>
    /// <param name="Sparse">Which layers have experts.</param>
    internal sealed record Config(DecoderSizes Sizes, ImmutableArray<bool> Attends, SelfAttention Attention, SelectiveStateSpace Space, double Epsilon, int Width, SparsePart Part, ImmutableArray<bool> Sparse)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("num_logits_to_keep", "output_router_logits", "router_aux_loss_coef", "use_mamba_kernels", "layer_types", "layers_block_type", "sliding_window");   // the kinds follow from period and offset; the reference's mask has no window
            var sizes = DecoderSizes.Read(json, vocab: 65536, hidden: 4096, layers: 32, heads: 32, positions: 262144, kvHeads: 8, padding: 0);
            var epsilon = json.Double("rms_norm_eps", 1e-6);
            var activation = json.Activation("hidden_act", "silu");
            var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, Rotary: null);
            var automatic = json.Raw("mamba_dt_rank") is not { ValueKind: System.Text.Json.JsonValueKind.Number };
            var rank = automatic ? (sizes.HiddenSize + 15) / 16 : json.Count("mamba_dt_rank", 1);
            var space = new SelectiveStateSpace(json.Count("mamba_expand", 2) * sizes.HiddenSize, json.Count("mamba_d_state", 16), rank, json.Count("mamba_d_conv", 4), activation)
            { ConvolutionBias = json.Bool("mamba_conv_bias", true), Bias = json.Bool("mamba_proj_bias", false), Norm = (m, part, x) => RmsNorm(m[$"{part}_layernorm"], x, epsilon) };
            var width = json.Count("intermediate_size", 14336);
            var part = new SparsePart(json.CountOf(16, "num_experts", "num_local_experts"), json.Count("num_experts_per_tok", 2), width, activation, ExpertScores.Softmax) { Router = "router" };
            return new(sizes, Every(json, sizes.Layers, "attn", 8, 4), attention, space, epsilon, width, part, [.. Every(json, sizes.Layers, "expert", 2, 1).Select(e => e && part.Experts > 1)]);
        }

        private static ImmutableArray<bool> Every(ConfigReader json, int layers, string what, int period, int offset)
        {
            var (step, first) = (json.Count($"{what}_layer_period", period), json.Count($"{what}_layer_offset", offset, least: 0));
            if (first >= step) json.Problem($"{what}_layer_offset", $"{first}", $"less than {what}_layer_period, which is {step}");
            return [.. Enumerable.Range(0, layers).Select(i => i % step == first)];
        }
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        var normed = RmsNorm(m["input_layernorm"], h, c.Epsilon);
        h += c.Attends[i] ? Attention(m["self_attn"], x, i, normed, c.Attention) : MixSelectively(m["mamba"], x, i, normed, c.Space);
        normed = RmsNorm(m["pre_ff_layernorm"], h, c.Epsilon);
        return h + (c.Sparse[i] ? SparseFeedForward(m["feed_forward"], normed, c.Part) : GatedFeedForward(m["feed_forward"], normed, c.Width, c.Part.Activation));
    }

    private Value Hidden(CausalInputs x)                                                            // [B, S] -> [B, S, D]
    {
        var s = c.Sizes;
        var h = TokenEmbedding(m["embed_tokens"], m.Root["lm_head"], x, s.VocabSize, s.HiddenSize, s.Tied);
        return RmsNorm(m["final_layernorm"], m["layers"].Fold(s.Layers, h, (layer, i, h) => Layer(layer, i, h, x)), c.Epsilon);
    }

    private CausalNetwork Network => new(m, c.Sizes, Hidden, h => OutputTable(m.Root["lm_head"], m["embed_tokens"], h, c.Sizes.VocabSize, c.Sizes.Tied))
    { Cache = [.. c.Attends.Select(a => a ? c.Attention.Cache : null)], HasStates = true, Positions = PositionInput.None };

    internal static readonly ModelFamily Family = CausalFamily.Of("jamba", "model", Config.Read, (c, m) => new Jamba(c, m).Network);
}
