using System.Collections.Immutable;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>gpt-oss (OpenAI, 2025): sinks beside the keys, windows on every other layer, experts with clamped gates and biases, stored as bfloat16 or MXFP4. gpt-oss-20b, -120b. Reference: models/gpt_oss/modeling_gpt_oss.py.</summary>
internal sealed class GptOss(GptOss.Config c, Module m)
{
    internal sealed record Config(DecoderSizes Sizes, ImmutableArray<SelfAttention> Layers, double Epsilon, int Width, int Experts, int PerToken, double Alpha, double Limit)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("router_aux_loss_coef", "output_router_logits", "hidden_act", "initial_context_length", "quantization_config");   // the activation is fixed; MXFP4 shows in the tensors' names
            if (json.Object("quantization_config") is { } quantization)
            {
                quantization.Ignore("modules_to_not_convert");
                quantization.OneOf("quant_method", true, ("mxfp4", true));
            }
            var sizes = DecoderSizes.Read(json, vocab: 201088, hidden: 2880, layers: 36, heads: 64, positions: 131072, kvHeads: 8, headSize: 64);
            var bias = json.Bool("attention_bias", true);
            var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions, theta: 150000)) { Bias = bias, OutputBias = bias, Sinks = "sinks" };
            var window = json.Count("sliding_window", 128);
            var slides = json.Sliding(sizes.Layers, i => i % 2 == 0);
            return new(sizes, [.. slides.Select(s => attention with { How = attention.How with { Window = s ? window : 0 } })], json.Double("rms_norm_eps", 1e-5), json.Count("intermediate_size", 2880),
                json.CountOf(128, "num_local_experts", "num_experts"), json.CountOf(4, "num_experts_per_tok", "experts_per_token"), json.Double("swiglu_alpha", 1.702), json.Double("swiglu_limit", 7));
        }
    }

    private Value Experts(Module m, Value h)                                                        // [B, S, D] -> [B, S, D]
    {
        var rows = TokenRows(h);
        var routing = TopThenSoftmax(Linear(m["router"], rows, c.Experts, role: MatrixRole.Router), c.PerToken);
        var experts = m["experts"];
        var mixed = FusedExperts(experts, rows, routing, c.Experts, new Gating(c.Alpha, 1, c.Limit), e => Matrices(experts, e),
            (experts.Weight("gate_up_proj_bias", c.Experts, 2 * c.Width), experts.Weight("down_proj_bias", c.Experts, c.Sizes.HiddenSize)));
        return LikeTokens(mixed ?? MixExperts(experts, rows, routing, c.Experts, (e, x) => Expert(experts, e, x)), h);
    }

    private ExpertMatrices Matrices(Module m, int e)
    {
        Weight input = Matrix(m, e, "gate_up_proj", c.Sizes.HiddenSize, 2 * c.Width), output = Matrix(m, e, "down_proj", c.Width, c.Sizes.HiddenSize);
        return new([input, output], input, output);                                                 // gate and up lie side by side
    }

    private Value Expert(Module m, int e, Value x)                                                  // [n, D] -> [n, D]
    {
        var pairs = Op.Reshape(Times(m, e, x, "gate_up_proj", 2 * c.Width), [0, c.Width, 2]);
        Value gate = Op.Min(Op.Select(pairs, 2, 0), x.Graph.Scalar(c.Limit, x.Type)), up = Op.Clip(Op.Select(pairs, 2, 1), -c.Limit, c.Limit);
        return Times(m, e, (up + 1) * (gate * Op.Sigmoid(gate * c.Alpha)), "down_proj", c.Sizes.HiddenSize);
    }

    /// <summary>x W + b of one expert.</summary>
    private Value Times(Module m, int e, Value x, string name, long width)
    {
        var inner = x.Shape[1].Size!.Value;
        Value bias = m.Weight($"{name}_bias", c.Experts, width).Slice(0, e, 1).Reshape(width);
        return m.Has($"{name}_blocks") ? Product(x, Mxfp4(m, e, name, inner, width), bias) : ProductInOut(x, InOut(m, e, name, inner, width), bias);
    }

    /// <summary>A matrix of one expert, [out, in].</summary>
    private Weight Matrix(Module m, int e, string name, long inner, long width) =>
        m.Has($"{name}_blocks") ? Mxfp4(m, e, name, inner, width) : InOut(m, e, name, inner, width).Transpose();

    /// <summary>The same as bfloat16 is stored, [E, in, out].</summary>
    private Weight InOut(Module m, int e, string name, long inner, long width) => m.Weight(name, c.Experts, inner, width).Slice(0, e, 1).Reshape(inner, width);

    /// <summary>The same from blocks of 32 and their scales, [E, out, in / 32].</summary>
    private Weight Mxfp4(Module m, int e, string name, long inner, long width)
    {
        var blocks = m.Weight($"{name}_blocks", c.Experts, width, inner / 32, 16).Slice(0, e, 1).Reshape(width, inner / 32, 16);
        var scales = m.Weight($"{name}_scales", c.Experts, width, inner / 32).Slice(0, e, 1).Reshape(width, inner / 32);
        return Weight.Mxfp4($"{m.Path}.{e}.{name}", blocks, scales);
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        (h, var normed) = AddRmsNorm(m["post_attention_layernorm"], h, Attention(m["self_attn"], x, i, RmsNorm(m["input_layernorm"], h, c.Epsilon), c.Layers[i]), c.Epsilon);
        return h + Experts(m["mlp"], normed);
    }

    private CausalNetwork Network => CausalNetwork.Of(m, c.Sizes, c.Epsilon, Layer);

    internal static readonly ModelFamily Family = CausalFamily.Of("gpt_oss", "model", Config.Read, (c, m) => new GptOss(c, m).Network);
}
