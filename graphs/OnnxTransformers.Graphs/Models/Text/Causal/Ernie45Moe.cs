using System.Collections.Immutable;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>ERNIE 4.5 with experts (Baidu, 2025): LLaMA's attention with interleaved rotary positions, experts by a softmax with a bias for the choice only, some experts for all. ERNIE-4.5-21B-A3B, -300B-A47B.
/// Reference: models/ernie4_5_moe/modeling_ernie4_5_moe.py.</summary>
internal sealed class Ernie45Moe(Ernie45Moe.Config c, Module m)
{
    internal sealed record Config(Llama.Config Base, int Experts, int PerToken, int Width, int Shared, double LeastSum, ImmutableArray<bool> Sparse)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("output_router_logits", "router_aux_loss_coef");
            var sizes = DecoderSizes.Read(json, vocab: 103424, hidden: 2560, layers: 28, heads: 20, positions: 131072, kvHeads: 4, tied: true, padding: 0);
            var bias = json.Bool("use_bias", false);
            var rotary = RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions, theta: 500000) with { Pairs = RotaryPairs.Interleaved };
            var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, rotary) { Bias = bias, OutputBias = bias };
            var llama = Llama.Config.Of(json, sizes, _ => attention, width: 12288, epsilon: 1e-5) with { FeedForwardBias = bias };
            int first = json.Int("moe_layer_start_index", 1), last = json.Int("moe_layer_end_index", -1), step = json.Count("moe_layer_interval", 1);
            return new(llama, json.CountOf(64, "moe_num_experts", "num_experts"), json.CountOf(6, "moe_k", "num_experts_per_tok"), json.Count("moe_intermediate_size", 1536), json.Count("moe_num_shared_experts", 2, least: 0),
                json.Double("moe_norm_min", 1e-12), [.. Enumerable.Range(0, sizes.Layers).Select(i => (i + 1) % step == 0 && i >= first && i <= (last == -1 ? sizes.Layers - 1 : last))]);
        }
    }

    private Value Experts(Module m, Value h)                                                        // [B, S, D] -> [B, S, D]
    {
        var rows = TokenRows(h);
        var scores = Op.Softmax(Linear(m["gate"], rows, c.Experts, bias: false, MatrixRole.Router), -1);
        var routing = TopWithBias(scores, m["moe_statics"].Weight("e_score_correction_bias", 1, c.Experts), c.PerToken, null);
        routing = routing with { Weights = routing.Weights / Op.Max(Op.ReduceSum(routing.Weights, 1, keep: true), m.Graph.Scalar(c.LeastSum, rows.Type)) };
        var mixed = GatedExperts(m["experts"], rows, routing, c.Experts, c.Width, c.Base.Activation, bias: c.Base.FeedForwardBias);
        return LikeTokens(c.Shared == 0 ? mixed : mixed + GatedFeedForward(m["shared_experts"], rows, c.Shared * c.Width, c.Base.Activation, c.Base.FeedForwardBias), h);
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        h += Attention(m["self_attn"], x, i, RmsNorm(m["input_layernorm"], h, c.Base.Epsilon), c.Base.Layers[i]);
        var normed = RmsNorm(m["post_attention_layernorm"], h, c.Base.Epsilon);
        return h + (c.Sparse[i] ? Experts(m["mlp"], normed) : GatedFeedForward(m["mlp"], normed, c.Base.Width, c.Base.Activation, c.Base.FeedForwardBias));
    }

    private Value Logits(Value h) => OutputTable(m.Root["lm_head"], m["embed_tokens"], h, c.Base.Sizes.VocabSize, c.Base.Sizes.Tied, c.Base.FeedForwardBias);

    private CausalNetwork Network => CausalNetwork.Of(m, c.Base.Sizes, c.Base.Epsilon, Layer) with { Logits = Logits };

    internal static readonly ModelFamily Family = CausalFamily.Of("ernie4_5_moe", "model", Config.Read, (c, m) => new Ernie45Moe(c, m).Network);
}
