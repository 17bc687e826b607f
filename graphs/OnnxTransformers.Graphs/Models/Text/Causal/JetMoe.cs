using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>JetMoE (Shen et al., 2024): experts in the feed-forward part, and others that project queries and outputs around keys and values for all. jetmoe-8b. Reference: models/jetmoe/modeling_jetmoe.py.</summary>
internal sealed class JetMoe(JetMoe.Config c, Module m)
{
    internal sealed record Config(DecoderSizes Sizes, Rotary Rotary, int Width, Activation Activation, double Epsilon, int Experts, int PerToken)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("output_router_logits", "aux_loss_coef", "router_aux_loss_coef", "num_layers");
            var (kvHeads, k) = (json.Count("num_key_value_heads", 16), json.Count("num_experts_per_tok", 2));
            var size = json.Count("kv_channels", 128);
            var sizes = DecoderSizes.Read(json, vocab: 32000, hidden: 2048, layers: 12, heads: kvHeads * k, positions: 4096, kvHeads: kvHeads, headSize: size, tied: true);
            if (sizes.Heads != kvHeads * k) json.Problem("num_attention_heads", $"{sizes.Heads}", $"{kvHeads * k}, num_key_value_heads times num_experts_per_tok");
            return new(sizes, RotaryConfig.Read(json, size, sizes.MaxPositions), json.Count("intermediate_size", 5632), json.Activation("activation_function", "silu"), json.Double("rms_norm_eps", 1e-6), json.Count("num_local_experts", 8), k);
        }
    }

    private Value Attention(Module m, int i, Value h, CausalInputs x)                               // [B, S, D] -> [B, S, D]
    {
        var (s, e, g) = (c.Sizes, m["experts"], m.Graph);
        long width = (long)s.KvHeads * s.HeadSize;
        var rows = TokenRows(h);
        var routing = TopThenSoftmax(Linear(e["router.layer"], rows, c.Experts, bias: false, MatrixRole.Router), c.PerToken);

        // A place for each token and expert of it: [N * k, D].
        var places = Op.Reshape(Op.Expand(Op.Unsqueeze(rows, 1), g.Constant(1, c.PerToken, 1), new Shape(rows.Shape[0], c.PerToken, rows.Shape[1])), [-1, s.HiddenSize]);
        var to = Op.Reshape(routing.Experts, [-1, 1]);
        var gates = Op.Reshape(routing.Weights, [-1, 1]);
        var ones = Op.Expand(g.Scalar(1, rows.Type), Op.ShapeOf(to, 0, 2), to.Shape);
        Weight Matrix(string name, int expert, long outer, long inner) => e[name].Weight("weight", c.Experts, outer, inner).Slice(0, expert, 1).Reshape(outer, inner);
        var queries = MixExperts(e["input_linear"], places, new(to, ones), c.Experts, (n, p) => Product(p, Matrix("input_linear", n, width, s.HiddenSize), null));   // [N * k, K * d]

        var q = SplitHeads(LikeTokens(Op.Reshape(queries, [-1, c.PerToken * width], remaining: rows.Shape[0]), h), s.Heads);                                       // heads by expert, then by key head
        var kv = Split(Linear(m["kv_proj"], h, 2 * width, bias: false), width, width);
        var (k, v) = Remember(m, x, i, Rotate(SplitHeads(kv[0], s.KvHeads), c.Rotary, x), SplitHeads(kv[1], s.KvHeads));
        Value[] keys = [.. Enumerable.Repeat(k, c.PerToken)], values = [.. Enumerable.Repeat(v, c.PerToken)];
        var context = AttendTo(m, x, Rotate(q, c.Rotary, x), Op.Concat(1, keys), Op.Concat(1, values), new(s.Scale));                                               // [B, S, k * K * d]

        var results = MixExperts(e["output_linear"], Op.Reshape(context, [-1, width], remaining: places.Shape[0]), new(to, gates), c.Experts, (n, p) => Product(p, Matrix("output_linear", n, s.HiddenSize, width), null));
        var sum = Op.ReduceSum(Op.Reshape(results, [-1, c.PerToken, s.HiddenSize], remaining: rows.Shape[0]), 1, keep: false);
        return LikeTokens(sum, h) + (Value)e.Weight("bias", s.HiddenSize);
    }

    private Value FeedForward(Module m, Value h)                                                    // [B, S, D] -> [B, S, D]
    {
        var rows = TokenRows(h);
        var routing = TopThenSoftmax(Linear(m["router.layer"], rows, c.Experts, bias: false, MatrixRole.Router), c.PerToken);
        return LikeTokens(StackedExperts(m, rows, routing, c.Experts, c.Width, c.Activation, "input_linear.weight", "output_linear.weight"), h) + (Value)m.Weight("bias", c.Sizes.HiddenSize);
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        h += Attention(m["self_attention"], i, RmsNorm(m["input_layernorm"], h, c.Epsilon), x);
        return h + FeedForward(m["mlp"], RmsNorm(m["post_attention_layernorm"], h, c.Epsilon));
    }

    private CausalNetwork Network => CausalNetwork.Of(m, c.Sizes, c.Epsilon, Layer);

    internal static readonly ModelFamily Family = CausalFamily.Of("jetmoe", "model", Config.Read, (c, m) => new JetMoe(c, m).Network);
}
