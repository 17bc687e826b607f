using System.Collections.Immutable;
using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>LLaMA's network with experts in the place of the feed-forward part. Here are those where a softmax over all of them chooses the best: Mixtral (Jiang et al., 2024), OLMoE (Muennighoff et al., 2024), Qwen1.5-MoE and Qwen2-MoE,
/// Qwen3-MoE; other types with other routers are rows of their own. Reference: models/mixtral/modeling_mixtral.py, models/olmoe, models/qwen2_moe, models/qwen3_moe.</summary>
internal sealed class MoeLlama(MoeLlama.Config c, Module m)
{
    /// <param name="Base">What it has of LLaMA; the width is that of dense layers.</param>
    /// <param name="Part">The part with experts.</param>
    /// <param name="Sparse">Which layers have experts.</param>
    /// <param name="Place">The module of the sparse part within a layer.</param>
    internal sealed record Config(Llama.Config Base, SparsePart Part, ImmutableArray<bool> Sparse, string Place = "mlp");

    private static Config ReadMixtral(ConfigReader json)
    {
        json.Ignore("router_aux_loss_coef", "output_router_logits", "router_jitter_noise");        // training only
        var sizes = DecoderSizes.Read(json, vocab: 32000, hidden: 4096, layers: 32, heads: 32, positions: 4096 * 32, kvHeads: 8);
        var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions, theta: 1e6));
        var how = attention.How with { Window = json.Int("sliding_window", 0) };
        var llama = Llama.Config.Of(json, sizes, _ => attention with { How = how }, width: 14336, epsilon: 1e-5);
        var part = new SparsePart(json.CountOf(8, "num_local_experts", "num_experts"), json.Count("num_experts_per_tok", 2), llama.Width, llama.Activation, ExpertScores.Softmax) { Normalized = true, Names = ("w1", "w3", "w2") };
        return new(llama, part, Everywhere(sizes.Layers), "block_sparse_moe");
    }

    private static Config ReadOlmoe(ConfigReader json)
    {
        json.Ignore("router_aux_loss_coef", "output_router_logits");
        var sizes = DecoderSizes.Read(json, vocab: 50304, hidden: 2048, layers: 16, heads: 16, positions: 4096, padding: 1);
        var (bias, epsilon) = (json.Bool("attention_bias", false), json.Double("rms_norm_eps", 1e-5));
        var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions))
        { Bias = bias, OutputBias = bias, WholeNorm = (m, x) => RmsNorm(m, x, epsilon), Clip = json.Double("clip_qkv", 0) };
        var llama = Llama.Config.Of(json, sizes, _ => attention, width: 2048, epsilon: 1e-5);
        var part = new SparsePart(json.CountOf(64, "num_experts", "num_local_experts"), json.Count("num_experts_per_tok", 8), llama.Width, llama.Activation, ExpertScores.Softmax) { Normalized = json.Bool("norm_topk_prob", false) };
        return new(llama, part, Everywhere(sizes.Layers));
    }

    private static Config ReadQwen2(ConfigReader json)
    {
        json.Ignore("router_aux_loss_coef", "output_router_logits");
        var sizes = DecoderSizes.Read(json, vocab: 151936, hidden: 2048, layers: 24, heads: 16, positions: 32768, kvHeads: 16);
        // Without a list of layers the reference's mask has the window on all of them.
        var windows = Qwen2.Windows(json, sizes.Layers, unlisted: 0);
        var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions)) { Bias = json.Bool("qkv_bias", true) };
        var llama = Llama.Config.Of(json, sizes, i => attention with { How = attention.How with { Window = windows[i] } }, width: 5632);
        var part = new SparsePart(json.CountOf(60, "num_experts", "num_local_experts"), json.Count("num_experts_per_tok", 4), json.Count("moe_intermediate_size", 1408), llama.Activation, ExpertScores.Softmax)
        { Normalized = json.Bool("norm_topk_prob", false), SharedWidth = json.Count("shared_expert_intermediate_size", 5632), Shared = "shared_expert", SharedGate = "shared_expert_gate" };
        return new(llama, part, Steps(json, sizes.Layers));
    }

    private static Config ReadQwen3(ConfigReader json)
    {
        json.Ignore("router_aux_loss_coef", "output_router_logits", "max_window_layers");
        var sizes = DecoderSizes.Read(json, vocab: 151936, hidden: 2048, layers: 24, heads: 32, positions: 32768, kvHeads: 4);
        var attention = Qwen3.Attention(json, sizes);
        var window = json.Bool("use_sliding_window", false) ? json.Int("sliding_window", 4096) : 0;
        json.Ignore("sliding_window");                                                              // counts only where it is switched on
        var llama = Llama.Config.Of(json, sizes, _ => attention with { How = attention.How with { Window = window } }, width: 6144);
        var part = new SparsePart(json.CountOf(128, "num_experts", "num_local_experts"), json.Count("num_experts_per_tok", 8), json.Count("moe_intermediate_size", 768), llama.Activation, ExpertScores.Softmax)
        { Normalized = json.Bool("norm_topk_prob", false) };
        return new(llama, part, Steps(json, sizes.Layers));
    }

    /// <summary>Every layer is sparse.</summary>
    internal static ImmutableArray<bool> Everywhere(int layers) => [.. Enumerable.Repeat(true, layers)];

    /// <summary>Every n-th layer is sparse, less those that are named as dense.</summary>
    internal static ImmutableArray<bool> Steps(ConfigReader json, int layers)
    {
        var (step, dense) = (json.Count("decoder_sparse_step", 1), json.Ints("mlp_only_layers", []));
        return [.. Enumerable.Range(0, layers).Select(i => !dense.Contains(i) && (i + 1) % step == 0)];
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        (h, var normed) = AddRmsNorm(m["post_attention_layernorm"], h, Attention(m["self_attn"], x, i, RmsNorm(m["input_layernorm"], h, c.Base.Epsilon), c.Base.Layers[i]), c.Base.Epsilon);
        return h + (c.Sparse[i] ? SparseFeedForward(m[c.Place], normed, c.Part) : GatedFeedForward(m["mlp"], normed, c.Base.Width, c.Base.Activation, c.Base.FeedForwardBias));
    }

    private CausalNetwork Network => CausalNetwork.Of(m, c.Base.Sizes, c.Base.Epsilon, Layer) with { Cache = [.. c.Base.Layers.Select(a => a.Cache)] };

    /// <summary>A type that differs in settings only.</summary>
    internal static ModelFamily Of(string modelType, Func<ConfigReader, Config> read, params ImmutableArray<SkippedTensors> skipped) =>
        CausalFamily.Of(modelType, "model", read, (c, m) => new MoeLlama(c, m).Network, skipped);

    internal static readonly ModelFamily Mixtral = Of("mixtral", ReadMixtral);
    internal static readonly ModelFamily Olmoe = Of("olmoe", ReadOlmoe);
    internal static readonly ModelFamily Qwen2Moe = Of("qwen2_moe", ReadQwen2);
    internal static readonly ModelFamily Qwen3Moe = Of("qwen3_moe", ReadQwen3);
}
