using System.Collections.Immutable;
using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>Mamba 2's mixers with attention on some layers: Bamba (IBM, 2024), and Granite 4 (IBM, 2025) with constants, experts or a dense part, as a rule without positions. Bamba-9B, granite-4.0-h-*.
/// Reference: models/bamba/modeling_bamba.py, models/granitemoehybrid.</summary>
internal sealed class Bamba(Bamba.Config c, Module m)
{
    /// <param name="Sizes">Its sizes.</param>
    /// <param name="Attends">Which layers have attention.</param>
    /// <param name="Attention">Their attention.</param>
    /// <param name="Space">The mixers of the others.</param>
    /// <param name="Epsilon">Of norms.</param>
    /// <param name="FeedForward">The part behind attention or mixer: at the layer's module, [B, S, D] -> [B, S, D].</param>
    /// <param name="Norms">Names of the norm before that part and of the last one.</param>
    internal sealed record Config(DecoderSizes Sizes, ImmutableArray<bool> Attends, SelfAttention Attention, HeadedStateSpace Space, double Epsilon, Func<Module, Value, Value> FeedForward, (string Inner, string Last) Norms)
    {
        /// <summary>What embeddings are multiplied by.</summary>
        internal double Embedding { get; init; } = 1;

        /// <summary>What the results of both parts are multiplied by.</summary>
        internal double Residual { get; init; } = 1;

        /// <summary>What logits are divided by.</summary>
        internal double Logits { get; init; } = 1;
    }

