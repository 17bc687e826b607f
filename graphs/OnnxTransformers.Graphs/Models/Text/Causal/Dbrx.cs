using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>DBRX (Databricks, 2024): grouped attention with clipped projections, layer norms without shift, experts stacked in three matrices. dbrx-base, dbrx-instruct. Reference: models/dbrx/modeling_dbrx.py.</summary>
internal sealed class Dbrx(Dbrx.Config c, Module m)
{
    private const float Epsilon = 1e-5f;

    /// <param name="Sizes">Its sizes.</param>
    /// <param name="Rotary">Positions.</param>
    /// <param name="Clip">Projections are limited to this; 0 for no limit.</param>
    /// <param name="Width">Of an expert.</param>
    /// <param name="Activation">Of its gate.</param>
    /// <param name="Experts">E.</param>
    /// <param name="PerToken">k.</param>
    /// <param name="Norm">The chosen weights are divided by this norm of theirs; null for none.</param>
    internal sealed record Config(DecoderSizes Sizes, Rotary Rotary, double Clip, int Width, Activation Activation, int Experts, int PerToken, double? Norm)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("num_key_value_heads", "emb_pdrop", "output_router_logits", "router_aux_loss_coef");
            var empty = ConfigReader.Parse("{}"u8.ToArray(), json.File);
            ConfigReader attention = json.Object("attn_config") ?? empty, experts = json.Object("ffn_config") ?? empty;
            attention.Ignore("model_type", "attn_pdrop");
            experts.Ignore("model_type", "moe_jitter_eps", "moe_loss_weight", "uniform_expert_assignment", "hidden_size");
            var sizes = DecoderSizes.Read(json, vocab: 32000, hidden: 2048, layers: 24, heads: 16, positions: json.Count("max_seq_len", 2048), kvHeads: attention.Count("kv_n_heads", 1), kvKey: "kv_n_heads");
            var rotary = RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions, theta: attention.Double("rope_theta", 10000));
            var activation = experts.Object("ffn_act_fn")?.Activation("name", "silu") ?? Activation.Named("silu");
            return new(sizes, rotary, attention.Double("clip_qkv", 0), experts.Count("ffn_hidden_size", 3584), activation, experts.Count("moe_num_experts", 4), experts.Count("moe_top_k", 1),
                experts.DoubleOrNull("moe_normalize_expert_weights") ?? (experts.Element.TryGetProperty("moe_normalize_expert_weights", out _) ? null : 1));
        }
    }

    private Value Attention(Module m, int i, Value h, CausalInputs x)                               // [B, S, D] -> [B, S, D]
    {
        var s = c.Sizes;
        long width = (long)s.Heads * s.HeadSize, kvWidth = (long)s.KvHeads * s.HeadSize;
        var fused = Linear(m["Wqkv"], h, width + 2 * kvWidth, bias: false);
        var qkv = Split(c.Clip > 0 ? Op.Clip(fused, -c.Clip, c.Clip) : fused, width, kvWidth, kvWidth);
        Value q = Rotate(SplitHeads(qkv[0], s.Heads), c.Rotary, x), k = Rotate(SplitHeads(qkv[1], s.KvHeads), c.Rotary, x);
        return Linear(m["out_proj"], AttendCausal(m, x, i, q, k, SplitHeads(qkv[2], s.KvHeads), new(s.Scale)), s.HiddenSize, bias: false);
    }

    private Value FeedForward(Module m, Value h)                                                    // [B, S, D] -> [B, S, D]
    {
        var rows = TokenRows(h);
        var routing = Top(Op.Softmax(Linear(m["router.layer"], rows, c.Experts, bias: false, MatrixRole.Router), -1), c.PerToken);
        if (c.Norm is { } p)
        {
            Value Scalar(double n) => m.Graph.Scalar(n, rows.Type);
            var sum = Op.ReduceSum(p == 1 ? routing.Weights : Op.Pow(routing.Weights, Scalar(p)), 1, keep: true);
            routing = routing with { Weights = routing.Weights / (p == 1 ? sum : Op.Pow(sum, Scalar(1 / p))) };
        }
        var mlp = m["experts.mlp"];
        Weight Matrix(string name, int e) => mlp.Weight(name, (long)c.Experts * c.Width, c.Sizes.HiddenSize).Slice(0, (long)e * c.Width, c.Width);   // [width, D]
        return LikeTokens(MixExperts(mlp, rows, routing, c.Experts, (e, t) =>
            ProductInOut(Activate(mlp, c.Activation, Product(t, Matrix("w1", e), null)) * Product(t, Matrix("v1", e), null), Matrix("w2", e), null)), h);
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        var block = m["norm_attn_norm"];
        h += Attention(block["attn"], i, ScaleNorm(block["norm_1"], h, Epsilon), x);
        return h + FeedForward(m["ffn"], ScaleNorm(block["norm_2"], h, Epsilon));
    }

    private Value Hidden(CausalInputs x)                                                            // [B, S] -> [B, S, D]
    {
        var h = TokenEmbedding(m["wte"], m.Root["lm_head"], x, c.Sizes.VocabSize, c.Sizes.HiddenSize, c.Sizes.Tied);
        return ScaleNorm(m["norm_f"], m["blocks"].Fold(c.Sizes.Layers, h, (layer, i, h) => Layer(layer, i, h, x)), Epsilon);
    }

    private Value Logits(Value h) => OutputTable(m.Root["lm_head"], m["wte"], h, c.Sizes.VocabSize, c.Sizes.Tied);

    private CausalNetwork Network => new(m, c.Sizes, Hidden, Logits);

    internal static readonly ModelFamily Family = CausalFamily.Of("dbrx", "transformer", Config.Read, (c, m) => new Dbrx(c, m).Network);
}
