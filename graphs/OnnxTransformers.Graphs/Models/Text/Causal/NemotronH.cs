using System.Collections.Immutable;
using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>Nemotron-H (NVIDIA, 2025): each layer is one thing, Mamba 2's mixer, attention without positions, a feed-forward part or experts without gates. Nemotron-H-*, Nemotron-Nano-9B-v2, Nemotron-3-Nano-30B-A3B. Reference: models/nemotron_h/modeling_nemotron_h.py.</summary>
internal sealed class NemotronH(NemotronH.Config c, Module m)
{
    private const string State = "linear_attention", Attends = "full_attention", Experts = "moe", Dense = "mlp";

    /// <param name="Sizes">Its sizes.</param>
    /// <param name="Kinds">What each layer is.</param>
    /// <param name="Attention">Attention.</param>
    /// <param name="Space">Mixers.</param>
    /// <param name="Epsilon">Of norms.</param>
    /// <param name="Width">Of feed-forward parts.</param>
    /// <param name="Bias">Whether these have biases.</param>
    /// <param name="Part">Experts; the activation is that of feed-forward parts, too.</param>
    /// <param name="Latent">Width that experts work in; 0 for that of the layers.</param>
    internal sealed record Config(DecoderSizes Sizes, ImmutableArray<string> Kinds, SelfAttention Attention, HeadedStateSpace Space, double Epsilon, int Width, bool Bias, SparsePart Part, int Latent)
    {
        internal static Config Read(ConfigReader json)
        {
            // Names of the same numbers in other versions, training, kernels, and layers that predict several tokens at once.
            json.Ignore("chunk_size", "expand", "mamba_chunk_size", "mamba_expand", "mamba_proj_bias", "mamba_ssm_cache_dtype", "moe_shared_expert_overlap", "mtp_hybrid_override_pattern", "mtp_layers_block_type", "num_logits_to_keep", "num_nextn_predict_layers",
                "output_router_logits", "rescale_prenorm_residual", "residual_in_fp32", "time_step_floor", "time_step_max", "time_step_min", "use_mamba_kernels", "sliding_window", "n_shared_experts");
            var kinds = KindsOf(json);
            var sizes = DecoderSizes.Read(json, vocab: 131072, hidden: 4096, layers: kinds.Length, heads: 32, positions: 4096, kvHeads: 8, headSize: 128, padding: 0) with { Layers = kinds.Length };
            var bias = json.Bool("attention_bias", false);
            var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, Rotary: null) { Bias = bias, OutputBias = bias };
            var (epsilon, groups, projections) = (json.Double("layer_norm_epsilon", 1e-5), json.CountOf(8, "n_groups", "mamba_n_groups"), json.Bool("use_bias", false));
            var space = new HeadedStateSpace(json.Count("mamba_num_heads", 128), json.Count("mamba_head_dim", 64), json.Count("ssm_state_size", 128), groups, json.CountOf(4, "conv_kernel", "mamba_d_conv"), json.Activation("mamba_hidden_act", "silu"))
            {
                ConvolutionBias = json.Bool("use_conv_bias", true),
                Bias = projections,
                OutputBias = projections,
                TimeSteps = json.TimeSteps(),
                GatedNorm = (m, y, gate) => GateThenNorm(m["norm"], y, gate, epsilon, groups),
            };
            var part = new SparsePart(json.CountOf(8, "n_routed_experts", "num_local_experts"), json.Count("num_experts_per_tok", 2), json.Count("moe_intermediate_size", 7688), json.Activation("mlp_hidden_act", "relu2"), ExpertScores.Sigmoid)
            {
                Bias = "gate.e_score_correction_bias",
                Groups = json.BestGroups(),
                Normalized = json.Bool("norm_topk_prob", true),
                Epsilon = 1e-20,
                Scale = json.Double("routed_scaling_factor", 1),
                SharedWidth = json.Count("moe_shared_expert_intermediate_size", 7688),
            };
            return new(sizes, kinds, attention, space, epsilon, json.Count("intermediate_size", 21504), json.Bool("mlp_bias", false), part, json.Int("moe_latent_size", 0));
        }

        /// <summary>What each layer is: named, or a letter each.</summary>
        private static ImmutableArray<string> KindsOf(ConfigReader json)
        {
            var named = json.Has("layers_block_type") || json.Has("layer_types");
            var letters = json.String("hybrid_override_pattern") ?? "ME*-";
            var wrong = letters.FirstOrDefault(l => !"ME*-".Contains(l, StringComparison.Ordinal));
            if (!named && wrong != default) json.Problem("hybrid_override_pattern", $"\"{wrong}\"", "M, E, *, -");
            var list = json.Raw(json.Has("layers_block_type") ? "layers_block_type" : "layer_types");
            var count = list is { ValueKind: System.Text.Json.JsonValueKind.Array } array ? array.GetArrayLength() : letters.Length;
            return json.LayerKinds(count, i => letters[i] switch { 'M' => State, 'E' => Experts, '*' => Attends, _ => Dense }, State, Attends, Experts, Dense);
        }
    }

    private Value Mix(Module m, Value h)                                                            // [B, S, D] -> [B, S, D]
    {
        var (rows, s) = (TokenRows(h), c.Part);
        var routing = Route(m, rows, s);
        var within = c.Latent > 0 ? Linear(m["fc1_latent_proj"], rows, c.Latent, c.Bias) : rows;
        var mixed = MixExperts(m["experts"], within, routing, s.Experts, (e, x) => PlainFeedForward(m["experts"][e], x, s.Width, s.Activation));
        if (c.Latent > 0) mixed = Linear(m["fc2_latent_proj"], mixed, c.Sizes.HiddenSize, c.Bias);
        return LikeTokens(mixed + PlainFeedForward(m["shared_experts"], rows, s.SharedWidth, s.Activation, c.Bias), h);
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        var (mixer, normed) = (m["mixer"], RmsNorm(m["norm"], h, c.Epsilon));
        return h + c.Kinds[i] switch
        {
            State => MixByHeads(mixer, x, i, normed, c.Space),
            Attends => Attention(mixer, x, i, normed, c.Attention),
            Experts => Mix(mixer, normed),
            _ => PlainFeedForward(mixer, normed, c.Width, c.Part.Activation, c.Bias),
        };
    }

    private Value Hidden(CausalInputs x)                                                            // [B, S] -> [B, S, D]
    {
        var s = c.Sizes;
        var h = TokenEmbedding(m["embeddings"], m.Root["lm_head"], x, s.VocabSize, s.HiddenSize, s.Tied);
        return RmsNorm(m["norm_f"], m["layers"].Fold(s.Layers, h, (layer, i, h) => Layer(layer, i, h, x)), c.Epsilon);
    }

    private CausalNetwork Network => new(m, c.Sizes, Hidden, h => OutputTable(m.Root["lm_head"], m["embeddings"], h, c.Sizes.VocabSize, c.Sizes.Tied))
    { Cache = [.. c.Kinds.Select(k => k == Attends ? c.Attention.Cache : null)], HasStates = true, Positions = PositionInput.None };

    internal static readonly ModelFamily Family = CausalFamily.Of("nemotron_h", "backbone", Config.Read, (c, m) => new NemotronH(c, m).Network,
        new SkippedTensors("mtp", "layers that predict several tokens at once, which the reference does not read"));
}
