using System.Collections.Immutable;
using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>LFM2 (Liquid AI, 2025): gated short convolutions, with attention on some layers; also with experts. LFM2-350M ... -2.6B, LFM2-8B-A1B. Reference: models/lfm2/modeling_lfm2.py, models/lfm2_moe.</summary>
internal sealed class Lfm2(Lfm2.Config c, Module m)
{
    private static readonly (string Gate, string Up, string Down) Names = ("w1", "w3", "w2");
    private static readonly Activation Silu = Activation.Named("silu");

    /// <param name="Sizes">Its sizes.</param>
    /// <param name="Convolves">Which layers have a convolution.</param>
    /// <param name="Attention">Attention of the others.</param>
    /// <param name="Epsilon">Of norms.</param>
    /// <param name="Width">Of the feed-forward part of dense layers.</param>
    /// <param name="Kernel">Tokens that a convolution sees.</param>
    /// <param name="Bias">Whether convolutions and their projections have biases.</param>
    internal sealed record Config(DecoderSizes Sizes, ImmutableArray<bool> Convolves, SelfAttention Attention, double Epsilon, int Width, int Kernel, bool Bias)
    {
        /// <summary>The part with experts; null where no layer has any.</summary>
        internal SparsePart? Part { get; init; }

        /// <summary>Which layers have experts.</summary>
        internal ImmutableArray<bool> Sparse { get; init; } = [.. Convolves.Select(_ => false)];
    }

    internal static Config ReadDense(ConfigReader json)
    {
        json.Ignore("block_dim", "block_mlp_init_scale", "block_norm_eps", "block_out_init_scale", "block_use_swiglu", "block_use_xavier_init", "conv_dim", "conv_dim_out", "conv_use_xavier_init", "num_heads", "use_pos_enc");   // of the original, which nothing reads
        var sizes = DecoderSizes.Read(json, vocab: 65536, hidden: 2560, layers: 32, heads: 32, positions: 128000, kvHeads: 8, tied: true, padding: 0);
        double width = json.CountOf(12288, "block_ff_dim", "intermediate_size");
        int step = json.Count("block_multiple_of", 256);
        var times = json.DoubleOrNull("block_ffn_dim_multiplier") ?? 1;
        if (json.Bool("block_auto_adjust_ff_dim", true)) width = step * Math.Floor((Math.Floor(times * Math.Floor(2 * width / 3)) + step - 1) / step);
        return Read(json, sizes, (int)width);
    }

    private static Config ReadMoe(ConfigReader json)
    {
        json.Ignore("output_router_logits", "router_aux_loss_coef");
        var sizes = DecoderSizes.Read(json, vocab: 65536, hidden: 2048, layers: 32, heads: 32, positions: 128000, kvHeads: 8, tied: true, padding: 0);
        var dense = json.Count("num_dense_layers", 2, least: 0);
        var part = new SparsePart(json.CountOf(32, "num_experts", "num_local_experts"), json.Count("num_experts_per_tok", 4), json.Count("moe_intermediate_size", 1792), Silu, ExpertScores.Sigmoid)
        { Bias = json.Bool("use_expert_bias", true) ? "expert_bias" : null, Normalized = json.Bool("norm_topk_prob", true), Epsilon = 1e-6, Scale = json.Double("routed_scaling_factor", 1), Names = Names };
        return Read(json, sizes, json.Count("intermediate_size", 7168)) with { Part = part, Sparse = [.. Enumerable.Range(0, sizes.Layers).Select(i => i >= dense)] };
    }

    private static Config Read(ConfigReader json, DecoderSizes sizes, int width)
    {
        sizes = sizes with { Tied = json.Bool("tie_embedding", sizes.Tied) };                        // the original's key counts first
        var attending = json.Ints("full_attn_idxs", [.. Enumerable.Range(0, sizes.Layers)]);
        var kinds = json.LayerKinds(sizes.Layers, i => attending.Contains(i) ? "full_attention" : "conv", "full_attention", "conv");
        var epsilon = json.Double("norm_eps", 1e-5);
        var rotary = RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions, theta: json.Double("theta", 1e6));
        var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, rotary) { Output = "out_proj", Norms = ("q_layernorm", "k_layernorm"), HeadNorm = (m, x) => RmsNorm(m, x, epsilon) };
        return new(sizes, [.. kinds.Select(k => k == "conv")], attention, epsilon, width, json.Count("conv_L_cache", 3), json.Bool("conv_bias", false));
    }

    private Value Convolve(Module m, int i, Value h, CausalInputs x)                                // [B, S, D] -> [B, S, D]
    {
        var d = c.Sizes.HiddenSize;
        var parts = Split(Linear(m["in_proj"], h * x.Present, 3L * d, c.Bias), d, d, d);            // a gate before, one behind, the channels
        // A bias would let padding in.
        var gated = c.Bias ? parts[0] * parts[2] * x.Present : parts[0] * parts[2];
        return Linear(m["out_proj"], parts[1] * CausalConvolution(m["conv"], x, i, gated, c.Kernel, c.Bias), d, c.Bias);
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        var normed = RmsNorm(m["operator_norm"], h, c.Epsilon);
        h += c.Convolves[i] ? Convolve(m["conv"], i, normed, x) : Attention(m["self_attn"], x, i, normed, c.Attention);
        normed = RmsNorm(m["ffn_norm"], h, c.Epsilon);
        return h + (c.Sparse[i] ? SparseFeedForward(m["feed_forward"], normed, c.Part!) : GatedFeedForward(m["feed_forward"], normed, c.Width, Silu, Names));
    }

    private Value Hidden(CausalInputs x)                                                            // [B, S] -> [B, S, D]
    {
        var s = c.Sizes;
        var h = TokenEmbedding(m["embed_tokens"], m.Root["lm_head"], x, s.VocabSize, s.HiddenSize, s.Tied);
        return RmsNorm(m["embedding_norm"], m["layers"].Fold(s.Layers, h, (layer, i, h) => Layer(layer, i, h, x)), c.Epsilon);   // the last norm, whatever its name
    }

    private CausalNetwork Network => new(m, c.Sizes, Hidden, h => OutputTable(m.Root["lm_head"], m["embed_tokens"], h, c.Sizes.VocabSize, c.Sizes.Tied))
    { Cache = [.. c.Convolves.Select(convolves => convolves ? null : c.Attention.Cache)], HasStates = true };

    private static ModelFamily Of(string modelType, Func<ConfigReader, Config> read) => CausalFamily.Of(modelType, "model", read, (c, m) => new Lfm2(c, m).Network);

    internal static readonly ModelFamily Family = Of("lfm2", ReadDense);
    internal static readonly ModelFamily Moe = Of("lfm2_moe", ReadMoe);
}