    private static Config ReadBamba(ConfigReader json)
    {
        json.Ignore("num_logits_to_keep", "time_step_max", "time_step_min", "z_loss_coefficient");   // training
        var sizes = DecoderSizes.Read(json, vocab: 128000, hidden: 4096, layers: 32, heads: 32, positions: 262144, kvHeads: 8, padding: 0);
        var (bias, inner) = (json.Bool("attention_bias", false), json.Bool("mlp_bias", false));
        var attending = json.Ints("attn_layer_indices", []);
        var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions, partial: 0.5)) { Bias = bias, OutputBias = bias };
        var (width, activation) = (json.Count("intermediate_size", 14336), json.Activation("hidden_act", "silu"));
        json.Ignore("layer_types", "layers_block_type");                                            // these follow from the indices
        ImmutableArray<bool> attends = [.. Enumerable.Range(0, sizes.Layers).Select(i => attending.Contains(i))];
        return new(sizes, attends, attention, Space(json, sizes, activation, 1e-5), json.Double("rms_norm_eps", 1e-5), (m, h) => GatedFeedForward(m["feed_forward"], h, width, activation, inner), ("pre_ff_layernorm", "final_layernorm"));
    }

    private static Config ReadGranite(ConfigReader json)
    {
        json.Ignore("output_router_logits", "router_aux_loss_coef", "time_step_max", "time_step_min", "init_method", "normalization_function", "logits_to_keep", "use_mamba_kernels");
        var sizes = DecoderSizes.Read(json, vocab: 32000, hidden: 4096, layers: 32, heads: 32, positions: 2048);
        var kinds = json.LayerKinds(sizes.Layers, _ => "linear_attention", "linear_attention", "full_attention");
        var turns = json.OneOf("position_embedding_type", false, ("rope", true), ("nope", false));
        var rotary = RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions);
        var bias = json.Bool("attention_bias", false);
        var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, turns ? rotary : null) { Bias = bias, OutputBias = bias, How = new(json.Double("attention_multiplier", 1)) };
        var activation = json.Activation("hidden_act", "silu");
        int width = json.Count("intermediate_size", 11008), shared = json.Count("shared_intermediate_size", 1024), experts = json.Int("num_local_experts", 8), perToken = json.Int("num_experts_per_tok", 2);
        Value FeedForward(Module m, Value h)
        {
            var (part, all) = (m["block_sparse_moe"], m["shared_mlp"]);
            var both = Split(Linear(all["input_linear"], h, 2L * shared, bias: false), shared, shared);
            var dense = Linear(all["output_linear"], Activate(all, activation, both[0]) * both[1], sizes.HiddenSize, bias: false);
            if (experts == 0) return dense;
            var rows = TokenRows(h);
            var routing = TopThenSoftmax(Linear(part["router.layer"], rows, experts, bias: false, MatrixRole.Router), perToken);
            return LikeTokens(StackedExperts(part, rows, routing, experts, width, activation, "input_linear.weight", "output_linear.weight"), h) + dense;
        }
        ImmutableArray<bool> attends = [.. kinds.Select(k => k == "full_attention")];
        return new(sizes, attends, attention, Space(json, sizes, activation, 1e-6), json.Double("rms_norm_eps", 1e-6), FeedForward, ("post_attention_layernorm", "norm"))
        { Embedding = json.Double("embedding_multiplier", 1), Residual = json.Double("residual_multiplier", 1), Logits = json.Double("logits_scaling", 1) };
    }

    /// <summary>Mixers as Bamba's relatives configure them: a norm of the gated result.</summary>
    private static HeadedStateSpace Space(ConfigReader json, DecoderSizes sizes, Activation activation, double absent)
    {
        json.Ignore("mamba_chunk_size");
        var (width, epsilon, bias) = (json.Count("mamba_expand", 2) * sizes.HiddenSize, json.Double("rms_norm_eps", absent), json.Bool("mamba_proj_bias", false));
        var (heads, size) = StateHeads(json, width);
        return new(heads, size, json.Count("mamba_d_state", 256), json.Count("mamba_n_groups", 1), json.Count("mamba_d_conv", 4), activation)
        { ConvolutionBias = json.Bool("mamba_conv_bias", true), Bias = bias, OutputBias = bias, TimeSteps = json.TimeSteps(), GatedNorm = (m, y, gate) => GateThenNorm(m["norm"], y, gate, epsilon) };
    }

    /// <summary>Heads of the mixers and their size, which together make up their width.</summary>
    internal static (int Heads, int Size) StateHeads(ConfigReader json, int width)
    {
        var heads = json.Count("mamba_n_heads", 128);
        var size = json.Raw("mamba_d_head") is { ValueKind: System.Text.Json.JsonValueKind.Number } ? json.Count("mamba_d_head", 1) : Math.Max(1, width / heads);
        if (heads * size != width) json.Problem("mamba_n_heads", $"{heads} heads of {size}", $"heads that make up the width of {width}");
        return (heads, size);
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        Value Weighed(Value part) => c.Residual == 1 ? part : part * c.Residual;
        var normed = RmsNorm(m["input_layernorm"], h, c.Epsilon);
        h += Weighed(c.Attends[i] ? Attention(m["self_attn"], x, i, normed, c.Attention) : MixByHeads(m["mamba"], x, i, normed, c.Space));
        return h + Weighed(c.FeedForward(m, RmsNorm(m[c.Norms.Inner], h, c.Epsilon)));
    }

    private Value Hidden(CausalInputs x)                                                            // [B, S] -> [B, S, D]
    {
        var s = c.Sizes;
        var h = TokenEmbedding(m["embed_tokens"], m.Root["lm_head"], x, s.VocabSize, s.HiddenSize, s.Tied);
        if (c.Embedding != 1) h *= c.Embedding;
        return RmsNorm(m[c.Norms.Last], m["layers"].Fold(s.Layers, h, (layer, i, h) => Layer(layer, i, h, x)), c.Epsilon);
    }

    private Value Logits(Value h)
    {
        var logits = OutputTable(m.Root["lm_head"], m["embed_tokens"], h, c.Sizes.VocabSize, c.Sizes.Tied);
        return c.Logits == 1 ? logits : logits / c.Logits;
    }

    private CausalNetwork Network => new(m, c.Sizes, Hidden, Logits)
    {
        Cache = [.. c.Attends.Select(a => a ? c.Attention.Cache : null)],
        HasStates = true,
        Positions = c.Attention.Rotary is null || !c.Attends.Contains(true) ? PositionInput.None : PositionInput.Relative,
    };

    private static ModelFamily Of(string modelType, Func<ConfigReader, Config> read) => CausalFamily.Of(modelType, "model", read, (c, m) => new Bamba(c, m).Network);

    internal static readonly ModelFamily Family = Of("bamba", ReadBamba);
    internal static readonly ModelFamily Granite = Of("granitemoehybrid", ReadGranite);
}
