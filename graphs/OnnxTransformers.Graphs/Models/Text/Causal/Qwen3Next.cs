using System.Collections.Immutable;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>Qwen3-Next (Qwen Team, 2025): three layers with a gated delta rule to one of gated attention, norms of 1 + weight, experts; and Qwen3.5 (2026), its text part, dense or with experts. Qwen3-Next-80B-A3B, Qwen3.5-*.
/// Reference: models/qwen3_next/modeling_qwen3_next.py, models/qwen3_5, models/qwen3_5_moe.</summary>
internal sealed class Qwen3Next(Qwen3Next.Config c, Module m)
{
    /// <summary>Sizes of the layers with a delta rule.</summary>
    internal sealed record Delta(int KeyHeads, int ValueHeads, int KeySize, int ValueSize, int Kernel);

    /// <param name="Sizes">Its sizes.</param>
    /// <param name="Linear">Which layers have a delta rule.</param>
    /// <param name="Rule">Its sizes.</param>
    /// <param name="Rotary">Positions of the others.</param>
    /// <param name="Bias">Whether projections of attention have biases.</param>
    /// <param name="Epsilon">Of norms.</param>
    /// <param name="Width">Of the feed-forward part of dense layers.</param>
    /// <param name="Activation">Of gates and convolutions.</param>
    /// <param name="Joined">Whether queries, keys, values and gates of a key head stand side by side in one projection.</param>
    internal sealed record Config(DecoderSizes Sizes, ImmutableArray<bool> Linear, Delta Rule, Rotary Rotary, bool Bias, double Epsilon, int Width, Activation Activation, bool Joined)
    {
        /// <summary>The part with experts; null where no layer has any.</summary>
        internal SparsePart? Part { get; init; }

        /// <summary>Which layers have experts.</summary>
        internal ImmutableArray<bool> Sparse { get; init; } = [.. Linear.Select(_ => false)];
    }

    private static Config ReadNext(ConfigReader json)
    {
        var sizes = DecoderSizes.Read(json, vocab: 151936, hidden: 2048, layers: 48, heads: 16, positions: 32768, kvHeads: 2, headSize: 256);
        var part = ReadPart(json, experts: 512, perToken: 10) with { Normalized = json.Bool("norm_topk_prob", true) };
        return Read(json, sizes, width: 5632, joined: true) with { Part = part, Sparse = MoeLlama.Steps(json, sizes.Layers) };
    }

    private static Config ReadDense(ConfigReader json) => Read(json, DecoderSizes.Read(json, vocab: 248320, hidden: 4096, layers: 32, heads: 16, positions: 32768, kvHeads: 4, headSize: 256), width: 12288, joined: false);

    private static Config ReadMoe(ConfigReader json)
    {
        json.Ignore("intermediate_size");                                                           // all layers have experts
        var sizes = DecoderSizes.Read(json, vocab: 248320, hidden: 2048, layers: 40, heads: 16, positions: 32768, kvHeads: 2, headSize: 256);
        return Read(json, sizes, width: 1, joined: false) with { Part = ReadPart(json, experts: 256, perToken: 8) with { Normalized = true }, Sparse = MoeLlama.Everywhere(sizes.Layers) };
    }

    private static Config Read(ConfigReader json, DecoderSizes sizes, int width, bool joined)
    {
        json.Ignore("mlp_only_layers", "decoder_sparse_step");
        var every = json.Count("full_attention_interval", 4);
        var linear = json.LayerKinds(sizes.Layers, i => (i + 1) % every == 0 ? "full_attention" : "linear_attention", "full_attention", "linear_attention").Select(k => k == "linear_attention");
        var rule = new Delta(json.Count("linear_num_key_heads", 16), json.Count("linear_num_value_heads", 32), json.Count("linear_key_head_dim", 128), json.Count("linear_value_head_dim", 128), json.Count("linear_conv_kernel_dim", 4));
        if (rule.ValueHeads % rule.KeyHeads != 0) json.Problem("linear_num_key_heads", $"{rule.KeyHeads}", $"a divisor of the {rule.ValueHeads} value heads");
        return new(sizes, [.. linear], rule, RotaryConfig.ReadBeside(json, sizes.HeadSize, sizes.MaxPositions, partial: 0.25, "mrope_section", "mrope_interleaved"), json.Bool("attention_bias", false), json.Double("rms_norm_eps", 1e-6), json.Count("intermediate_size", width),
            json.Activation("hidden_act", "silu"), joined);
    }

    private static SparsePart ReadPart(ConfigReader json, int experts, int perToken)
    {
        json.Ignore("router_aux_loss_coef", "output_router_logits");
        return new(json.CountOf(experts, "num_experts", "num_local_experts"), json.Count("num_experts_per_tok", perToken), json.Count("moe_intermediate_size", 512), json.Activation("hidden_act", "silu"), ExpertScores.Softmax)
        { SharedWidth = json.Count("shared_expert_intermediate_size", 512), Shared = "shared_expert", SharedGate = "shared_expert_gate" };
    }

    private Value Norm(Module m, Value h) => RmsNorm(m, h, c.Epsilon, offset: 1);

