using System.Collections.Immutable;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>OLMo Hybrid (Team OLMo, 2026): OLMo 2's attention with norms behind it on every fourth layer, gated delta rules with norms before them on the others. Olmo-Hybrid-7B. Reference: models/olmo_hybrid/modeling_olmo_hybrid.py.</summary>
internal sealed class OlmoHybrid(OlmoHybrid.Config c, Module m)
{
    private const double GateEpsilon = 1e-5;                                                        // of the gated norm, whatever rms_norm_eps says
    private static readonly Activation Silu = Activation.Named("silu");

    /// <param name="Base">What it has of LLaMA.</param>
    /// <param name="Linear">Which layers have a delta rule.</param>
    /// <param name="Rule">Its sizes.</param>
    /// <param name="Negative">Whether what is corrected may be overshot.</param>
    internal sealed record Config(Llama.Config Base, ImmutableArray<bool> Linear, Qwen3Next.Delta Rule, bool Negative)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("linear_a_log_max", "linear_a_log_min", "linear_dt_init_floor", "linear_dt_max", "linear_dt_min");      // how weights began
            var sizes = DecoderSizes.Read(json, vocab: 100352, hidden: 3840, layers: 32, heads: 30, positions: 65536, padding: 100277);
            var kinds = json.LayerKinds(sizes.Layers, i => i % 4 == 3 || (sizes.Layers < 4 && i == sizes.Layers - 1) ? "full_attention" : "linear_attention", "full_attention", "linear_attention");
            var (bias, epsilon) = (json.Bool("attention_bias", false), json.Double("rms_norm_eps", 1e-6));
            // No settings are no positions.
            var rotary = json.Has("rope_parameters") || json.Has("rope_theta") || json.Has("rope_scaling") ? RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions) : null;
            var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, rotary) { Bias = bias, OutputBias = bias, WholeNorm = (m, x) => RmsNorm(m, x, epsilon) };
            int keyHeads = json.Count("linear_num_key_heads", sizes.Heads), valueHeads = json.Count("linear_num_value_heads", sizes.Heads);
            var keySize = json.Count("linear_key_head_dim", (int)(0.75 * sizes.HiddenSize / keyHeads));
            var rule = new Qwen3Next.Delta(keyHeads, valueHeads, keySize, json.Count("linear_value_head_dim", 2 * keySize), json.Count("linear_conv_kernel_dim", 4));
            if (valueHeads % keyHeads != 0) json.Problem("linear_num_key_heads", $"{keyHeads}", $"a divisor of the {valueHeads} value heads");
            return new(Llama.Config.Of(json, sizes, _ => attention, width: 11008), [.. kinds.Select(k => k == "linear_attention")], rule, json.Bool("linear_allow_neg_eigval", true));
        }
    }

    private Value Remember(Module m, int i, Value h, CausalInputs x)                                // [B, S, D] -> [B, S, D]
    {
        var r = c.Rule;
        h *= x.Present;
        Value Seen(string part, string name, int heads, int size)
        {
            var projected = Linear(m[$"{name}_proj"], h, (long)heads * size, bias: false);
            return Op.Reshape(Activate(m, Silu, CausalConvolution(m[$"{name}_conv1d"], x, i, projected, r.Kernel, bias: false, part)), [0, 0, heads, size]);
        }
        var times = r.ValueHeads / r.KeyHeads;
        Value q = RepeatTokens(Seen("query", "q", r.KeyHeads, r.KeySize), times), k = RepeatTokens(Seen("key", "k", r.KeyHeads, r.KeySize), times), v = Seen("value", "v", r.ValueHeads, r.ValueSize);
        var strength = Op.Sigmoid(Linear(m["b_proj"], h, r.ValueHeads, bias: false, MatrixRole.Rate));
        if (c.Negative) strength *= 2;
        var left = Remaining(m, Linear(m["a_proj"], h, r.ValueHeads, bias: false, MatrixRole.Rate));
        var result = GroupedRmsNorm(m["o_norm"], DeltaRule(m, x, i, q, k, v, Op.Unsqueeze(left, 3), strength), GateEpsilon);
        var gate = Linear(m["g_proj"], h, (long)r.ValueHeads * r.ValueSize, bias: false);
        return Linear(m["o_proj"], Op.Reshape(result, [0, 0, (long)r.ValueHeads * r.ValueSize]) * Activate(m, Silu, gate), c.Base.Sizes.HiddenSize, bias: false);
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        Value Norm(Value v, params ReadOnlySpan<string> names) => RmsNorm(m[Stored(m, names)], v, c.Base.Epsilon);
        Value FeedForward(Value v) => GatedFeedForward(m["mlp"], v, c.Base.Width, c.Base.Activation);
        if (c.Linear[i])
        {
            h += Remember(m["linear_attn"], i, Norm(h, "attention_layer_norm", "input_layernorm"), x);
            return h + FeedForward(Norm(h, "feedforward_layer_norm", "post_attention_layernorm"));
        }
        h += Norm(Attention(m["self_attn"], x, i, h, c.Base.Layers[i]), "feedforward_layer_norm", "post_attention_layernorm");
        return h + Norm(FeedForward(h), "post_feedforward_layernorm");
    }

    /// <summary>The first of several names that a checkpoint may have given a module.</summary>
    private static string Stored(Module m, ReadOnlySpan<string> names)
    {
        foreach (var name in names)
            if (m[name].Has("weight")) return name;
        return names[0];
    }

    private CausalNetwork Network => CausalNetwork.Of(m, c.Base.Sizes, c.Base.Epsilon, Layer) with
    {
        Cache = [.. c.Linear.Select((linear, i) => linear ? null : c.Base.Layers[i].Cache)],
        HasStates = true,
        Positions = c.Base.Layers[0].Rotary is null ? PositionInput.None : PositionInput.Relative,
    };

    internal static readonly ModelFamily Family = CausalFamily.Of("olmo_hybrid", "model", Config.Read, (c, m) => new OlmoHybrid(c, m).Network);
}
