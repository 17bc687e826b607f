using System.Runtime.InteropServices;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>CTRL (Keskar et al., 2019): sinusoidal positions, sines first, then cosines; embeddings times the root of their width. Salesforce/ctrl. Reference: models/ctrl/modeling_ctrl.py.</summary>
internal sealed class Ctrl(Ctrl.Config c, Module m)
{
    private const float LayerEpsilon = 1e-6f;                                                       // of the norms in layers, whatever layer_norm_epsilon says
    private static readonly Activation Relu = Activation.Named("relu");

    internal sealed record Config(DecoderSizes Sizes, int Width, float Epsilon)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("n_ctx", "summary_type", "summary_use_proj", "summary_activation", "summary_proj_to_labels");
            var sizes = DecoderSizes.Read(json, vocab: 246534, hidden: 1280, layers: 48, heads: 16, positions: 256, tied: true);
            return new(sizes, json.Count("dff", 8192), json.Float("layer_norm_epsilon", 1e-6f));
        }
    }

    private Value Positions(CausalInputs x)                                                         // [B, S] -> [B, S, D]
    {
        var g = m.Graph;
        using var scope = g.Enter("pos_encoding");
        float[] rates = [.. Enumerable.Range(0, c.Sizes.HiddenSize / 2).Select(i => 1f / (float)Math.Pow(10000, 2f * i / c.Sizes.HiddenSize))];
        var angles = Op.Unsqueeze(Op.Cast(x.PositionIds, ElementType.Float), 2) * g.Constant(ElementType.Float, [rates.Length], MemoryMarshal.AsBytes(rates.AsSpan()));
        return Op.Cast(Op.Concat(2, Op.Sin(angles), Op.Cos(angles)), g.Options.ComputeType);
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        var (s, a, normed) = (c.Sizes, m["multi_head_attention"], LayerNorm(m["layernorm1"], h, LayerEpsilon));
        Value Projected(string name) => SplitHeads(Linear(a[name], normed, s.HiddenSize), s.Heads);
        h += Linear(a["dense"], AttendCausal(a, x, i, Projected("Wq"), Projected("Wk"), Projected("Wv"), new(s.Scale)), s.HiddenSize);
        return h + PlainFeedForward(m["ffn"], LayerNorm(m["layernorm2"], h, LayerEpsilon), c.Width, Relu, bias: true, "0", "2");
    }

    private Value Hidden(CausalInputs x)                                                            // [B, S] -> [B, S, D]
    {
        var h = TokenEmbedding(m["w"], m.Root["lm_head"], x, c.Sizes.VocabSize, c.Sizes.HiddenSize, c.Sizes.Tied) * Math.Sqrt(c.Sizes.HiddenSize) + Positions(x);
        return LayerNorm(m["layernorm"], m["h"].Fold(c.Sizes.Layers, h, (layer, i, h) => Layer(layer, i, h, x)), c.Epsilon);
    }

    private Value Logits(Value h) => OutputTable(m.Root["lm_head"], m["w"], h, c.Sizes.VocabSize, c.Sizes.Tied, bias: true);

    private CausalNetwork Network => new(m, c.Sizes, Hidden, Logits) { Positions = PositionInput.Absolute, TextClassifier = "classifier" };

    internal static readonly ModelFamily Family = CausalFamily.Of("ctrl", "transformer", Config.Read, (c, m) => new Ctrl(c, m).Network);
}