    private Value Attend(Module m, int i, Value h, CausalInputs x)                                  // [B, S, D] -> [B, S, D]
    {
        var (s, width) = (c.Sizes, (long)c.Sizes.Heads * c.Sizes.HeadSize);
        var both = Op.Reshape(Linear(m["q_proj"], h, 2 * width, c.Bias), [0, 0, s.Heads, 2 * s.HeadSize]);      // of each head, a query and a gate
        var gate = Op.Reshape(Op.Slice(both, 3, s.HeadSize, 2 * s.HeadSize), [0, 0, width]);
        Value Keys(string name) => SplitHeads(Linear(m[name], h, (long)s.KvHeads * s.HeadSize, c.Bias), s.KvHeads);
        var q = Rotate(Norm(m["q_norm"], Op.Transpose(Op.Slice(both, 3, 0, s.HeadSize), [0, 2, 1, 3])), c.Rotary, x);
        var k = Rotate(Norm(m["k_norm"], Keys("k_proj")), c.Rotary, x);
        return Linear(m["o_proj"], AttendCausal(m, x, i, q, k, Keys("v_proj"), new(s.Scale)) * Op.Sigmoid(gate), s.HiddenSize, c.Bias);
    }

    /// <summary>Queries, keys and values side by side, the gate, and what strength and decay come from. -> [B, S, 2 * keys + values], [B, S, Hv, dv], [B, S, Hv] twice.</summary>
    private (Value Mixed, Value Gate, Value Strength, Value Decay) Project(Module m, Value h)
    {
        var r = c.Rule;
        long keys = (long)r.KeyHeads * r.KeySize, values = (long)r.ValueHeads * r.ValueSize, times = r.ValueHeads / r.KeyHeads;
        Value Heads(Value v) => Op.Reshape(v, [0, 0, r.ValueHeads, r.ValueSize]);
        if (!c.Joined) return (Linear(m["in_proj_qkv"], h, 2 * keys + values, bias: false), Heads(Linear(m["in_proj_z"], h, values, bias: false)),
            Linear(m["in_proj_b"], h, r.ValueHeads, bias: false, MatrixRole.Rate), Linear(m["in_proj_a"], h, r.ValueHeads, bias: false, MatrixRole.Rate));
        var byHead = Split(Op.Reshape(Linear(m["in_proj_qkvz"], h, 2 * keys + 2 * values, bias: false), [0, 0, r.KeyHeads, 2 * r.KeySize + 2 * times * r.ValueSize]), r.KeySize, r.KeySize, times * r.ValueSize, times * r.ValueSize);
        var rates = Split(Op.Reshape(Linear(m["in_proj_ba"], h, 2L * r.ValueHeads, bias: false, MatrixRole.Rate), [0, 0, r.KeyHeads, 2 * times]), times, times);
        Value Flat(Value v, long width) => Op.Reshape(v, [0, 0, width]);
        return (Op.Concat(2, Flat(byHead[0], keys), Flat(byHead[1], keys), Flat(byHead[2], values)), Heads(byHead[3]), Flat(rates[0], r.ValueHeads), Flat(rates[1], r.ValueHeads));
    }

    private Value Remember(Module m, int i, Value h, CausalInputs x)                                // [B, S, D] -> [B, S, D]
    {
        var r = c.Rule;
        long keys = (long)r.KeyHeads * r.KeySize, values = (long)r.ValueHeads * r.ValueSize;
        var (mixed, gate, strength, decay) = Project(m, h * x.Present);
        var seen = Split(Activate(m, c.Activation, CausalConvolution(m["conv1d"], x, i, mixed, r.Kernel, bias: false)), keys, keys, values);
        Value Keys(Value v) => RepeatTokens(Op.Reshape(v, [0, 0, r.KeyHeads, r.KeySize]), r.ValueHeads / r.KeyHeads);
        var left = Remaining(m, decay);
        var result = DeltaRule(m, x, i, Keys(seen[0]), Keys(seen[1]), Op.Reshape(seen[2], [0, 0, r.ValueHeads, r.ValueSize]), Op.Unsqueeze(left, 3), Op.Sigmoid(strength));
        var gated = GroupedRmsNorm(m["norm"], result, c.Epsilon) * Activate(m, Silu, gate);
        return Linear(m["out_proj"], Op.Reshape(gated, [0, 0, values]), c.Sizes.HiddenSize, bias: false);
    }

    private static readonly Activation Silu = Activation.Named("silu");

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        var normed = Norm(m["input_layernorm"], h);
        h += c.Linear[i] ? Remember(m["linear_attn"], i, normed, x) : Attend(m["self_attn"], i, normed, x);
        normed = Norm(m["post_attention_layernorm"], h);
        return h + (c.Sparse[i] ? SparseFeedForward(m["mlp"], normed, c.Part!) : GatedFeedForward(m["mlp"], normed, c.Width, c.Activation));
    }

    private Value Hidden(CausalInputs x)                                                            // [B, S] -> [B, S, D]
    {
        var s = c.Sizes;
        var h = TokenEmbedding(m["embed_tokens"], m.Root["lm_head"], x, s.VocabSize, s.HiddenSize, s.Tied);
        return Norm(m["norm"], m["layers"].Fold(s.Layers, h, (layer, i, h) => Layer(layer, i, h, x)));
    }

    private CausalNetwork Network => new(m, c.Sizes, Hidden, h => OutputTable(m.Root["lm_head"], m["embed_tokens"], h, c.Sizes.VocabSize, c.Sizes.Tied))
    { Cache = [.. c.Linear.Select(l => l ? null : new KeyValueSizes(c.Sizes.KvHeads, c.Sizes.HeadSize, c.Sizes.HeadSize))], HasStates = true };

    private static ModelFamily Of(string modelType, Func<ConfigReader, Config> read) =>
        CausalFamily.Of(modelType, "model", read, (c, m) => new Qwen3Next(c, m).Network, new SkippedTensors("mtp", "layers that predict several tokens at once, which the reference does not read"));

    internal static readonly ModelFamily Family = Of("qwen3_next", ReadNext);
    internal static readonly ModelFamily Qwen35 = Of("qwen3_5_text", ReadDense);
    internal static readonly ModelFamily Qwen35Moe = Of("qwen3_5_moe_text", ReadMoe);
}
