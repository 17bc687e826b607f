using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>Falcon-H1 (TII, 2025): in each layer attention and Mamba 2's mixer beside each other on one normed input, and constants everywhere. Falcon-H1-0.5B ... -34B. Reference: models/falcon_h1/modeling_falcon_h1.py.</summary>
internal sealed class FalconH1(FalconH1.Config c, Module m)
{
    /// <summary>Constants that values are multiplied by.</summary>
    internal sealed record Multipliers(double Embedding, double AttentionIn, double AttentionOut, double SpaceIn, double SpaceOut, double Gate, double Down, double Logits);

    /// <param name="Sizes">Its sizes.</param>
    /// <param name="Attention">Attention of each layer.</param>
    /// <param name="Space">The mixer of each.</param>
    /// <param name="Epsilon">Of norms.</param>
    /// <param name="Width">Of the feed-forward part.</param>
    /// <param name="Activation">Of its gate.</param>
    /// <param name="Bias">Whether its projections have biases.</param>
    /// <param name="Times">The constants.</param>
    internal sealed record Config(DecoderSizes Sizes, SelfAttention Attention, HeadedStateSpace Space, double Epsilon, int Width, Activation Activation, bool Bias, Multipliers Times)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("mamba_chunk_size", "num_logits_to_keep", "time_step_max", "time_step_min", "layer_types", "layers_block_type");
            var sizes = DecoderSizes.Read(json, vocab: 128000, hidden: 4096, layers: 32, heads: 32, positions: 8192, kvHeads: 8, padding: 0);
            var (epsilon, bias, activation) = (json.Double("rms_norm_eps", 1e-5), json.Bool("attention_bias", false), json.Activation("hidden_act", "silu"));
            var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions))
            { Bias = bias, OutputBias = bias, How = new(sizes.Scale * json.Double("key_multiplier", 1)) };                  // keys are only ever multiplied with queries
            var width = json.IntOrNull("mamba_d_ssm") ?? (json.Element.TryGetProperty("mamba_d_ssm", out _) ? json.Count("mamba_expand", 2) * sizes.HiddenSize : 1024);
            json.Ignore("mamba_expand");
            var (heads, size) = Bamba.StateHeads(json, width);
            int groups = json.Count("mamba_n_groups", 1);
            var (norms, first) = (json.Bool("mamba_rms_norm", false), json.Bool("mamba_norm_before_gate", true));
            var parts = json.Doubles("ssm_multipliers", [1, 1, 1, 1, 1]);
            if (parts.Length != 5) json.Problem("ssm_multipliers", $"{parts.Length} numbers", "5");
            var space = new HeadedStateSpace(heads, size, json.Count("mamba_d_state", 256), groups, json.Count("mamba_d_conv", 4), activation)
            {
                ConvolutionBias = json.Bool("mamba_conv_bias", true),
                Bias = json.Bool("mamba_proj_bias", false),
                OutputBias = json.Bool("projectors_bias", false),
                TimeSteps = json.TimeSteps(),
                Multipliers = parts,
                GatedNorm = (m, y, gate) => Gated(m, y, gate, norms, first, groups, epsilon),
            };
            var mlp = json.Doubles("mlp_multipliers", [1, 1]);
            if (mlp.Length != 2) json.Problem("mlp_multipliers", $"{mlp.Length} numbers", "2");
            double One(string key) => json.Double(key, 1);
            var times = new Multipliers(One("embedding_multiplier"), One("attention_in_multiplier"), One("attention_out_multiplier"), One("ssm_in_multiplier"), One("ssm_out_multiplier"), mlp.ElementAtOrDefault(0), mlp.ElementAtOrDefault(1), One("lm_head_multiplier"));
            return new(sizes, attention, space, epsilon, json.Count("intermediate_size", 14336), activation, json.Bool("mlp_bias", false), times);
        }

        /// <summary>The gate alone, or with a norm within each group, before or behind it.</summary>
        private static Value Gated(Module m, Value y, Value gate, bool norms, bool first, int groups, double epsilon)
        {
            var open = Activate(m, Activation.Named("silu"), gate);
            if (!norms) return Op.Cast(y, gate.Type) * open;
            return first ? GroupedRmsNorm(m["norm"], y, epsilon, groups) * open : GroupedRmsNorm(m["norm"], y * Wide(open), epsilon, groups);
        }
    }

    private Value FeedForward(Module m, Value h)                                                    // [B, S, D] -> [B, S, D]
    {
        var gate = Activate(m, c.Activation, Linear(m["gate_proj"], h, c.Width, c.Bias) * c.Times.Gate);
        return Linear(m["down_proj"], Linear(m["up_proj"], h, c.Width, c.Bias) * gate, c.Sizes.HiddenSize, c.Bias) * c.Times.Down;
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        var (normed, t) = (RmsNorm(m["input_layernorm"], h, c.Epsilon), c.Times);
        var mixed = MixByHeads(m["mamba"], x, i, normed * t.SpaceIn, c.Space) * t.SpaceOut;
        h += mixed + Attention(m["self_attn"], x, i, normed * t.AttentionIn, c.Attention) * t.AttentionOut;
        return h + FeedForward(m["feed_forward"], RmsNorm(m["pre_ff_layernorm"], h, c.Epsilon));
    }

    private Value Hidden(CausalInputs x)                                                            // [B, S] -> [B, S, D]
    {
        var s = c.Sizes;
        var h = TokenEmbedding(m["embed_tokens"], m.Root["lm_head"], x, s.VocabSize, s.HiddenSize, s.Tied) * c.Times.Embedding;
        return RmsNorm(m["final_layernorm"], m["layers"].Fold(s.Layers, h, (layer, i, h) => Layer(layer, i, h, x)), c.Epsilon);
    }

    private Value Logits(Value h) => OutputTable(m.Root["lm_head"], m["embed_tokens"], h, c.Sizes.VocabSize, c.Sizes.Tied) * c.Times.Logits;

    private CausalNetwork Network => new(m, c.Sizes, Hidden, Logits) { HasStates = true };

    internal static readonly ModelFamily Family = CausalFamily.Of("falcon_h1", "model", Config.Read, (c, m) => new FalconH1(c, m).Network);
}
